"""flask db shard: distribute a migrated database over the nodes of a Citus cluster by owner.

The table of accounts is copied to every node. All rows of one owner are on the same node, the denylist included.
Sessions and the audit log stay on the coordinator, since queries find them by other keys.
"""

from collections.abc import Iterator
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import ForeignKeyConstraint, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import AddConstraint, DropConstraint

from taskapi.cli.command import Command
from taskapi.database import db, owned_tables, reader, rls_tables
from taskapi.migrations import check_migrations
from taskapi.users.models import User

_HAS_CITUS = text("SELECT to_regproc('create_distributed_table') IS NOT NULL")
_HAS_COORDINATOR = text("SELECT EXISTS (SELECT FROM pg_dist_node WHERE groupid = 0)")
_PASSES_SETTINGS_ON = text("SELECT current_setting('citus.propagate_set_commands', true) = 'local'")
_IS_NEW = "WHERE NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = '{}'::regclass)"


@click.command("shard", cls=Command)
@click.option("--apply", "is_applied", is_flag=True, help="Also run the SQL. Stop all writers first.")
@with_appcontext
def shard(is_applied: bool) -> None:
    """Print the SQL that distributes the tables on Citus. If it is interrupted, run all of it again."""
    if is_applied:
        _refuse_unfit()
    for statement in statements():
        click.echo(f"{statement};")
        if is_applied:
            reader().exec_driver_sql(statement)


def statements() -> Iterator[str]:
    """Yield the statements. Each one is a transaction."""
    owned = [table.name for table in owned_tables()]
    guarded = [table.name for table in rls_tables()]
    yield from (_text(DropConstraint(key, if_exists=True)) for key in _keys())
    yield from (
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY" for table in guarded
    )  # the policy would hide the rows
    yield f"SELECT create_reference_table('{User.__tablename__}') {_IS_NEW.format(User.__tablename__)}"
    for table in owned:
        beside = "none" if table == owned[0] else owned[0]
        call = f"create_distributed_table('{table}', 'owner_id', colocate_with => '{beside}')"
        yield f"SELECT {call} {_IS_NEW.format(table)}"
    for table in (User.__tablename__, *owned):  # otherwise a copy of all rows stays in the files of the coordinator
        yield f"SELECT truncate_local_data_after_distributing_table('{table}')"
    yield from (_text(AddConstraint(key)) for key in _keys())
    yield from (f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY" for table in guarded)


def _keys() -> list[ForeignKeyConstraint]:
    """Return the foreign keys from or to distributed tables: Citus distributes no table that has one."""
    moving = {*owned_tables(), User.__table__}
    return [
        key
        for table in db.metadata.sorted_tables
        for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name))
        if table in moving or key.referred_table in moving
    ]


def _text(change: AddConstraint | DropConstraint) -> str:
    dialect: Any = postgresql.dialect  # has no types
    return " ".join(str(change.compile(dialect=dialect())).split())


def _refuse_unfit() -> None:
    """Refuse a database without Citus, or with the schema of another version."""
    if db.engine.dialect.name != "postgresql" or not reader().execute(_HAS_CITUS).scalar_one():
        raise click.ClickException("This database does not have Citus; nothing was changed. See docs/scaling.md.")
    if not reader().execute(_HAS_COORDINATOR).scalar_one():
        first = "SELECT citus_set_coordinator_host('<host>', <port>)"
        raise click.ClickException(
            "The coordinator is not in pg_dist_node, so deleting an account would leave its sessions. "
            f"Nothing was changed; first run: {first}"
        )
    if not reader().execute(_PASSES_SETTINGS_ON).scalar():
        first = f"ALTER DATABASE {db.engine.url.database} SET citus.propagate_set_commands = 'local'"
        raise click.ClickException(f"Row-level security would hide every row. Nothing was changed; first run: {first}")
    if why := check_migrations():
        raise click.ClickException(f"{why[0].upper()}{why[1:]}; nothing was changed.")
