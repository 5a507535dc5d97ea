"""Tasks under tasks: no cycles, not too deep, and one trash for all of a tree."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from taskapi.database import db, rls_user

NOWHERE = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def add(owner):
    """Add a task of the owner's; returns its id."""
    return lambda **values: owner.post("/api/v1/tasks", json={"title": "Task", **values}).json["id"]


@pytest.fixture
def chain(add):
    """Five tasks, each under the one before."""
    ids = [add()]
    for _ in range(4):
        ids.append(add(parent_id=ids[-1]))
    return ids


def move(owner, task_id, parent_id):
    return owner.patch(f"/api/v1/tasks/{task_id}", json={"parent_id": parent_id})


def reason(answer):
    assert answer.status_code == 422
    return answer.json["errors"]["json"]["parent_id"]


def test_a_task_moves_under_another_and_keeps_its_id(owner, add):
    parent, child = add(), add()
    assert move(owner, child, parent).json["parent_id"] == parent
    assert [item["id"] for item in owner.get(f"/api/v1/tasks?parent_id={parent}").json["items"]] == [child]
    assert [item["id"] for item in owner.get("/api/v1/tasks?without=parent").json["items"]] == [parent]


def test_a_task_lies_under_live_tasks_of_its_owners_only(owner, add, signed_in):
    theirs = signed_in().post("/api/v1/tasks", json={"title": "Theirs"}).json["id"]
    trashed = add()
    owner.delete(f"/api/v1/tasks/{trashed}")
    for parent in (theirs, trashed, NOWHERE):
        assert reason(move(owner, add(), parent)) == ["There is no such task."]
        created = owner.post("/api/v1/tasks", json={"title": "Task", "parent_id": parent})
        assert reason(created) == ["There is no such task."]


@pytest.mark.parametrize("depth", range(5))
def test_a_task_cannot_lie_under_itself(owner, chain, depth):
    assert reason(move(owner, chain[0], chain[depth])) == ["A task cannot be its own ancestor."]


def test_tasks_go_five_deep_and_no_deeper(owner, chain, add):
    assert reason(owner.post("/api/v1/tasks", json={"title": "Task", "parent_id": chain[4]}))
    tree = add()
    add(parent_id=tree)
    assert reason(move(owner, tree, chain[3])) == ["Trees of tasks have at most 5 levels."]
    assert move(owner, tree, chain[2]).status_code == 200


def test_what_lies_in_the_trash_counts_for_the_depth_it_will_come_back_to(owner, chain):
    owner.delete(f"/api/v1/tasks/{chain[4]}")
    top = owner.post("/api/v1/tasks", json={"title": "Top"}).json["id"]
    assert reason(move(owner, chain[0], top)) == ["Trees of tasks have at most 5 levels."]


def test_a_tree_goes_to_the_trash_and_comes_back_as_one(owner, chain):
    owner.delete(f"/api/v1/tasks/{chain[3]}")
    owner.delete(f"/api/v1/tasks/{chain[1]}")
    assert [item["id"] for item in owner.get("/api/v1/tasks").json["items"]] == [chain[0]]
    assert owner.post(f"/api/v1/tasks/{chain[1]}/restore").json["deleted_at"] is None
    assert {item["id"] for item in owner.get("/api/v1/tasks").json["items"]} == set(chain[:3])
    owner.post(f"/api/v1/tasks/{chain[3]}/restore")
    assert {item["id"] for item in owner.get("/api/v1/tasks").json["items"]} == set(chain)


def test_a_subtask_does_not_come_back_before_what_it_is_part_of(owner, chain):
    owner.delete(f"/api/v1/tasks/{chain[1]}")
    answer = owner.post(f"/api/v1/tasks/{chain[2]}/restore")
    assert (answer.status_code, answer.json["code"]) == (409, "in_trash")


def test_a_subtask_that_was_deleted_first_stays_in_the_trash_when_its_project_is_restored(owner, add):
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


def test_every_task_of_a_tree_takes_a_version_of_its_own(owner, chain):
    owner.delete(f"/api/v1/tasks/{chain[0]}")
    versions = [item["version"] for item in owner.get("/api/v1/tasks?deleted=true").json["items"]]
    assert len(set(versions)) == 5
    assert min(versions) > 5


@pytest.mark.parametrize("column", ["parent_id", "project_id"])
def test_the_database_itself_refuses_a_link_across_owners(app, owner, signed_in, add, column):
    url = {"parent_id": "/api/v1/tasks", "project_id": "/api/v1/projects"}[column]
    theirs = signed_in().post(url, json={"parent_id": {"title": "T"}, "project_id": {"name": "T"}}[column]).json["id"]
    tasks = db.metadata.tables["tasks"]
    link = sa.update(tasks).where(tasks.c.id == UUID(add())).values({column: UUID(theirs)})
    mine = UUID(owner.get("/api/v1/me").json["id"])
    with app.app_context(), pytest.raises(sa.exc.IntegrityError), rls_user(mine):
        db.session.execute(link)
