"""GET /tasks/subtask-counts: how many subtasks tasks have, and how many are done."""

from uuid import uuid4

TASKS = "/api/v1/tasks"
COUNTS = f"{TASKS}/subtask-counts"


def add(client, title, **values):
    """Return the id of a new task."""
    return client.post(TASKS, json={"title": title, **values}).json["id"]


def counts(client, *ids):
    """Return (done, total) by task."""
    items = client.get(COUNTS, query_string={"task_id": ids}).json["items"]
    return {item["task_id"]: (item["done"], item["total"]) for item in items}


def test_counts_are_those_of_direct_subtasks(signed_in):
    user = signed_in()
    party, trip, call = (add(user, title) for title in ("Plan the party", "Plan the trip", "Call"))
    lanterns = add(user, "Buy lanterns", parent_id=party, status="done")
    add(user, "Find a shop", parent_id=lanterns)
    for status in ("todo", "in_progress", "cancelled", "done"):
        add(user, status, parent_id=party, status=status)
    user.delete(f"{TASKS}/{add(user, 'In the trash', parent_id=party)}")
    add(user, "Pack", parent_id=trip)
    assert counts(user, party, trip, call) == {party: (2, 5), trip: (0, 1)}
    assert counts(user, call) == {}
    assert counts(user, party, party) == {party: (2, 5)}


def test_other_users_and_unknown_tasks_have_no_counts(signed_in):
    user, other = signed_in(), signed_in()
    parent = add(user, "Plan the party")
    add(user, "Buy lanterns", parent_id=parent)
    assert counts(other, parent, str(uuid4())) == {}


def test_counts_of_no_task_and_of_too_many(signed_in):
    user = signed_in()
    assert user.get(COUNTS).json == {"items": []}
    assert counts(user, *(str(uuid4()) for _ in range(100))) == {}
    assert user.get(COUNTS, query_string={"task_id": [str(uuid4()) for _ in range(101)]}).status_code == 422
    assert user.get(COUNTS, query_string={"task_id": "Plan"}).status_code == 422


def test_cached_counts_change_with_a_subtask(signed_in):
    user = signed_in()
    parent = add(user, "Plan the party")
    child = add(user, "Buy lanterns", parent_id=parent)
    tag = user.get(COUNTS, query_string={"task_id": parent}).headers["ETag"]
    again = {"query_string": {"task_id": parent}, "headers": {"If-None-Match": tag}}
    assert user.get(COUNTS, **again).status_code == 304
    user.patch(f"{TASKS}/{child}", json={"status": "done"})
    assert user.get(COUNTS, **again).json["items"] == [{"task_id": parent, "done": 1, "total": 1}]
