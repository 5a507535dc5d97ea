"""Changes of all tasks that a filter finds."""

from urllib.parse import parse_qs

import pytest
from surface import needs
from task_files import TASKS, add_tasks, list_all

COUNT, BULK, TRASH = f"{TASKS}/count", f"{TASKS}/bulk", "/api/v1/trash"


@pytest.fixture
def tasks(owner):
    """Five tasks: three at home, one of them done."""
    add_tasks(
        owner,
        [
            {"title": "Wash", "labels": ["home"]},
            {"title": "Iron", "labels": ["home", "dull"]},
            {"title": "Cook", "labels": ["home"], "status": "done"},
            {"title": "Write"},
            {"title": "Call", "priority": "high"},
        ],
    )
    return {task["title"]: task for task in list_all(owner, TASKS)}


def count(client, query=""):
    response = client.get(f"{COUNT}?{query}")
    assert response.status_code == 200, response.text
    return response.json["count"]


def change(client, query="", key=None, **body):
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"{BULK}?{query}", json={"change": body}, headers=headers)


def shown(client, query="", field="title"):
    return {task["title"]: task[field] for task in list_all(client, TASKS, **parse_qs(query))}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 5), ("label=home", 3), ("label=home&status=todo", 2), ("q=wash", 1), ("priority=high", 1),
        ("exclude_label=home", 2), ("without=labels&without=project", 2), ("deleted=true", 0), ("overdue=true", 0),
        ("created_after=2000-01-01", 5), ("due_before=2030-01-01", 0), ("archived=true", 5),
    ],
)  # fmt: skip
def test_count_is_that_of_the_list(owner, tasks, query, found):
    assert count(owner, query) == len(shown(owner, query)) == found


def test_update_changes_the_tasks_that_the_filter_finds(owner, tasks):
    response = change(owner, "label=home&status=todo", op="update", count=2, data={"status": "done"})
    assert (response.status_code, response.json) == (200, {"count": 2})
    done = {"Wash": "done", "Iron": "done", "Cook": "done", "Write": "todo", "Call": "todo"}
    assert shown(owner, field="status") == done
    versions = shown(owner, field="version")
    assert versions["Cook"] == tasks["Cook"]["version"]
    assert len(set(versions.values())) == 5


def test_label_is_added_and_removed_beside_others(owner, tasks):
    assert change(owner, op="add_label", count=5, label="dull").status_code == 200
    labels = {"Wash": ["dull", "home"], "Iron": ["dull", "home"], "Cook": ["dull", "home"]}
    assert shown(owner, field="labels") == labels | {"Write": ["dull"], "Call": ["dull"]}
    assert shown(owner, field="version")["Iron"] == tasks["Iron"]["version"]
    assert change(owner, "label=home", op="remove_label", count=3, label="HOME").status_code == 200
    assert set(map(tuple, shown(owner, field="labels").values())) == {("dull",)}


def test_task_with_all_labels_it_may_have_stops_the_change(owner, tasks):
    full = owner.post(TASKS, json={"title": "Full", "labels": [f"label {i}" for i in range(20)]}).json
    refused = change(owner, op="add_label", count=6, label="one more")
    assert (refused.status_code, refused.json["task_id"]) == (422, full["id"])
    assert count(owner, "label=one+more") == 0


def test_tasks_move_to_the_trash_and_back_with_their_subtasks(owner, tasks):
    below = owner.post(TASKS, json={"title": "Soap", "parent_id": tasks["Wash"]["id"]}).json
    owner.post(TASKS, json={"title": "Brand", "parent_id": below["id"]})
    assert change(owner, "q=a", op="trash", count=4).status_code == 200  # Wash, Soap, Brand and Call
    assert set(shown(owner)) == {"Iron", "Cook", "Write"}
    assert owner.post(f"{TASKS}/{tasks['Wash']['id']}/restore").status_code == 200
    assert set(shown(owner)) == {"Iron", "Cook", "Write", "Wash", "Soap", "Brand"}
    assert change(owner, "deleted=true", op="restore", count=1).status_code == 200
    assert count(owner) == 7


def test_restore_brings_back_a_subtask_that_was_deleted_before_its_parent(owner, tasks):
    below = owner.post(TASKS, json={"title": "Soap", "parent_id": tasks["Wash"]["id"]}).json
    for task in (below, tasks["Wash"]):
        owner.delete(f"{TASKS}/{task['id']}")
    assert change(owner, "deleted=true", op="restore", count=2).status_code == 200
    assert owner.get(f"{TASKS}/{below['id']}").json["parent_id"] == tasks["Wash"]["id"]
    assert count(owner) == 6


def test_task_whose_project_is_in_the_trash_stops_the_restore(owner, tasks):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    inside = owner.post(TASKS, json={"title": "Rake", "project_id": project}).json["id"]
    owner.delete(f"{TASKS}/{tasks['Wash']['id']}")
    owner.delete(f"/api/v1/projects/{project}")
    refused = change(owner, "deleted=true", op="restore", count=2)
    assert (refused.status_code, refused.json["code"], refused.json["task_id"]) == (409, "in_trash", inside)
    assert count(owner, "deleted=true") == 2


def test_other_number_of_tasks_changes_nothing(owner, tasks):
    before = shown(owner, field="version")
    for number in (2, 4, 0):
        refused = change(owner, "label=home", op="update", count=number, data={"status": "cancelled"})
        assert (refused.status_code, refused.json["code"], refused.json["count"]) == (409, "count_changed", 3)
    assert shown(owner, field="version") == before


@pytest.mark.slow
def test_more_than_1000_tasks_change_nothing(owner):
    add_tasks(owner, [{"title": f"Task {i}"} for i in range(1001)])
    assert count(owner) == 1001
    refused = change(owner, op="update", count=1000, data={"status": "done"})
    assert (refused.status_code, refused.json["code"]) == (409, "too_many_tasks")
    assert change(owner, op="update", count=1001, data={"status": "done"}).status_code == 422
    owner.delete(f"{TASKS}/{list_all(owner, TASKS)[0]['id']}")
    assert change(owner, op="update", count=1000, data={"status": "done"}).status_code == 200
    assert count(owner, "status=done") == 1000


def test_tasks_of_others_are_neither_counted_nor_changed(owner, other, tasks):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    assert [count(other, query) for query in ("", "label=home", f"project_id={project}", "q=wash")] == [0] * 4
    assert change(other, op="update", count=0, data={"status": "done"}).status_code == 200
    mine = other.post(TASKS, json={"title": "Mine"}).json["id"]
    refused = change(other, op="update", count=1, data={"project_id": project})
    assert (refused.status_code, refused.json["task_id"]) == (422, mine)
    owner.delete(f"{TASKS}/{tasks['Wash']['id']}")
    assert other.delete(TRASH).status_code == 204
    assert count(owner, "deleted=true") == 1
    assert shown(owner, field="status")["Iron"] == "todo"


def test_repeated_request_changes_once(owner, tasks):
    first = change(owner, "label=home", key="one", op="update", count=3, data={"priority": "low"})
    version = shown(owner, field="version")
    again = change(owner, "label=home", key="one", op="update", count=3, data={"priority": "low"})
    assert (again.status_code, again.json, again.headers["Idempotency-Replayed"]) == (200, first.json, "true")
    assert shown(owner, field="version") == version
    assert change(owner, "label=dull", key="one", op="update", count=3, data={"priority": "low"}).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"op": "update", "data": {"status": "done"}}, {"op": "update", "count": 1, "data": {"status": "gone"}},
        {"op": "update", "count": 1}, {"op": "burn", "count": 1}, {"op": "add_label", "count": 1},
        {"op": "add_label", "count": 1, "label": ""}, {"op": "trash", "count": -1}, {"op": "trash", "count": 1.5},
        {"op": "trash", "count": 1, "label": "x"},
    ],
)  # fmt: skip
def test_invalid_change_is_422(owner, tasks, body):
    response = change(owner, **body)
    assert (response.status_code, response.json["code"]) == (422, "validation_failed")


@pytest.mark.parametrize("query", ["sort=title", "limit=5", "cursor=x", "status=gone", "nonsense=1"])
def test_parameter_that_is_no_filter_is_422(owner, tasks, query):
    assert owner.get(f"{COUNT}?{query}").status_code == 422
    assert change(owner, query, op="trash", count=5).status_code == 422
    assert count(owner) == 5


def test_empty_trash_deletes_tasks_projects_and_labels(owner, tasks):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    inside = owner.post(TASKS, json={"title": "Rake", "project_id": project}).json["id"]
    owner.post(TASKS, json={"title": "Sharpen it", "parent_id": inside})
    label = next(item["id"] for item in owner.get("/api/v1/labels").json["items"] if item["name"] == "dull")
    for path in (f"projects/{project}", f"labels/{label}", f"tasks/{tasks['Wash']['id']}"):
        assert owner.delete(f"/api/v1/{path}").status_code == 204
    assert owner.delete(TRASH).status_code == 204
    for kind in ("tasks", "projects", "labels"):
        assert owner.get(f"/api/v1/{kind}?deleted=true").json["items"] == []
    assert set(shown(owner)) == {"Iron", "Cook", "Write", "Call"}
    assert owner.delete(TRASH).status_code == 204


@needs("changes")
def test_change_feed_has_each_change(owner, tasks):
    start = owner.get("/api/v1/changes").json["cursor"]
    change(owner, "label=home", op="update", count=3, data={"priority": "low"})
    feed = owner.get(f"/api/v1/changes?since={start}").json
    assert {item["data"]["title"] for item in feed["changes"]} == {"Wash", "Iron", "Cook"}
    change(owner, "label=home", op="trash", count=3)
    owner.delete(TRASH)
    feed = owner.get(f"/api/v1/changes?since={feed['cursor']}").json
    assert {item["id"] for item in feed["changes"] if item["deleted"]} >= {
        tasks[title]["id"] for title in ("Wash", "Iron", "Cook")
    }


@needs("recurrence")
def test_next_task_that_reopening_deletes_is_left_out(owner):
    rule = {"due_date": "2030-01-05", "recurrence": "FREQ=WEEKLY;BYDAY=SA"}
    done = owner.post(TASKS, json={"title": "Water", **rule}).json
    owner.patch(f"{TASKS}/{done['id']}", json={"status": "done"})
    assert count(owner) == 2
    assert change(owner, op="update", count=2, data={"status": "todo"}).status_code == 200
    assert [task["id"] for task in list_all(owner, TASKS)] == [done["id"]]


def test_change_has_a_limited_number_of_rows(owner, monkeypatch):
    monkeypatch.setattr("taskapi.extensions.bulk.changes.MAX_ROWS", 5)
    garden = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    for title in ("Plants", "Trees"):
        parent = owner.post(TASKS, json={"title": title}).json["id"]
        add_tasks(owner, [{"title": f"Part {i}", "parent_id": parent} for i in range(2)])
    refused = change(owner, "without=parent", op="update", count=2, data={"project_id": garden})
    assert (refused.status_code, refused.json["code"]) == (409, "too_many_tasks")
    assert count(owner, f"project_id={garden}") == 0
    monkeypatch.undo()
    assert change(owner, "without=parent", op="update", count=2, data={"project_id": garden}).status_code == 200
    assert count(owner, f"project_id={garden}") == 6
