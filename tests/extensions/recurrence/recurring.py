"""Add recurring tasks, and complete them at a moment."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import time_machine
from conftest import new_access_token

TASKS = "/api/v1/tasks"
BERLIN = ZoneInfo("Europe/Berlin")


def add(client, rule, due, title="Water the plants", **fields):
    """Add a recurring task that is due on a day, or at an instant. Return it."""
    name = "due_at" if "T" in due else "due_date"
    response = client.post(TASKS, json={"title": title, name: due, "recurrence": rule, **fields})
    assert response.status_code == 201, response.text
    return response.json


def show(client, task_id):
    """Return a task."""
    response = client.get(f"{TASKS}/{task_id}")
    assert response.status_code == 200, response.text
    return response.json


def change(client, task, moment=None, **changes):
    """Change a task, if given at an instant. Return it."""
    if moment is None:
        response = client.patch(f"{TASKS}/{task['id']}", json=changes)
    else:
        with time_machine.travel(datetime.fromisoformat(moment), tick=False):
            bearer = {"Authorization": f"Bearer {new_access_token(client.application, client.username)}"}
            response = client.patch(f"{TASKS}/{task['id']}", json=changes, headers=bearer)
    assert response.status_code == 200, response.text
    return response.json


def complete(client, task, moment=None):
    """Complete a task, if given at an instant. Return it, and the next one or None."""
    done = change(client, task, moment, status="done")
    return done, show(client, done["next_id"]) if done["next_id"] else None


def next_dues(client, rule, due, count, zone=None, **fields):
    """Return the due dates after one, each as soon as the one before is completed on time. A local time has no zone."""
    task, found = add(client, rule, due, **fields), []
    for _ in range(count):
        _, task = complete(client, task, moment_of(task, zone or ZoneInfo("UTC")))
        if task is None:
            break
        found.append(task["due_date"] or local(task["due_at"], zone))
    return found


def moment_of(task, zone):
    """Return the instant at which a task is due, or noon of its day."""
    if task["due_at"]:
        return task["due_at"]
    return datetime.combine(date.fromisoformat(task["due_date"]), time(12), zone).isoformat()


def local(instant, zone):
    """Return an instant as local time: "2026-03-29 09:00", with `*` if it is the second such time."""
    at = datetime.fromisoformat(instant).astimezone(zone)
    return f"{at:%Y-%m-%d %H:%M}{'*' if at.fold else ''}"


def instant(text, zone):
    """Return a local time as an instant in UTC."""
    at = datetime.strptime(text.removesuffix("*"), "%Y-%m-%d %H:%M").replace(tzinfo=zone, fold=text.endswith("*"))
    return at.astimezone(ZoneInfo("UTC")).isoformat()
