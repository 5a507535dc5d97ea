"""The extensions: optional parts of the service.

To remove an extension, delete its line in NAMES, its folder here and its folder in tests/extensions. If it has tables,
run `flask db downgrade NAME@base` before that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click
from flask import Flask

from taskapi.api import Blueprint
from taskapi.api.error_catalogue import CATALOGUE, Entry
from taskapi.auth.service import SIGN_IN_CHECKS
from taskapi.cli import database_group
from taskapi.config import Settings, declare_settings
from taskapi.security.guard import OTHER_TOKENS
from taskapi.security.keys.sources import Source, register_store
from taskapi.security.tokens import Caller

# In this order the OpenAPI document lists their groups of routes; administration is the last group
NAMES: Final = (
    "exports",
    "imports",
    "batch",
    "csv_imports",
    "csv_applications",
    "bulk",
    "ics_imports",
    "calendars",
    "changes",
    "live_updates",
    "order",
    "recurrence",
    "personal_tokens",
    "sharding",
    "secret_stores",
    "admin",
    "mail",
    "account_mail",
    "reminders",
    "second_factor",
    "openid",
    "openid_accounts",
    "passkeys",
    "web",
    "dev",
    "lessons",
    "start",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Extension:
    """What an extension adds to the application. An extension declares it as EXTENSION in its package."""

    name: str
    requires: tuple[str, ...] = ()  # other extensions whose routes it uses
    blueprints: tuple[Blueprint, ...] = ()  # routes of the API, which the OpenAPI document describes
    init: Callable[[Flask, Settings], None] | None = None  # called once the core is initialized
    commands: tuple[click.Command, ...] = ()  # `flask …`
    database_commands: tuple[click.Command, ...] = ()  # `flask db …`
    settings: type | None = None  # a dataclass as in taskapi.config
    errors: Mapping[str, Entry] = field(default_factory=dict)  # error codes
    key_stores: Mapping[str, Callable[[str], Source]] = field(default_factory=dict)  # secret stores, by URL scheme
    # Functions that return the caller of another kind of bearer token, by its first 4 characters
    bearer_tokens: Mapping[str, Callable[[str], Caller]] = field(default_factory=dict)
    # Functions that may reject a sign-in: of the user, of the methods by which they have proved who they are, and of
    # whether they have just entered credentials
    sign_in_checks: tuple[Callable[[Any, list[str], bool], None], ...] = ()

    @property
    def revisions(self) -> Path:
        """The folder of its Alembic revisions, which exists if the extension has tables."""
        return Path(__file__).parent / self.name / "migrations"

    def init_app(self, app: Flask, settings: Settings) -> None:
        """Add the commands, and call `init`."""
        for command in self.commands:
            app.cli.add_command(command)
        for command in self.database_commands:
            database_group(app).add_command(command)
        if self.init:
            self.init(app, settings)


def _load(name: str) -> Extension:
    extension: Extension = import_module(f"{__name__}.{name}").EXTENSION
    if missing := set(extension.requires) - set(NAMES):
        raise LookupError(
            f"The extension {name} requires the extensions {sorted(missing)}: add them, or remove it too."
        )
    CATALOGUE.update(extension.errors)
    for scheme, open_store in extension.key_stores.items():
        register_store(scheme, open_store)
    OTHER_TOKENS.update(extension.bearer_tokens)
    SIGN_IN_CHECKS.extend(extension.sign_in_checks)
    if extension.settings:
        declare_settings(extension.settings)
    return extension


EXTENSIONS: Final = tuple(map(_load, NAMES))
