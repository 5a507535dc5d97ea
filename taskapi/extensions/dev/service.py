"""The demo users and their data."""

from datetime import timedelta
from random import Random
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import exists, select

from taskapi.database import db, now
from taskapi.extensions.dev.sample_data import sample_tasks
from taskapi.users.models import User, create_user

PASSWORD = "demo-password"  # noqa: S105 - printed, and only for a server of this machine
ROLES = {"demo": "editor", "viewer": "viewer", "admin": "admin"}
PROJECTS = {"Home": "#2e7d32", "Work": "#1565c0", "Trip to Lisbon": "#ad1457"}
LABELS = ("errand", "phone", "waiting", "10 minutes")
SUBTASKS = ("Collect the papers", "Ask for a second opinion", "Check it once more")
TASKS = 40


def create_demo_users(app: Flask) -> None:
    """Create the users that do not exist, with their data."""
    with app.app_context():
        missing = [name for name in ROLES if not db.session.scalar(select(exists().where(User.username == name)))]
        for name in missing:
            create_user(name, PASSWORD, name=name.capitalize(), roles=["editor"])
        db.session.commit()
        for name in missing:
            _fill(app, name)
            user = db.session.scalars(select(User).where(User.username == name)).one()
            user.apply({"roles": [ROLES[name]]})
            db.session.commit()


def _fill(app: Flask, name: str) -> None:
    """Add projects, labels, tasks and subtasks over the API, as a client does. The data are the same in each run."""
    client = app.test_client()
    signed_in = client.post("/api/v1/auth/login", json={"username": name, "password": PASSWORD})
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {signed_in.get_json()['access_token']}"
    random = Random(name)  # noqa: S311 - not for security
    projects = [_add(client, "projects", {"name": title, "color": color}) for title, color in PROJECTS.items()]
    moment = now()
    fixed = [
        {"title": "Renew the passport", "due_date": moment.date() - timedelta(days=3), "priority": "urgent"},
        {"title": "Water the plants", "due_date": moment.date(), "labels": ["home"]},
        {"title": "Write the first release notes", "status": "done", "due_date": moment.date() - timedelta(days=1)},
    ]
    for number, task in enumerate([*fixed, *sample_tasks(TASKS, moment, random)]):
        project = random.choice([*projects, None])
        labels = {"labels": random.sample(LABELS, random.randrange(3))}
        added = _add(client, "tasks", {**labels, **task, "project_id": project})
        for title in SUBTASKS if number % 8 == 0 else ():
            _add(client, "tasks", {"title": title, "parent_id": added, "status": random.choice(["todo", "done"])})


def _add(client: FlaskClient, kind: str, body: dict[str, Any]) -> str:
    response = client.post(f"/api/v1/{kind}", json=body)
    if response.status_code != 201:
        raise RuntimeError(response.text)
    return str(response.get_json()["id"])
