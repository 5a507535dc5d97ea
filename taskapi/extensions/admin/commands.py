"""flask users: list, create, change and delete accounts."""

import sys
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import click
from sqlalchemy import select

from taskapi.api import problem
from taskapi.api.responses import to_json
from taskapi.audit import Event
from taskapi.audit.models import AuditEntry
from taskapi.auth.schemas import RegisterSchema
from taskapi.cli.command import Group, json_option, read_stdin_line
from taskapi.database import db, reader
from taskapi.extensions.admin import service
from taskapi.extensions.admin.queries import NAMES, select_users
from taskapi.security.rbac import Role
from taskapi.users.models import User
from taskapi.users.schemas import ROLES
from taskapi.users.service import lock_account

users = Group("users", help="List, create, change and delete accounts.")

name_argument = click.argument("name")
role_argument = click.argument("role", type=click.Choice(ROLES))
password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of standard input."
)


@users.command("list")
@click.option("--q", help="Words in the username, name or e-mail address.")
@click.option("--role", type=click.Choice(ROLES))
@click.option("--active/--inactive", default=None, help="Only accounts that can sign in, or only those that cannot.")
@json_option
def list_users(as_json: bool, **query: Any) -> None:
    """List accounts, by username."""
    filters = {name: value for name, value in query.items() if value is not None}
    rows = [dict(row._mapping) for row in reader().execute(select_users(filters).order_by(User.username))]
    for row in rows if not as_json else ():
        click.echo(f"{row['username']}  {','.join(row['roles'])}{'' if row['active'] else '  inactive'}")
    if as_json:
        click.echo(to_json(rows))


@users.command("create")
@name_argument
@click.option("--role", type=click.Choice(ROLES), default=Role.EDITOR.value, show_default=True)
@password_option
@json_option
def create(name: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Create the account NAME. The API's rules for usernames and passwords apply."""
    username = RegisterSchema(only=["username"]).load({"username": name})["username"]
    service.require_free(username)
    account = RegisterSchema().load({"username": username, "password": read_password(from_stdin=password_stdin)})
    user = service.create_account({**account, "roles": [role]})
    db.session.commit()
    report(user, f"Created the account {username} with the role {role}.", as_json=as_json)


@users.command("grant")
@name_argument
@role_argument
@json_option
def grant(name: str, role: str, as_json: bool) -> None:
    """Add a role to the account NAME."""
    user = find(name)
    service.change_account(user.id, {"roles": [*user.roles, role]})
    db.session.commit()
    report(user, f"The roles of {user.username}: {', '.join(user.roles)}.", as_json=as_json)


@users.command("revoke")
@name_argument
@role_argument
@json_option
def revoke(name: str, role: str, as_json: bool) -> None:
    """Remove a role from the account NAME."""
    user = find(name)
    service.change_account(user.id, {"roles": [held for held in user.roles if held != role]})
    db.session.commit()
    report(user, f"The roles of {user.username}: {', '.join(user.roles)}.", as_json=as_json)


@users.command("deactivate")
@name_argument
@json_option
def deactivate(name: str, as_json: bool) -> None:
    """Deactivate the account NAME: end its sessions and refuse its sign-ins."""
    user = service.change_account(find(name).id, {"active": False})
    db.session.commit()
    report(user, f"{user.username} is deactivated. All its sessions have ended.", as_json=as_json)


@users.command("activate")
@name_argument
@json_option
def activate(name: str, as_json: bool) -> None:
    """Activate the account NAME, so that it can sign in again."""
    user = service.change_account(find(name).id, {"active": True})
    db.session.commit()
    report(user, f"{user.username} can sign in.", as_json=as_json)


@users.command("set-password")
@name_argument
@password_option
@json_option
def set_password(name: str, password_stdin: bool, as_json: bool) -> None:
    """Change the password of the account NAME, and end all its sessions."""
    user_id = id_of(name)
    password = read_password(from_stdin=password_stdin)
    user = service.set_password(user_id, password)
    db.session.commit()
    report(user, f"{user.username} has a new password. All its sessions have ended.", as_json=as_json)


@users.command("sign-out")
@name_argument
@json_option
def sign_out(name: str, as_json: bool) -> None:
    """End all sessions of the account NAME."""
    user = service.sign_out(id_of(name))
    db.session.commit()
    report(user, f"All sessions of {user.username} have ended.", as_json=as_json)


@users.command("delete")
@name_argument
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
def delete(name: str, yes: bool, as_json: bool) -> None:
    """Delete the account NAME and all its data permanently."""
    user_id = id_of(name)
    if not yes:
        require_terminal("ask for confirmation", "--yes")
        click.confirm(f"Delete {name} and all its data permanently?", abort=True, err=True)
    user = service.delete_account(user_id)
    db.session.commit()
    report(user, f"Deleted {user.username} and all its data.", as_json=as_json)


@users.command("erased")
def list_erased() -> None:
    """Print the ids of the deleted accounts that the audit log still contains.

    Keep them outside the database. After you restore an older backup, delete these accounts again with `erase-again`.
    """
    erased = select(AuditEntry.subject_id).where(AuditEntry.event == Event.DELETED.value).order_by(AuditEntry.at)
    for user_id in reader().scalars(erased):
        click.echo(user_id)


@users.command("erase-again")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
def erase_again(file: Iterable[str]) -> None:
    """Delete the accounts whose ids are in FILE, one per line, if a restore has brought them back."""
    try:
        ids = [UUID(line.strip()) for line in file if line.strip()]
    except ValueError as error:
        raise click.ClickException(f"{error}; nothing was deleted.") from None
    for user_id in reader().scalars(select(User.id).where(User.id.in_(ids))).all():
        service.delete_account(user_id)
        db.session.commit()
        click.echo(f"Deleted {user_id} and all its data.")


def find(name: str) -> User:
    """Return the account with this username, locked for a change."""
    return lock_account(id_of(name))


def id_of(name: str) -> UUID:
    """Return the id of the account with this username, ignoring case. Responds 404 if there is none."""
    found: UUID | None = reader().execute(select(User.id).where(User.username == name.lower())).scalar()
    return found or problem("not_found", f"The account {name} does not exist.")


def report(user: User, text: str, *, as_json: bool) -> None:
    """Print what was done, or with `as_json` the account."""
    click.echo(to_json({name: getattr(user, name) for name in NAMES}) if as_json else text)


def read_password(*, from_stdin: bool) -> str:
    """Ask for a new password twice, or read the first line of standard input."""
    if from_stdin:
        return read_stdin_line()
    require_terminal("ask for a password", "--password-stdin")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt="Repeat the password", err=True)
    return password


def require_terminal(purpose: str, option: str) -> None:
    """Exit with status 2 and name the option to use instead if standard input is not a terminal."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"Cannot {purpose}: standard input is not a terminal. Use {option}.")
