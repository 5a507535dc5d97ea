"""The applications to measure: Task API with all features on and users who have tasks, and a bare Flask route."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psycopg
from flask import Flask
from psycopg import sql

from taskapi import create_app

PASSWORD = "correct horse battery staple"
USERS = 40  # enough that no user reaches the rate limit
TASKS = 60  # three pages
LABELS = ["home", "garden", "work", "someday"]
NEW_TASK = {"title": "Water the plants", "priority": "high", "due_date": "2030-06-01"}

bare = Flask("bare")
bare.add_url_rule("/", view_func=lambda: {"hello": "world"})


class User(NamedTuple):
    """A signed-in user, and the id of one task."""

    username: str
    token: str
    task_id: str


@contextmanager
def environment(database: str = "", redis: str = "") -> Iterator[dict[str, str]]:
    """Yield the settings of an application on a new database, which is deleted afterwards.

    `database` is the URL of a PostgreSQL database whose role may create databases; empty: SQLite.
    """
    with TemporaryDirectory() as folder, _new_database(database) as url:
        settings = {
            "TASKAPI_INSTANCE_PATH": folder,
            "TASKAPI_DATABASE_URL": url,
            "TASKAPI_REDIS_URL": redis,
            "TASKAPI_LOG_FORMAT": "json",
        }
        if url:
            command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
            subprocess.run(command, env=os.environ | settings, check=True, capture_output=True)
        yield settings


@contextmanager
def _new_database(server: str) -> Iterator[str]:
    if not server:
        yield ""
        return
    name = f"taskapi_bench_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield f"{server.rsplit('/', 1)[0]}/{name}"
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def application(settings: dict[str, str], **overrides: Any) -> Flask:
    """Return the application with these settings, in this process."""
    given = {name.removeprefix("TASKAPI_"): value for name, value in settings.items()}
    return create_app({**given, **overrides})


def create_users(app: Flask, count: int = USERS, tasks: int = TASKS) -> list[User]:
    """Register users, sign them in and add tasks with labels. By requests, so that other revisions can be measured."""
    return [_create_user(app, number, tasks) for number in range(count)]


def _create_user(app: Flask, number: int, tasks: int) -> User:
    username = f"bench-{secrets.token_hex(4)}"
    client = app.test_client()
    address = {"REMOTE_ADDR": f"192.0.2.{number % 250}"}  # one address per user, to stay below the limits of an address
    credentials = {"username": username, "password": PASSWORD}
    client.post("/api/v1/auth/register", json=credentials, environ_overrides=address)
    login = client.post("/api/v1/auth/login", json=credentials, environ_overrides=address)
    token = login.json["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    create = [{"op": "create", "data": {**NEW_TASK, "labels": LABELS[i % 2 : i % 2 + 2]}} for i in range(tasks)]
    response = client.post("/api/v1/tasks/batch", json={"operations": create}, headers=headers)
    return User(username, token, response.json["results"][-1]["id"])


def describe(settings: dict[str, str]) -> str:
    """Return the name of the database, and whether Redis counts rate limits."""
    database = "PostgreSQL" if settings["TASKAPI_DATABASE_URL"] else "SQLite"
    return database + (" and Redis" if settings["TASKAPI_REDIS_URL"] else "")


def revision() -> str:
    """Return the measured commit, with `-dirty` if the code differs from it."""
    options = {"cwd": Path(__file__).parent.parent, "text": True, "stdout": subprocess.PIPE}
    commit = subprocess.run(["git", "rev-parse", "--short=10", "HEAD"], check=True, **options).stdout.strip()
    changed = subprocess.run(["git", "status", "--porcelain", "--", "*.py"], check=True, **options).stdout
    return f"{commit}-dirty" if changed else commit
