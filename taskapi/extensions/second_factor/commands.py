"""flask second-factor: keys, and users who have lost their second factor."""

import click
from sqlalchemy import select

from taskapi.api import problem
from taskapi.cli.command import Group
from taskapi.database import db, reader
from taskapi.extensions.second_factor import service
from taskapi.users.models import User

second_factor = Group("second-factor", help="Second factors: remove a lost one, and change keys.")


@second_factor.command("rotate")
def rotate() -> None:
    """Encrypt all secrets by the first key of TASKAPI_SECOND_FACTOR_KEYS. The other keys can then be removed.

    Exit with 1 if a secret cannot be decrypted: its key is missing.
    """
    done, unreadable = service.encrypt_again()
    db.session.commit()
    click.echo(f"Encrypted by the first key: {done}.")
    if unreadable:
        raise click.ClickException(f"{unreadable} cannot be decrypted: add their key, or remove them.")


@second_factor.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove the second factor of the account NAME, and end its sessions."""
    user_id = reader().execute(select(User.id).where(User.username == name.lower())).scalar()
    if user_id is None or not service.remove(user_id):
        problem("not_found", f"The account {name} does not exist, or has no second factor.")
    db.session.commit()
    click.echo(f"Removed the second factor of {name.lower()}, and ended all sessions of the account.")
