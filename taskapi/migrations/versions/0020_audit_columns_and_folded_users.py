"""Let the prune change no column of an audit entry but `ip` and `user_agent`; fold the text that users are found by."""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from taskapi.database.folding import fold

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

COLUMNS = ("id", "at", "event", "actor_id", "subject_id", "request_id", "details")
OPENING = "EXISTS (SELECT 1 FROM audit_openings)"
SQLITE = """
CREATE TRIGGER audit_entries_keep_same BEFORE UPDATE ON audit_entries WHEN NOT ({allowed})
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
"""
POSTGRESQL = """
CREATE OR REPLACE FUNCTION audit_entries_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF {allowed} THEN
            RETURN NEW;
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM audit_openings WHERE remove_before > OLD.at) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END $$
"""
ROWS_AT_ONCE = 500
USERS = sa.table("users", sa.column("id", sa.Uuid()), *map(sa.column, ("username", "name", "email", "words")))


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_entries_keep_same")
        same = [f"NEW.{name} IS OLD.{name}" for name in COLUMNS]
        blank = [f"(NEW.{name} IS NULL OR NEW.{name} IS OLD.{name})" for name in ("ip", "user_agent")]
        op.execute(SQLITE.format(allowed=" AND ".join([OPENING, *same, *blank])))
    else:
        # Type json has no equality
        same = [f"NEW.{name}::text IS NOT DISTINCT FROM OLD.{name}::text" for name in COLUMNS]
        blank = [f"(NEW.{name} IS NULL OR NEW.{name} IS NOT DISTINCT FROM OLD.{name})" for name in ("ip", "user_agent")]
        op.execute(POSTGRESQL.format(allowed=" AND ".join([OPENING, *same, *blank])))
    _set_words(fold)


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_entries_keep_same")
        op.execute(SQLITE.format(allowed=OPENING))
    else:
        op.execute(POSTGRESQL.format(allowed=OPENING))
    _set_words(str.casefold)


def _set_words(change: Callable[[str], str]) -> None:
    connection = op.get_bind()
    update = USERS.update().where(USERS.c.id == sa.bindparam("user_id")).values(words=sa.bindparam("folded"))
    rows = sa.select(USERS).order_by(USERS.c.id).limit(ROWS_AT_ONCE)
    last = None
    while page := connection.execute(rows if last is None else rows.where(USERS.c.id > last)).all():
        words = {row.id: change("\n".join(filter(None, (row.username, row.name, row.email)))) for row in page}
        changed = [{"user_id": row.id, "folded": words[row.id]} for row in page if words[row.id] != row.words]
        if changed:
            connection.execute(update, changed)
        last = page[-1].id
