"""The connections that requests read by, kept from one to the next.

To take one out of SQLAlchemy's pool and to put it back takes a seventh of a short request. The pool still bounds them.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event


class Readers:
    """Connections for reading; as many are kept as the pool has room for without overflowing.

    `has_ended` tells of a driver's connection whether it is of no use any more. `in_use` is told of each that is.
    """

    def __init__(self, engine: Engine, has_ended: Callable[[Any], bool]) -> None:
        self._engine = engine
        self._has_ended = has_ended
        self._kept: deque[Connection] = deque()
        self.in_use: Callable[[int], None] = lambda _more: None
        event.listen(engine, "engine_disposed", lambda _engine: self._let_go())

    def take(self) -> Connection:
        """Return a connection. Raises SQLAlchemy's TimeoutError where none gets free in time."""
        while (connection := self._pop()) is not None:
            if not self._has_ended(connection.connection.driver_connection):
                return connection
            _end(connection)
        return self._engine.connect()

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next request, if it is as it was, and nobody can be waiting for one of the pool."""
        pool: Any = self._engine.pool
        if connection.invalidated:
            self._let_go()  # as SQLAlchemy gives up those in the pool
        if connection.invalidated or connection.in_transaction() or pool.checkedout() > pool.size():
            connection.close()
        else:
            self.in_use(-1)
            self._kept.append(connection)

    def _pop(self) -> Connection | None:
        """Return the one that was used last, of which a database knows most."""
        try:
            connection = self._kept.pop()
        except IndexError:
            return None
        self.in_use(1)
        return connection

    def _let_go(self) -> None:
        while (connection := self._pop()) is not None:
            _end(connection)


def _end(connection: Connection) -> None:
    connection.invalidate()
    connection.close()
