"""Servers that the tests stop, freeze and restart."""

from collections.abc import Iterator

import pytest

from tests.conftest import program, unavailable
from tests.servers import Postgres, Redis


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server. Each scenario leaves it running."""
    if not Postgres.program("initdb"):
        unavailable("PostgreSQL's initdb")
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis server. Each scenario leaves it running."""
    if not Redis.is_installed():
        unavailable("redis-server")
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def nginx() -> str:
    """The path of nginx."""
    return program("nginx", "/usr/sbin/nginx")
