"""POST /tasks/batch: all operations, or none."""

import pytest

URL = "/api/v1/tasks/batch"
NOWHERE = "01890000-0000-7000-8000-000000000000"


def batch(client, *operations, **headers):
    return client.post(URL, json={"operations": operations}, headers=headers)


def titles(owner):
    return sorted(item["title"] for item in owner.get("/api/v1/tasks?limit=100").json["items"])


def test_batch_applies_operations_in_order(owner, task):
    response = batch(
        owner,
        {"op": "create", "data": {"title": "New", "labels": ["home"]}},
        {"op": "update", "id": task["id"], "data": {"title": "Changed"}},
        {"op": "update", "id": task["id"], "data": {"priority": "high"}},
        {"op": "delete", "id": task["id"]},
    )
    assert response.status_code == 200, response.text
    created, changed, again, deleted = response.json["results"]
    assert created["data"] == owner.get(f"/api/v1/tasks/{created['id']}").json
    assert (changed["data"]["title"], again["data"]["title"], again["data"]["priority"]) == (
        "Changed",
        "Changed",
        "high",
    )
    assert created["data"]["version"] < changed["data"]["version"] < again["data"]["version"]
    assert deleted == {"op": "delete", "id": task["id"]}
    assert titles(owner) == ["New"]


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ({"op": "update", "id": NOWHERE, "data": {"title": "x"}}, 404),
        ({"op": "delete", "id": NOWHERE}, 404),
        ({"op": "create", "data": {"title": "x", "project_id": NOWHERE}}, 422),
        ({"op": "create", "data": {"title": "x", "parent_id": NOWHERE}}, 422),
    ],
)
def test_failed_operation_is_named_and_nothing_changes(owner, task, operation, status):
    response = batch(owner, {"op": "create", "data": {"title": "New"}}, {"op": "delete", "id": task["id"]}, operation)
    assert (response.status_code, response.json["index"]) == (status, 2)
    assert titles(owner) == [task["title"]]


def test_batch_cannot_reach_a_task_of_another_user(signed_in, owner, task):
    response = batch(signed_in(), {"op": "delete", "id": task["id"]})
    assert (response.status_code, response.json["code"], response.json["index"]) == (404, "not_found", 0)


def test_batch_with_an_older_version_is_412(owner, task):
    response = batch(
        owner,
        {"op": "create", "data": {"title": "New"}},
        {"op": "update", "id": task["id"], "if_match": task["version"] - 1, "data": {"title": "Changed"}},
    )
    assert (response.status_code, response.json["index"], response.json["current"]) == (412, 1, task)
    assert titles(owner) == [task["title"]]
    right = batch(owner, {"op": "update", "id": task["id"], "if_match": task["version"], "data": {"title": "Changed"}})
    assert right.json["results"][0]["data"]["title"] == "Changed"


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ({"op": "create"}, "data"),
        ({"op": "update", "data": {}}, "id"),
        ({"op": "delete"}, "id"),
        ({"op": "delete", "id": NOWHERE, "data": {}}, "data"),
        ({"op": "create", "id": NOWHERE, "data": {"title": "x"}}, "id"),
        ({"op": "create", "if_match": 1, "data": {"title": "x"}}, "if_match"),
        ({"op": "create", "data": {"title": ""}}, "data"),
        ({"op": "update", "id": NOWHERE, "data": {"unknown": 1}}, "data"),
        ({"op": "upsert", "data": {}}, "op"),
        ({"op": "delete", "id": "x"}, "id"),
        ({"op": "delete", "id": NOWHERE, "if_match": -1}, "if_match"),
        ({"op": "delete", "id": NOWHERE, "other": 1}, "other"),
    ],
)
def test_invalid_operation_is_reported_by_its_index(owner, operation, field):
    response = batch(owner, {"op": "create", "data": {"title": "New"}}, operation)
    assert response.status_code == 422
    assert list(response.json["errors"]["json"]["operations"]["1"]) == [field]
    assert titles(owner) == []


@pytest.mark.parametrize("count", [0, 101])
def test_batch_has_1_to_100_operations(owner, count):
    assert batch(owner, *[{"op": "create", "data": {"title": "x"}}] * count).status_code == 422


def test_batch_of_100_operations_succeeds(owner):
    response = batch(owner, *[{"op": "create", "data": {"title": f"{i:02}", "labels": ["home"]}} for i in range(100)])
    assert [result["data"]["title"] for result in response.json["results"]] == [f"{i:02}" for i in range(100)]
    assert len(owner.get("/api/v1/tasks?limit=100").json["items"]) == 100


def test_viewer_cannot_send_a_batch(signed_in):
    assert batch(signed_in("viewer"), {"op": "create", "data": {"title": "x"}}).status_code == 403


def test_batch_of_100_complete_tasks_is_within_the_limits(owner):
    data = {
        "title": "Milk",
        "description": "",
        "status": "todo",
        "priority": "low",
        "due_date": "2030-01-01",
        "labels": [f"label {n}" for n in range(20)],
    }
    response = owner.post(URL, json={"operations": [{"op": "create", "data": data}] * 100})
    assert response.status_code == 200


def test_task_that_was_read_can_be_sent_back_in_a_batch(owner, task):
    operations = [
        {"op": "update", "id": task["id"], "if_match": task["version"], "data": task},
        {"op": "create", "data": task},
    ]
    response = owner.post(URL, json={"operations": operations})
    updated, created = (result["data"] for result in response.json["results"])
    assert updated == task
    assert created["id"] != task["id"]


def test_task_in_an_archived_project_is_rejected_with_its_index(owner):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    owner.patch(f"/api/v1/projects/{project}", json={"archived": True})
    response = batch(owner, {"op": "create", "data": {"title": "New", "project_id": project}})
    assert (response.status_code, response.json["code"], response.json["index"]) == (409, "project_archived", 0)
