"""Servers that are broken on purpose, each the tests' own."""

from collections.abc import Iterator

import pytest

from tests.conftest import program, unavailable
from tests.servers import Postgres, Redis


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL that runs again whatever a test did to it."""
    if not Postgres.program("initdb"):
        unavailable("PostgreSQL's initdb")
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis that runs again whatever a test did to it."""
    if not Redis.is_installed():
        unavailable("redis-server")
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def nginx() -> str:
    """The program."""
    return program("nginx", "/usr/sbin/nginx")
