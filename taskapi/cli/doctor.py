"""flask doctor: check settings, services and keys, one line for each check. Shows no secret."""

from collections.abc import Iterator

import click
from flask.cli import with_appcontext
from sqlalchemy import text

from taskapi.cli.command import Command
from taskapi.config import SETTINGS, settings
from taskapi.config.sources import exposure, kubernetes_names, suggestion, unknown_names
from taskapi.database import db, reader, rls_status
from taskapi.migrations import applied_revisions, check_database, downgrade_command, is_newer, join_revisions
from taskapi.ops.health import findings
from taskapi.security.keys import current_key_set, key_reloader
from taskapi.security.redis import eviction, redis

Finding = tuple[str, str, str]  # the result, its subject, and a message
OK, WARN, FAIL = "ok", "warn", "FAIL"
_MAY_CHANGE_LOG = text(
    "SELECT has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE') OR pg_has_role(relowner, 'USAGE') "
    "FROM pg_class WHERE oid = to_regclass('audit_entries')"
)


@click.command("doctor", cls=Command)
@with_appcontext
def doctor() -> None:
    """Check settings, database, migrations and keys. Exit with 1 if a check fails; warnings do not count."""
    lines = [*_settings(), *_services(), *_eviction(), *_key_source(), *_row_security(), *_audit_log()]
    for result, subject, message in lines:
        click.echo(f"{result:5} {subject:12} {message}".rstrip())
    if any(result == FAIL for result, *_ in lines):
        raise click.exceptions.Exit(1)


def _settings() -> Iterator[Finding]:
    changed = [name for name, f in SETTINGS.items() if getattr(settings(), name.lower()) != f.default]
    shown = ", ".join(name for name in changed if name not in {"ENV", "INSTANCE_PATH"})
    yield OK, "settings", f"{settings().env}; changed: {shown or 'none'}; instance folder {settings().instance_path}"
    if settings().production and settings().embedded:
        message = "TASKAPI_DATABASE_URL is not set: all data is in the instance folder, which a container loses"
        yield WARN, "database", message
    for name in unknown_names():
        yield FAIL, "settings", f"{name} is not a setting{suggestion(name)}"
    if names := kubernetes_names():
        message = (
            "set by Kubernetes for a Service, and ignored; avoid them by enableServiceLinks: false in the pod's spec"
        )
        yield WARN, "settings", f"{', '.join(names)}: {message}"


def _key_source() -> Iterator[Finding]:
    """Warn about a key file that others can read, which production refuses, and yield the warning of the source."""
    source = key_reloader().source
    if source.path and (why := exposure(source.path)):
        yield WARN, "signing_key", f"{source.path} {why}"
    if warning := source.warning():
        yield WARN, "signing_key", warning


def _services() -> Iterator[Finding]:
    for name, down in findings().items():
        message = down or _DETAILS.get(name, lambda: "")()
        yield (OK if down is None else FAIL), name, message


def _eviction() -> Iterator[Finding]:
    store = redis()
    policy = eviction(store)[0] if store else ""
    if policy:
        yield WARN, "redis", f"evicts counters when full: maxmemory-policy is {policy}, and should be noeviction"


def _row_security() -> Iterator[Finding]:
    """In production, fail if the role of PostgreSQL can see the rows of all users."""
    if check_database() is None and applied_revisions():
        in_force, message = rls_status(reader())
        is_required = settings().production and reader().dialect.name != "sqlite"
        yield (FAIL if is_required and not in_force else OK), "row_security", message


def _audit_log() -> Iterator[Finding]:
    """In production on PostgreSQL, warn if the role of the service can change the audit log."""
    checked = settings().production and check_database() is None and reader().dialect.name == "postgresql"
    if checked and applied_revisions():
        may_change = reader().execute(_MAY_CHANGE_LOG).scalar()
        message = "the role can change it: migrate as the owner, and let the service use a role of `flask db grant`"
        yield (WARN, "audit_log", message) if may_change else (OK, "audit_log", "append-only for this role")


def _database() -> str:
    url = db.engine.url
    return f"{url.get_backend_name()}, {url.database}" + (f" on {url.host}" if url.host else "")


def _migrations() -> str:
    applied = applied_revisions()
    newer = f", of a newer version; to go back, run its `{downgrade_command(applied)}`" if is_newer(applied) else ""
    return f"at {join_revisions(applied)}{newer}"


def _signing_key() -> str:
    key = current_key_set().signing
    return f"{key.alg}, kid {key.kid}" if key else "none: this instance verifies tokens, but issues none"


def _redis() -> str:
    return "it responds" if redis() else "none; each process counts rate limits in its own memory"


_DETAILS = {"database": _database, "migrations": _migrations, "signing_key": _signing_key, "redis": _redis}
