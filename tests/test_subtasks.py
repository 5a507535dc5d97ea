"""Subtasks: no cycles, a limited depth, and a tree moves to the trash as a whole."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from taskapi.database import db, rls_user

NOWHERE = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def add(owner):
    """Add a task of the owner; returns its id."""
    return lambda **values: owner.post("/api/v1/tasks", json={"title": "Task", **values}).json["id"]


@pytest.fixture
def chain(add):
    """Five tasks, each a subtask of the one before."""
    ids = [add()]
    for _ in range(4):
        ids.append(add(parent_id=ids[-1]))
    return ids


def move(owner, task_id, parent_id):
    return owner.patch(f"/api/v1/tasks/{task_id}", json={"parent_id": parent_id})


def reason(response):
    assert response.status_code == 422
    return response.json["errors"]["json"]["parent_id"]


def test_task_keeps_its_id_when_it_gets_a_parent(owner, add):
    parent, child = add(), add()
    assert move(owner, child, parent).json["parent_id"] == parent
    assert [item["id"] for item in owner.get(f"/api/v1/tasks?parent_id={parent}").json["items"]] == [child]
    assert [item["id"] for item in owner.get("/api/v1/tasks?without=parent").json["items"]] == [parent]


def test_parent_must_be_live_and_of_the_same_owner(owner, add, signed_in):
    theirs = signed_in().post("/api/v1/tasks", json={"title": "Theirs"}).json["id"]
    trashed = add()
    owner.delete(f"/api/v1/tasks/{trashed}")
    for parent in (theirs, trashed, NOWHERE):
        assert reason(move(owner, add(), parent)) == ["There is no such task."]
        created = owner.post("/api/v1/tasks", json={"title": "Task", "parent_id": parent})
        assert reason(created) == ["There is no such task."]


@pytest.mark.parametrize("depth", range(5))
def test_task_cannot_be_its_own_ancestor(owner, chain, depth):
    assert reason(move(owner, chain[0], chain[depth])) == ["A task cannot be its own ancestor."]


def test_tree_has_at_most_5_levels(owner, chain, add):
    assert reason(owner.post("/api/v1/tasks", json={"title": "Task", "parent_id": chain[4]}))
    tree = add()
    add(parent_id=tree)
    assert reason(move(owner, tree, chain[3])) == ["Trees of tasks have at most 5 levels."]
    assert move(owner, tree, chain[2]).status_code == 200


def test_subtasks_in_the_trash_count_for_the_depth(owner, chain):
    owner.delete(f"/api/v1/tasks/{chain[4]}")
    top = owner.post("/api/v1/tasks", json={"title": "Top"}).json["id"]
    assert reason(move(owner, chain[0], top)) == ["Trees of tasks have at most 5 levels."]


def test_tree_is_deleted_and_restored_together(owner, chain):
    owner.delete(f"/api/v1/tasks/{chain[3]}")
    owner.delete(f"/api/v1/tasks/{chain[1]}")
    assert [item["id"] for item in owner.get("/api/v1/tasks").json["items"]] == [chain[0]]
    assert owner.post(f"/api/v1/tasks/{chain[1]}/restore").json["deleted_at"] is None
    assert {item["id"] for item in owner.get("/api/v1/tasks").json["items"]} == set(chain[:3])
    owner.post(f"/api/v1/tasks/{chain[3]}/restore")
    assert {item["id"] for item in owner.get("/api/v1/tasks").json["items"]} == set(chain)


def test_restore_subtask_is_409_while_its_parent_is_in_trash(owner, chain):
    owner.delete(f"/api/v1/tasks/{chain[1]}")
    response = owner.post(f"/api/v1/tasks/{chain[2]}/restore")
    assert (response.status_code, response.json["code"]) == (409, "in_trash")


def test_restored_project_leaves_subtasks_that_were_deleted_first(owner, add):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    parent = add(project_id=project)
    child = add(parent_id=parent)
    below = add(parent_id=child)
    owner.delete(f"/api/v1/tasks/{child}")
    owner.delete(f"/api/v1/projects/{project}")
    assert owner.post(f"/api/v1/tasks/{child}/restore").json["code"] == "in_trash"
    owner.post(f"/api/v1/projects/{project}/restore")
    assert {item["id"] for item in owner.get("/api/v1/tasks").json["items"]} == {parent}
    owner.post(f"/api/v1/tasks/{child}/restore")
    assert {item["id"] for item in owner.get("/api/v1/tasks").json["items"]} == {parent, child, below}


def test_each_task_of_a_tree_gets_its_own_version(owner, chain):
    owner.delete(f"/api/v1/tasks/{chain[0]}")
    versions = [item["version"] for item in owner.get("/api/v1/tasks?deleted=true").json["items"]]
    assert len(set(versions)) == 5
    assert min(versions) > 5


@pytest.mark.parametrize("column", ["parent_id", "project_id"])
def test_database_refuses_a_parent_of_another_owner(app, owner, signed_in, add, column):
    url = {"parent_id": "/api/v1/tasks", "project_id": "/api/v1/projects"}[column]
    theirs = signed_in().post(url, json={"parent_id": {"title": "T"}, "project_id": {"name": "T"}}[column]).json["id"]
    tasks = db.metadata.tables["tasks"]
    link = sa.update(tasks).where(tasks.c.id == UUID(add())).values({column: UUID(theirs)})
    mine = UUID(owner.get("/api/v1/me").json["id"])
    with app.app_context(), pytest.raises(sa.exc.IntegrityError), rls_user(mine):
        db.session.execute(link)
