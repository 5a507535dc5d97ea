"""What the tests for all routes must know of this extension."""

from uuid import UUID

from flask.testing import FlaskClient

from taskapi.database import db, now, rls_user
from taskapi.extensions.reminders.models import ReminderMails
from tests.surface import READERS

REMINDERS = "/api/v1/reminders"


def add_reminded(client: FlaskClient) -> None:
    """Add a task with a reminder."""
    response = client.post("/api/v1/tasks", json={"title": "Call Ada", "reminders": ["2090-01-31T09:00:00Z"]})
    assert response.status_code == 201, response.text


def _remind(client: FlaskClient) -> None:
    """Give one of the tasks a reminder, or add one."""
    for task in client.get("/api/v1/tasks").json["items"]:
        client.patch(f"/api/v1/tasks/{task['id']}", json={"reminders": ["2090-01-31T09:00:00Z"]})
        return
    add_reminded(client)


def _count_mail(client: FlaskClient) -> None:
    owner_id = UUID(client.get("/api/v1/me").json["id"])
    with client.application.app_context(), rls_user(owner_id):
        db.session.add(ReminderMails(owner_id=owner_id, day=now().date(), mails=1))
        db.session.commit()


def _use(client: FlaskClient) -> None:
    _remind(client)
    _count_mail(client)


MATRIX = {f"GET {REMINDERS}": READERS}
LISTS = {REMINDERS: add_reminded}
LIVE = {"reminders": _use}
OWNED = {"reminder_times": _remind, "reminder_mails": _count_mail}
COUNTED = {"reminder_times"}
