"""What our commands have in common: the application's context, and failures told in a line."""

from collections.abc import Mapping
from typing import Any

import click
from flask.cli import AppGroup
from marshmallow import ValidationError
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from taskapi.api.problems import Problem


class Command(click.Command):
    """A command whose failures are one line each, in the words of the API."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except ValidationError as error:
            raise click.ClickException(_line(error.messages_dict)) from None
        except Problem as error:
            errors = error.members.get("errors", {}).get("json", {})
            raise click.ClickException(_line(errors) or str(error.description)) from None
        except (OperationalError, ProgrammingError) as error:
            raise click.ClickException(unusable(error)) from None


class Group(AppGroup):
    """Commands under one word; each has the application's context."""

    command_class = Command


def unusable(error: DBAPIError) -> str:
    """Say in a line that the database did not do as it was asked, and what it said."""
    said = " ".join(str(error.orig).split())
    return f"The database cannot be used: {said}. `flask doctor` looks closer."


def _line(errors: Mapping[str, Any]) -> str:
    return " ".join(f"{name}: {' '.join(messages)}" for name, messages in errors.items())
