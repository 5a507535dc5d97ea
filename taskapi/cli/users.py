"""flask users: the accounts there are."""

import sys

import click
from sqlalchemy.exc import IntegrityError

from taskapi.accounts.models import create_user
from taskapi.api import problem
from taskapi.auth.schemas import RegisterSchema
from taskapi.auth.service import own_words
from taskapi.cli.command import Group
from taskapi.database import db
from taskapi.security.passwords import check_strength
from taskapi.security.rbac import Role

users = Group("users", help="The accounts there are.")


@users.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.EDITOR.value, show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, instead of asking.")
def create(name: str, role: str, password_stdin: bool) -> None:
    """Open the account NAME, by the rules of the API for names and passwords."""
    username = RegisterSchema(only=["username"]).load({"username": name})["username"]
    account = RegisterSchema().load({"username": username, "password": read_password(from_stdin=password_stdin)})
    check_strength(account["password"], own_words(**account))
    try:
        create_user(**account, roles=[role])
        db.session.commit()
    except IntegrityError:
        problem("username_taken", f"The username {username} is taken.")
    click.echo(f"Opened the account {username} with the role {role}.")


def read_password(*, from_stdin: bool) -> str:
    """Ask for a new password twice, or take the first line of standard input."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt="The same again")
    return password
