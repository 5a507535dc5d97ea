"""flask seed: an account with sample tasks."""

import re
from datetime import UTC, datetime, timedelta
from random import Random

from taskapi.extensions.dev.sample_data import sample_tasks
from taskapi.tasks.schemas import TASK


def test_seed_opens_an_account_with_tasks_and_shows_its_password_once(app, client):
    runner = app.test_cli_runner()
    result = runner.invoke(args=["seed", "demo"])
    assert result.exit_code == 0, result.output
    password = re.search(r"password: (\S+)", result.output)[1]
    signed_in = client.post("/api/v1/auth/login", json={"username": "demo", "password": password})
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {signed_in.json['access_token']}"
    tasks, url = [], "/api/v1/tasks?limit=100"
    while url:
        page = client.get(url)
        tasks += page.json["items"]
        url = page.headers["Link"].split(">")[0].lstrip("<") if "Link" in page.headers else None
    assert len(tasks) == 200
    assert len({task["title"] for task in tasks}) == 200
    again = runner.invoke(args=["seed", "demo"])
    assert again.exit_code == 0
    assert "already exists; nothing was changed" in again.output
    assert "password" not in again.output
    assert client.get("/api/v1/tasks?limit=100").status_code == 200


def test_seeded_tasks_are_of_all_kinds_and_due_around_today():
    moment = datetime(2030, 6, 15, 12, tzinfo=UTC)
    tasks = list(sample_tasks(200, moment, Random(1)))
    assert {task["status"] for task in tasks} == {"todo", "in_progress", "done", "cancelled"}
    assert {task["priority"] for task in tasks} == {"none", "low", "medium", "high", "urgent"}
    days = [task["due_date"] for task in tasks if "due_date" in task]
    assert min(days) < moment.date() < max(days)
    assert max(abs(day - moment.date()) for day in days) < timedelta(days=90)
    assert all(TASK.validate(TASK.dump(task)) == {} for task in tasks)
