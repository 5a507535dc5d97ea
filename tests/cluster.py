"""A Citus cluster to run the suite on: TASKAPI_TEST_CITUS_URL names its coordinator, as a superuser.

Citus is in no package registry, so TASKAPI_REQUIRE_SERVICES does not require a cluster. The nodes are those that
`pg_dist_node` of that database lists, and must let each other and the tests in without a password.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from psycopg.errors import DuplicateObject, UniqueViolation

ROLE = "taskapi_test"  # row-level security applies to it, unlike to a superuser
CITUS_URL = os.environ.get("TASKAPI_TEST_CITUS_URL")
citus = pytest.mark.skipif(CITUS_URL is None, reason="needs a Citus cluster, in TASKAPI_TEST_CITUS_URL")


def admin(name: str, host: str | None = None, port: int | None = None) -> Any:
    """Connect to a database of a node, the coordinator by default, as the superuser."""
    url = sa.make_url(CITUS_URL or "").set(drivername="postgresql", database=name)
    url = url.set(host=host or url.host, port=port or url.port)
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


def nodes() -> list[tuple[str, int]]:
    """Return the addresses of all nodes, the coordinator first."""
    with admin(str(sa.make_url(CITUS_URL or "").database)) as connection:
        return connection.execute("SELECT nodename, nodeport FROM pg_dist_node ORDER BY groupid").fetchall()


@contextmanager
def databases() -> Iterator[Callable[[], str]]:
    """Make empty databases on all nodes, as docs/scaling.md describes, and drop them at the end."""
    made: list[str] = []

    def make() -> str:
        made.append(f"taskapi_test_{secrets.token_hex(6)}")
        create_database(made[-1])
        url = sa.make_url(CITUS_URL or "").set(drivername="postgresql", username=ROLE, password=None, database=made[-1])
        return url.render_as_string()

    yield make
    for name in made:
        for host, port in nodes():
            with admin("postgres", host, port) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def create_database(name: str) -> None:
    """Create an empty database on all nodes, for a cluster of its own."""
    coordinator, *workers = nodes()
    for host, port in (coordinator, *workers):
        with admin("postgres", host, port) as connection, suppress(DuplicateObject, UniqueViolation):
            connection.execute(f"CREATE ROLE {ROLE} LOGIN")
        with admin("postgres", host, port) as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {ROLE}")
        with admin(name, host, port) as connection:
            connection.execute("CREATE EXTENSION citus")
    with admin(name) as connection:
        connection.execute("SELECT citus_set_coordinator_host(%s, %s)", coordinator)
        for worker in workers:
            connection.execute("SELECT citus_add_node(%s, %s)", worker)
        connection.execute(f"ALTER DATABASE {name} SET citus.propagate_set_commands = 'local'")


def shard(app: Flask) -> None:
    """Distribute the migrated tables of an application, if the suite runs on a cluster."""
    if CITUS_URL:
        result = app.test_cli_runner().invoke(args=["db", "shard", "--apply"])
        assert result.exit_code == 0, result.output
