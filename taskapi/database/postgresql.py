"""PostgreSQL: every transaction says for whom it acts, in a round trip that is made anyway.

The driver begins nothing by itself (AUTOCOMMIT). A unit of work begins with BEGIN and the setting as one query. A read
stands alone, and goes out together with BEGIN, the setting and COMMIT in a pipeline; one that names no owned table
needs none of these.
"""

from typing import Any, Final

from psycopg import Cursor
from sqlalchemy import Connection, Engine, event

from taskapi.database.acting import acting, concerns_owners
from taskapi.prepared import send


class Reading(Cursor[Any]):
    """What reads. All reading passes here, by SQLAlchemy's ways or past them."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "Reading":
        """Read for whom the context says. What fails leaves no transaction behind, and with it no setting."""
        setting, connection = acting(), self.connection
        if not setting or not connection.autocommit or not concerns_owners(query):
            return super().execute(query, params, **options)
        around = Cursor(connection)
        try:
            with connection.pipeline():
                around.execute("BEGIN", prepare=False)
                around.execute(setting, prepare=False)
                super().execute(query, params, **options)
                around.execute("COMMIT", prepare=False)
        except BaseException:
            if not connection.closed:
                connection.rollback()
            raise
        return self


DRIVER: Final = "postgresql+psycopg"
WRITING: Final[dict[str, Any]] = {
    "isolation_level": "AUTOCOMMIT",
    "pool_pre_ping": True,
    "pool_timeout": 5,
    "connect_args": {"connect_timeout": 5},
}
READING: Final[dict[str, Any]] = {**WRITING, "connect_args": {"connect_timeout": 5, "cursor_factory": Reading}}


def prepare(writer: Engine, _reading: Engine) -> None:
    """Let units of work begin by themselves."""
    event.listen(writer, "begin", _begin)


def _begin(connection: Connection) -> None:
    send(connection, "; ".join(filter(None, ("BEGIN", acting()))), prepare=False)
