"""The trash: permanent deletion, and `flask prune`."""

import sys
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from sqlalchemy import delete, select

from taskapi.database import db, now, rls_user
from taskapi.tasks.models import Task
from taskapi.users.models import User


@pytest.fixture
def add(owner):
    """Add a task of the owner; returns its id."""
    return lambda **values: owner.post("/api/v1/tasks", json={"title": "Task", **values}).json["id"]


@pytest.fixture
def prune(app):
    """Run `flask prune` some days later."""

    def run(days=0):
        with time_machine.travel(now() + timedelta(days=days)):
            result = app.test_cli_runner().invoke(args=["prune"])
        assert result.exit_code == 0, result.output

    return run


def ids(owner, query=""):
    return {item["id"] for item in owner.get(f"/api/v1/tasks?{query}").json["items"]}


@pytest.mark.parametrize("first", [True, False], ids=["from the trash", "at once"])
def test_permanent_deletion_includes_subtasks(owner, add, first):
    parent, other = add(), add()
    child = add(parent_id=parent, labels=["home"])
    if first:
        owner.delete(f"/api/v1/tasks/{child}")
    assert owner.delete(f"/api/v1/tasks/{parent}?permanent=true").status_code == 204
    assert owner.get(f"/api/v1/tasks/{child}").status_code == 404
    assert (ids(owner), ids(owner, "deleted=true")) == ({other}, set())


def test_permanent_deletion_of_a_project_includes_its_tasks(owner, add):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    inside, other = add(project_id=project), add()
    add(parent_id=inside)
    owner.delete(f"/api/v1/tasks/{add(project_id=project)}")
    assert owner.delete(f"/api/v1/projects/{project}?permanent=true").status_code == 204
    assert owner.get(f"/api/v1/projects/{project}").status_code == 404
    assert (ids(owner), ids(owner, "deleted=true")) == ({other}, set())


def test_permanent_deletion_of_a_label_changes_its_tasks(owner, add):
    task = add(labels=["home", "garden"])
    before = owner.get(f"/api/v1/tasks/{task}").json
    label = owner.get("/api/v1/labels").json["items"][0]
    assert owner.delete(f"/api/v1/labels/{label['id']}?permanent=true").status_code == 204
    after = owner.get(f"/api/v1/tasks/{task}").json
    assert (after["labels"], after["version"] > before["version"]) == (["home"], True)
    assert owner.get("/api/v1/labels?deleted=true").json["items"] == []


def test_second_deletion_changes_nothing(owner, add):
    task = add()
    owner.delete(f"/api/v1/tasks/{task}")
    before = owner.get(f"/api/v1/tasks/{task}").json
    assert owner.delete(f"/api/v1/tasks/{task}").status_code == 204
    assert owner.get(f"/api/v1/tasks/{task}").json == before


def test_delete_with_an_older_version_is_412(owner, task):
    response = owner.delete(f"/api/v1/tasks/{task['id']}?permanent=true", headers={"If-Match": '"0"'})
    assert (response.status_code, response.json["current"]) == (412, task)


def test_prune_keeps_live_and_recently_deleted_rows(owner, add, prune):
    young, live = add(), add()
    owner.delete(f"/api/v1/tasks/{young}")
    prune(days=29)
    assert (ids(owner), ids(owner, "deleted=true")) == ({live}, {young})


def test_prune_purges_old_trees_projects_and_labels(owner, add, prune):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    inside, live = add(project_id=project, labels=["home"]), add(labels=["home"])
    add(parent_id=inside)
    (label,) = owner.get("/api/v1/labels").json["items"]
    owner.delete(f"/api/v1/labels/{label['id']}")
    owner.delete(f"/api/v1/projects/{project}")
    prune(days=31)
    assert (ids(owner), ids(owner, "deleted=true")) == ({live}, set())
    for what in ("projects", "labels"):
        assert owner.get(f"/api/v1/{what}?deleted=true").json["items"] == []


def test_deleted_account_leaves_no_rows(app, owner, add):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    add(parent_id=add(project_id=project, labels=["home"]))
    owner.delete(f"/api/v1/tasks/{add()}?permanent=true")
    with app.app_context():
        user_id = db.session.execute(select(User.id).where(User.username == owner.username)).scalar_one()
        db.session.execute(delete(User).where(User.id == user_id))
        db.session.commit()
        with rls_user(user_id):
            assert db.session.execute(select(Task.id).where(Task.owner_id == user_id)).all() == []


def test_prune_continues_when_a_user_is_deleted_meanwhile(owner, add, prune, monkeypatch):
    owner.delete(f"/api/v1/tasks/{add()}")
    module, mine = sys.modules["taskapi.cli.maintenance"], UUID(owner.get("/api/v1/me").json["id"])
    monkeypatch.setattr(module, "iterate_user_ids", lambda: [UUID(int=1), mine])
    monkeypatch.setattr(module, "has_expired_rows", lambda *_: True)  # as it was when they were asked
    prune(days=31)
    assert ids(owner, "deleted=true") == set()
