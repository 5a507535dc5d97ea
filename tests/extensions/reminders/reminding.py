"""Users with verified addresses, and the mails that they get at a moment."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine
from conftest import PASSWORD
from flask import Flask
from flask.testing import FlaskClient

from taskapi.database import db
from taskapi.extensions.account_mail.models import VerifiedEmail
from taskapi.extensions.mail.models import OutgoingMail
from taskapi.extensions.mail.outbox import Message
from taskapi.extensions.reminders.service import queue_due, render_reminder

TASKS = "/api/v1/tasks"
EMAIL = "ada@example.org"


@pytest.fixture
def ada(app: Flask, signed_in: Callable[..., FlaskClient]) -> FlaskClient:
    """A user with a verified address."""
    client = signed_in(email=EMAIL)
    with app.app_context():
        db.session.add(VerifiedEmail(user_id=id_of(client), email=EMAIL, lookup=EMAIL))
        db.session.commit()
    return client


def id_of(client: FlaskClient) -> UUID:
    """Return the id of a user."""
    return UUID(client.get("/api/v1/me").json["id"])


def add(client: FlaskClient, *reminders: str, due: str = "2090-01-31T09:00:00Z", **fields: Any) -> dict[str, Any]:
    """Add a task that is due on a day, or at an instant."""
    name = "due_at" if "T" in due else "due_date"
    body = {"title": "Call Ada", name: due or None, "reminders": [*reminders], **fields}
    response = client.post(TASKS, json=body)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json
    return created


def change(client: FlaskClient, task: dict[str, Any], **changes: Any) -> None:
    """Change a task."""
    response = client.patch(f"{TASKS}/{task['id']}", json=changes)
    assert response.status_code == 200, response.text


def change_at(client: FlaskClient, moment: str, task: dict[str, Any], **changes: Any) -> None:
    """Change a task at a moment, at which the user signs in again."""
    with at(moment):
        credentials = {"username": client.username, "password": PASSWORD}  # type: ignore[attr-defined]
        token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        response = client.patch(f"{TASKS}/{task['id']}", json=changes, headers=bearer)
    assert response.status_code == 200, response.text


def times(client: FlaskClient) -> list[str]:
    """Return when the reminders of a user are due."""
    return [each["at"] for each in client.get("/api/v1/reminders?limit=100").json["items"]]


def at(moment: str) -> Any:
    """Return a block at a moment, in which time stands still."""
    return time_machine.travel(datetime.fromisoformat(moment), tick=False)


def queued(client: FlaskClient, moment: str) -> list[dict[str, Any]]:
    """Let the sender look for reminders at a moment; return the data of the mails that it queues for a user."""
    user_id = id_of(client)
    with at(moment), client.application.app_context():
        queue_due()
        mine = OutgoingMail.user_id == user_id, OutgoingMail.kind == "reminder"
        found = db.session.scalars(sa.select(OutgoingMail.data).where(*mine)).all()
        db.session.execute(sa.delete(OutgoingMail).where(*mine))
        db.session.commit()
        return [*found]


def rendered(client: FlaskClient, data: dict[str, Any]) -> Message | None:
    """Return the mail that the sender makes."""
    with client.application.app_context():
        message = render_reminder(data)
        db.session.commit()
        return message


def mails(client: FlaskClient, moment: str) -> list[Message | None]:
    """Return the mails that a user gets when the sender looks for reminders at a moment."""
    return [rendered(client, data) for data in queued(client, moment)]
