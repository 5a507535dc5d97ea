"""Limits of batches: how many run at once, and their rows, bytes and time."""

from contextlib import ExitStack
from itertools import count
from uuid import uuid4

import pytest
from task_files import TASKS, add_tasks

from taskapi.extensions.batch.routes import RUNNING_BATCHES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def app(make_app):
    """An application with low limits."""
    return make_app(MAX_BATCH_ROWS=100)


def test_batch_is_rejected_before_its_body_is_parsed_when_too_many_run(owner):
    with ExitStack() as running:
        for _ in range(RUNNING_BATCHES.per_process):
            running.enter_context(RUNNING_BATCHES.hold(uuid4()))
        refused = owner.post(f"{TASKS}/batch", data="not JSON", content_type="application/json")
        assert (refused.status_code, refused.json["code"], refused.headers["Retry-After"]) == (503, "unavailable", "1")
    assert batch(owner, {"op": "create", "data": {"title": "Task"}}).status_code == 200
    assert RUNNING_BATCHES.running == 0


@pytest.fixture
def tree(owner):
    """A project of the owner's, and the id of a task with 60 subtasks."""
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    parent = owner.post(TASKS, json={"title": "Parent"}).json["id"]
    subtasks = [{"op": "create", "data": {"title": f"Task {i}", "parent_id": parent}} for i in range(60)]
    assert batch(owner, *subtasks).status_code == 200
    return project, parent


def batch(client, *operations):
    return client.post(f"{TASKS}/batch", json={"operations": operations})


def move(task, project):
    return {"op": "update", "id": task, "data": {"project_id": project}}


def test_batch_changes_a_limited_number_of_rows(owner, tree):
    project, parent = tree
    before = owner.get(f"{TASKS}/{parent}").json
    refused = batch(owner, move(parent, project), move(parent, None), move(parent, project))
    assert (refused.status_code, refused.json["code"], refused.json["index"]) == (409, "batch_too_large", 1)
    assert owner.get(f"{TASKS}/{parent}").json == before
    refused = batch(owner, move(parent, project), {"op": "delete", "id": parent})
    assert (refused.status_code, refused.json["index"]) == (409, 1)
    assert batch(owner, move(parent, project), {"op": "create", "data": {"title": "Next"}}).status_code == 200


def test_single_operation_changes_any_number_of_rows(owner, tree):
    project, parent = tree
    subtasks = [{"op": "create", "data": {"title": f"Task {i}", "parent_id": parent}} for i in range(60)]
    assert batch(owner, *subtasks).status_code == 200
    assert batch(owner, move(parent, project)).status_code == 200
    assert batch(owner, {"op": "delete", "id": parent}).status_code == 200


def test_results_of_a_batch_have_a_largest_size(owner):
    add_tasks(owner, [{"title": f"Task {i}", "description": "한" * 20_000} for i in range(80)])
    items = owner.get(f"{TASKS}?limit=100").json["items"]
    done = [{"op": "update", "id": task["id"], "data": {"status": "done"}} for task in items]
    refused = batch(owner, *done)
    assert (refused.status_code, refused.json["code"]) == (409, "batch_too_large")
    assert owner.get(f"{TASKS}?status=done").json["items"] == []
    assert batch(owner, *done[:60]).status_code == 200


def test_all_changes_of_a_request_have_a_time_limit(owner, monkeypatch):
    operations = [{"op": "create", "data": {"title": f"Task {i}"}} for i in range(100)]
    monkeypatch.setattr("taskapi.database.session.monotonic", count(step=1).__next__)
    refused = batch(owner, *operations)
    assert (refused.status_code, refused.json["code"], "Retry-After" in refused.headers) == (503, "unavailable", True)
    monkeypatch.undo()
    assert owner.get(f"{TASKS}?limit=100").json["next_cursor"] is None
    assert batch(owner, *operations).status_code == 200
