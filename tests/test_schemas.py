"""Responses equal what the schemas would dump. Rows are sent as JSON without marshmallow, which only documents them."""

import json
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine
from conftest import PASSWORD
from surface import needs

from taskapi.audit.models import AuditEntry
from taskapi.audit.schemas import AuditEntrySchema
from taskapi.database import db, rls_user
from taskapi.labels.models import Label
from taskapi.labels.schemas import LABEL
from taskapi.projects.models import Project
from taskapi.projects.schemas import PROJECT
from taskapi.tasks.models import Task
from taskapi.tasks.schemas import TASK
from taskapi.users.models import User
from taskapi.users.schemas import ACCOUNT

TASK_BODY = {
    "title": "Water the plants",
    "description": "All of them\nand the tree",
    "status": "done",
    "priority": "high",
    "due_at": "2030-06-01T12:00:00+02:00",
    "labels": ["garden", "Home"],
}
NOBODY = UUID(int=0)
MADE = {
    "/api/v1/tasks": (Task, TASK, TASK_BODY),
    "/api/v1/projects": (Project, PROJECT, {"name": "Garden", "color": "#00ff00"}),
    "/api/v1/labels": (Label, LABEL, {"name": "urgent", "color": "#ff0000"}),
}


def dumped(app, schema, model, where, user=NOBODY):
    """Return what marshmallow makes of a row, in UTC as we write it."""
    with app.app_context(), rls_user(user):
        row = db.session.scalars(sa.select(model).where(where)).one()
        return json.loads(json.dumps(schema.dump(row)).replace("+00:00", "Z"))


@pytest.mark.parametrize("url", MADE)
def test_response_of_post_equals_the_schema_dump(app, owner, url):
    model, schema, body = MADE[url]
    made = owner.post(url, json=body).json
    user = UUID(owner.get("/api/v1/me").json["id"])
    expected = dumped(app, schema, model, (model.owner_id == user) & (model.id == UUID(made["id"])), user)
    assert made == expected
    assert owner.get(f"{url}/{made['id']}").json == expected
    assert owner.get(url).json["items"][0] == expected


def test_account_response_equals_the_schema_dump(app, signed_in):
    user = signed_in(name="Ada", email="ada@example.org")
    assert user.get("/api/v1/me").json == dumped(app, ACCOUNT, User, User.username == user.username)


@needs("admin")
def test_audit_response_equals_the_schema_dump(app, signed_in):
    admin = signed_in("admin")
    admin.post("/api/v1/auth/login", json={"username": admin.username, "password": PASSWORD})
    entry = admin.get("/api/v1/admin/audit?event=sign_in&limit=1").json["items"][0]
    assert entry == dumped(app, AuditEntrySchema(), AuditEntry, AuditEntry.id == UUID(entry["id"]))


def test_summary_counts_by_status_and_by_the_users_day(signed_in):

    with time_machine.travel("2030-06-01T20:00:00Z", tick=False):
        user = signed_in(timezone="Asia/Tokyo")  # there it is the second of June, five in the morning
        for body in (
            {"due_date": "2030-06-01"},
            {"due_date": "2030-06-02"},
            {"due_date": "2030-06-03"},
            {"due_at": "2030-06-01T15:00:00Z", "status": "in_progress"},
            {"due_at": "2030-06-02T14:59:59Z"},
            {"due_at": "2030-06-02T15:00:00Z"},
            {"due_date": "2030-06-01", "status": "done"},
            {"status": "cancelled"},
        ):
            user.post("/api/v1/tasks", json={"title": "Task", **body})
        gone = user.post("/api/v1/tasks", json={"title": "Gone", "due_date": "2030-06-02"}).json
        user.delete(f"/api/v1/tasks/{gone['id']}")
        assert user.get("/api/v1/tasks/summary").json == {
            "by_status": {"todo": 5, "in_progress": 1, "done": 1, "cancelled": 1},
            "overdue": 2,  # the day before, and midnight, five hours ago
            "due_today": 2,  # the day itself, and its last second
        }
