"""flask db grant: give a role that does not own the tables the privileges that the service needs, and no others."""

import click
from flask.cli import with_appcontext
from sqlalchemy import Connection, text

from taskapi.audit.models import AuditEntry, AuditOpening
from taskapi.cli.command import Command
from taskapi.database import db

APPEND_ONLY = AuditEntry.__tablename__
OWNERS_ONLY = AuditOpening.__tablename__  # `flask prune` uses it to change and delete old entries of the audit log
_TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
_SCHEMA = text("SELECT current_schema()")
_USER = text("SELECT current_user")


@click.command("grant", cls=Command)
@click.argument("role")
@with_appcontext
def grant(role: str) -> None:
    """Let the service use the PostgreSQL role ROLE. Run it as the owner of the tables after each `flask db upgrade`.

    ROLE may read and write all rows that row-level security shows it. Of the audit log it may read and add entries. It
    may change neither the schema nor the entries, and cannot disable triggers or policies.
    """
    if db.engine.dialect.name != "postgresql":
        raise click.ClickException("Only PostgreSQL has roles.")
    with db.engine.connect() as connection, connection.begin():
        if role == connection.execute(_USER).scalar():
            raise click.ClickException(f"{role} owns the tables. Name the role that the service connects as.")
        _grant(connection, role)
    click.echo(f"The service may use {role}. It may only read and add entries of the audit log.")


def _grant(connection: Connection, role: str) -> None:
    quote = connection.dialect.identifier_preparer.quote_identifier
    grantee = quote(role)
    schema = quote(str(connection.execute(_SCHEMA).scalar()))
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {grantee}")
    for table in connection.execute(_TABLES).scalars().all():
        connection.exec_driver_sql(f"REVOKE ALL ON {quote(table)} FROM {grantee}")
        if privileges := _privileges(table):
            connection.exec_driver_sql(f"GRANT {privileges} ON {quote(table)} TO {grantee}")


def _privileges(table: str) -> str:
    if table in db.metadata.tables and table not in {APPEND_ONLY, OWNERS_ONLY}:
        return "SELECT, INSERT, UPDATE, DELETE"
    return {APPEND_ONLY: "SELECT, INSERT", "alembic_version": "SELECT"}.get(table, "")
