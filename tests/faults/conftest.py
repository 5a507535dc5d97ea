"""Servers that are broken on purpose, each the tests' own."""

from collections.abc import Iterator

import pytest

from tests.conftest import unavailable
from tests.servers import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL that runs again whatever a test did to it."""
    if not Postgres.program("initdb"):
        unavailable("PostgreSQL's initdb")
    server = Postgres()
    server.start()
    yield server
    server.remove()
