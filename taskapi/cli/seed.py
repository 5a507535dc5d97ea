"""flask seed: an account to try things out with."""

import secrets
from random import Random
from zoneinfo import ZoneInfo

import click
from flask.cli import with_appcontext
from sqlalchemy import exists, select
from uuid_utils.compat import uuid7

from taskapi.auth.schemas import RegisterSchema
from taskapi.cli.command import Command
from taskapi.cli.lifelike import lifelike_tasks
from taskapi.database import db, now, rls_user
from taskapi.resources.versions import lock_owner
from taskapi.tasks.edit import insert_tasks
from taskapi.tasks.models import new_row
from taskapi.users.models import User, create_user


@click.command("seed", cls=Command)
@click.argument("name", default="demo")
@click.option("--tasks", "count", type=click.IntRange(1, 1000), default=200, show_default=True, help="How many tasks.")
@with_appcontext
def seed(name: str, count: int) -> None:
    """Open the account NAME (demo) with lifelike tasks; its password is shown this once."""
    username = RegisterSchema(only=["username"]).load({"username": name})["username"]
    if db.session.execute(select(exists().where(User.username == username))).scalar():
        click.echo(f"The account {username} is there already; nothing was changed. `flask seed NAME` opens another.")
        return
    password = secrets.token_urlsafe(12)
    fill(create_user(username, password, name=username.capitalize()), count)
    db.session.commit()
    click.echo(f"Opened an account with {count} tasks. Its password is shown this once.")
    click.echo(f"username: {username}\npassword: {password}")


def fill(user: User, count: int) -> None:
    """Add `count` tasks for a user, with due days around today."""
    with rls_user(user.id):
        version = lock_owner(user.id, count, tasks=count).value - count
        moment, zone = now(), ZoneInfo(user.timezone)
        samples = lifelike_tasks(count, moment, Random(str(user.id)))  # noqa: S311 - nothing secret is drawn
        fixed = {"owner_id": user.id, "created_at": moment, "updated_at": moment}
        insert_tasks(
            [
                new_row(values, zone, **fixed, id=uuid7(), version=version + number)
                for number, values in enumerate(samples, 1)
            ]
        )
