"""flask prune: remove what has had its time."""

from contextlib import suppress
from datetime import timedelta

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import NoResultFound

from taskapi.audit.log import prune_audit
from taskapi.auth.sessions import prune_sessions
from taskapi.cli.command import Command
from taskapi.config import settings
from taskapi.database import db, now, rls_user
from taskapi.resources.idempotency import prune_responses
from taskapi.tasks.trash import empty_trash, is_due
from taskapi.users.service import iterate_user_ids


@click.command("prune", cls=Command)
@with_appcontext
def prune() -> None:
    """Remove what has had its time: old trash, ended sessions, stored answers, old audit entries. Run it once a day."""
    before = now() - timedelta(days=settings().trash_days)
    emptied, over = 0, prune_sessions()
    db.session.commit()
    removed, blanked = prune_audit()
    for owner_id in iterate_user_ids():
        with suppress(NoResultFound), rls_user(owner_id):  # who leaves meanwhile has nothing left
            if is_due(owner_id, before):
                emptied += empty_trash(owner_id, before)
                over += prune_responses(owner_id)
                db.session.commit()
    click.echo(f"Removed {emptied} rows from the trash, and {over} sessions, revocations and stored answers.")
    click.echo(f"Removed {removed} entries from the audit log, and addresses and agents from {blanked} others.")
