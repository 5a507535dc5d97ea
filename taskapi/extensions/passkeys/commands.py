"""flask passkeys: users whose passkeys were stolen."""

import click
from sqlalchemy import select

from taskapi.api import problem
from taskapi.auth.sessions import end_sessions
from taskapi.cli.command import Group
from taskapi.database import db, reader
from taskapi.extensions.passkeys import service
from taskapi.users.models import User

passkeys = Group("passkeys", help="Passkeys: remove those of a user.")


@passkeys.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove all passkeys of the account NAME, and end its sessions."""
    user_id = reader().execute(select(User.id).where(User.username == name.lower())).scalar()
    count = service.remove_passkeys(user_id, None) if user_id else 0
    if user_id is None or not count:
        problem("not_found", f"The account {name} does not exist, or has no passkeys.")
    end_sessions(user_id, None)
    db.session.commit()
    click.echo(f"Passkeys of {name.lower()} removed: {count}. All sessions of the account have ended.")
