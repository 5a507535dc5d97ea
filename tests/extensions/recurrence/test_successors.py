"""A recurring task that is completed is followed by one task, which is removed again if it is reopened."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from conftest import PASSWORD
from surface import needs

from tests.extensions.recurrence.recurring import TASKS, add, change, complete, show

NOON = "2030-01-31T12:00:00Z"
RENEWED = {"id", "position", "created_at", "updated_at", "completed_at", "version", "status", "next_id"}


@pytest.fixture
def weekly(owner):
    """A task for every Thursday, with everything that a task can have."""
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    return add(
        owner,
        "FREQ=WEEKLY;BYDAY=TH",
        "2030-01-31",
        description="Those on the balcony too.",
        priority="high",
        status="in_progress",
        project_id=project,
        labels=["home", "Grün"],
    )


def listed(owner, **query):
    """Return all tasks, the oldest first."""
    items = owner.get(TASKS, query_string={"sort": "created_at", "limit": 100, **query}).json["items"]
    return {item["id"]: item for item in items}


def sign_in(app, username):
    client = app.test_client()
    token = client.post("/api/v1/auth/login", json={"username": username, "password": PASSWORD}).json["access_token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def add_subtasks(owner, parent, count):
    for number in range(count):
        response = owner.post(TASKS, json={"title": f"Step {number}", "parent_id": parent["id"]})
        assert response.status_code == 201, response.text


def test_completion_adds_one_task_with_the_next_date(owner, weekly):
    done, following = complete(owner, weekly, NOON)
    assert (done["status"], done["completed_at"], done["recurrence"]) == ("done", NOON, weekly["recurrence"])
    assert {**following, "due_date": "2030-01-31"} == {
        **weekly, **{name: following[name] for name in RENEWED}
    }  # fmt: skip
    assert (following["due_date"], following["status"], following["completed_at"]) == ("2030-02-07", "todo", None)
    assert following["created_at"] == NOON
    assert [*listed(owner)] == [done["id"], following["id"]]
    assert following["version"] < done["version"]


def test_next_task_takes_the_place_of_the_completed_one(owner):
    first, second, third = (add(owner, "FREQ=DAILY", "2030-01-31", title=title) for title in ("A", "B", "C"))
    done, following = complete(owner, second, NOON)
    order = [*listed(owner, sort="position", without="project")]
    assert order == [first["id"], following["id"], third["id"], done["id"]]
    assert following["position"] == second["position"]
    change(owner, done, status="todo")
    assert [*listed(owner, sort="position")] == [first["id"], second["id"], third["id"]]


def test_repeated_completion_adds_nothing(owner, weekly):
    done, _ = complete(owner, weekly, NOON)
    assert change(owner, weekly, status="done") == done
    assert len(listed(owner)) == 2
    stale = {"If-Match": f'"{weekly["version"]}"'}
    url = f"{TASKS}/{weekly['id']}"
    assert owner.patch(url, json={"status": "done"}, headers=stale).status_code == 412
    assert len(listed(owner)) == 2


@needs("batch")
def test_batch_completes_and_its_repetition_adds_nothing(owner, weekly):
    operations = [{"op": "update", "id": weekly["id"], "data": {"status": "done"}}] * 2
    operations += [{"op": "create", "data": {"title": "Rake", "due_date": "2030-01-31", "recurrence": "FREQ=DAILY"}}]
    key = {"Idempotency-Key": str(uuid4())}
    first = owner.post(f"{TASKS}/batch", json={"operations": operations}, headers=key)
    again = owner.post(f"{TASKS}/batch", json={"operations": operations}, headers=key)
    assert first.status_code == 200, first.text
    assert first.json == again.json
    done = first.json["results"][1]["data"]
    assert {*listed(owner)} == {weekly["id"], done["next_id"], first.json["results"][2]["id"]}
    assert owner.get(f"{TASKS}/{weekly['id']}").json == done


@needs("batch")
def test_failed_batch_adds_nothing(owner, weekly):
    operations = [
        {"op": "update", "id": weekly["id"], "data": {"status": "done"}},
        {"op": "delete", "id": str(uuid4())},
    ]
    assert owner.post(f"{TASKS}/batch", json={"operations": operations}).status_code == 404
    assert listed(owner) == {weekly["id"]: weekly}


@pytest.mark.parametrize("count", [2, 8])
def test_concurrent_completions_add_one_task(app, owner, weekly, count):
    barrier = Barrier(count)

    def work(_):
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {owner.token}"
        barrier.wait()
        return client.patch(f"{TASKS}/{weekly['id']}", json={"status": "done"})

    with ThreadPoolExecutor(count) as pool:
        responses = list(pool.map(work, range(count)))
    assert {response.status_code for response in responses} == {200}
    [next_id] = {response.json["next_id"] for response in responses}
    assert {*listed(owner)} == {weekly["id"], next_id}


@pytest.mark.parametrize("body", [{"status": "cancelled"}, {"status": "in_progress"}, {"title": "Rake"}])
def test_other_changes_add_nothing(owner, weekly, body):
    assert change(owner, weekly, **body)["next_id"] is None
    assert [*listed(owner)] == [weekly["id"]]


def test_completion_that_removes_the_rule_ends_the_series(owner, weekly):
    assert change(owner, weekly, status="done", recurrence=None)["next_id"] is None
    assert [*listed(owner)] == [weekly["id"]]


def test_completion_with_other_changes_passes_them_on(owner, weekly):
    done = change(owner, weekly, NOON, status="done", title="Rake", labels=["garden"], recurrence="FREQ=DAILY")
    following = show(owner, done["next_id"])
    shown = (following["title"], following["labels"], following["recurrence"], following["due_date"])
    assert shown == ("Rake", ["garden"], "FREQ=DAILY", "2030-02-01")


def test_task_that_is_added_as_done_is_not_followed(owner):
    task = add(owner, "FREQ=DAILY", "2030-01-31", status="done")
    assert task["next_id"] is None
    assert [*listed(owner)] == [task["id"]]


def test_labels_in_the_trash_are_passed_on(owner, weekly):
    label = next(item for item in owner.get("/api/v1/labels").json["items"] if item["name"] == "home")
    owner.delete(f"/api/v1/labels/{label['id']}")
    _, following = complete(owner, weekly, NOON)
    assert following["labels"] == ["Grün"]
    owner.post(f"/api/v1/labels/{label['id']}/restore")
    assert show(owner, following["id"])["labels"] == ["Grün", "home"]


def test_subtasks_are_copied_as_open_ones(owner, weekly):
    steps = [
        {"title": "Fill the can", "status": "done", "due_date": "2030-01-30", "labels": ["water"]},
        {"title": "Empty it", "due_at": "2030-01-31T09:00:00Z", "recurrence": "FREQ=YEARLY"},
    ]
    first, second = (
        owner.post(TASKS, json={**step, "parent_id": weekly["id"]}).json for step in steps
    )  # fmt: skip
    below = owner.post(TASKS, json={"title": "Find it", "parent_id": first["id"]}).json
    gone = owner.post(TASKS, json={"title": "Gone", "parent_id": weekly["id"]}).json
    owner.delete(f"{TASKS}/{gone['id']}")
    before = listed(owner)
    _, following = complete(owner, weekly, NOON)
    copies = {task["title"]: task for task in listed(owner).values() if task["id"] not in before}
    assert {*copies} == {"Water the plants", "Fill the can", "Empty it", "Find it"}
    assert {task["status"] for task in copies.values()} == {"todo"}
    assert {task["project_id"] for task in copies.values()} == {weekly["project_id"]}
    can, empty, find = (copies[title] for title in ("Fill the can", "Empty it", "Find it"))
    assert can["parent_id"] == empty["parent_id"] == following["id"]
    assert find["parent_id"] == can["id"]
    assert (can["due_date"], can["labels"], can["position"]) == ("2030-02-06", ["water"], first["position"])
    assert (empty["due_at"], empty["recurrence"]) == ("2030-02-07T09:00:00Z", "FREQ=YEARLY")
    assert {task_id: task for task_id, task in listed(owner).items() if task_id in before} == {
        **before, weekly["id"]: show(owner, weekly["id"])
    }  # fmt: skip
    assert below["id"] != find["id"]
    assert second["id"] != empty["id"]


def test_subtask_that_was_followed_is_copied_once(owner, weekly):
    step = add(owner, "FREQ=DAILY", "2030-01-30", title="Step", parent_id=weekly["id"])
    _, open_step = complete(owner, step, NOON)
    _, following = complete(owner, weekly, NOON)
    [copy] = listed(owner, parent_id=following["id"]).values()
    assert (open_step["due_date"], copy["due_date"]) == ("2030-01-31", "2030-02-07")


def test_recurring_subtask_is_followed_under_its_parent(owner, weekly):
    step = add(owner, "FREQ=DAILY", "2030-01-31", title="Step", parent_id=weekly["id"])
    _, following = complete(owner, step, NOON)
    assert (following["parent_id"], following["project_id"]) == (weekly["id"], weekly["project_id"])


@pytest.mark.slow
def test_too_many_subtasks_refuse_the_completion(owner, weekly):
    add_subtasks(owner, weekly, 200)
    before = listed(owner, parent_id=weekly["id"])
    extra = owner.post(TASKS, json={"title": "One more", "parent_id": weekly["id"]}).json
    response = owner.patch(f"{TASKS}/{weekly['id']}", json={"status": "done"})
    assert (response.status_code, response.json["code"]) == (409, "quota_exceeded")
    assert "200" in response.json["detail"]
    assert show(owner, weekly["id"]) == weekly
    owner.delete(f"{TASKS}/{extra['id']}")
    _, following = complete(owner, weekly, NOON)
    counts = owner.get(f"{TASKS}/subtask-counts", query_string={"task_id": following["id"]}).json["items"]
    assert counts == [{"task_id": following["id"], "total": 200, "done": 0}]
    assert len(before) == 100


def test_quota_refuses_the_completion_and_changes_nothing(make_app, new_user):
    app = make_app(MAX_TASKS=3)
    client = sign_in(app, new_user())
    task = add(client, "FREQ=DAILY", "2030-01-31")
    client.post(TASKS, json={"title": "Step", "parent_id": task["id"]})
    response = client.patch(f"{TASKS}/{task['id']}", json={"status": "done"})
    assert (response.status_code, response.json["code"]) == (409, "quota_exceeded")
    assert show(client, task["id"]) == task
    assert change(client, task, recurrence=None, status="done")["status"] == "done"


def test_reopening_removes_an_untouched_next_task(owner, weekly):
    add_subtasks(owner, weekly, 2)
    before = listed(owner)
    done, following = complete(owner, weekly, NOON)
    reopened = change(owner, done, status="in_progress")
    assert reopened == {**weekly, "version": reopened["version"], "updated_at": reopened["updated_at"]}
    assert listed(owner) == {**before, weekly["id"]: reopened}
    assert owner.get(f"{TASKS}/{following['id']}").status_code == 404
    assert owner.get(TASKS, query_string={"deleted": "true"}).json["items"] == []
    _, again = complete(owner, reopened, NOON)
    assert (again["due_date"], again["id"] == following["id"]) == ("2030-02-07", False)


def test_removed_next_task_returns_its_quota(make_app, new_user):
    app = make_app(MAX_TASKS=2)
    client = sign_in(app, new_user())
    task = add(client, "FREQ=DAILY", "2030-01-31")
    for _ in range(3):
        done, _ = complete(client, task)
        change(client, done, status="todo")
    assert len(listed(client)) == 1


CHANGES = {"title": {"title": "Rake"}, "status": {"status": "in_progress"}, "project": {"project_id": None}}


@pytest.mark.parametrize("touch", ["title", "status", "subtask", "subtask of a subtask", "deleted subtask", "project"])
def test_reopening_keeps_a_next_task_that_has_changed(owner, weekly, touch):
    add_subtasks(owner, weekly, 1)
    done, following = complete(owner, weekly, NOON)
    [step] = listed(owner, parent_id=following["id"]).values()
    if touch == "subtask of a subtask":
        owner.post(TASKS, json={"title": "New", "parent_id": step["id"]})
    elif touch == "deleted subtask":
        owner.delete(f"{TASKS}/{step['id']}")
    elif touch == "subtask":
        change(owner, step, priority="low")
    else:
        change(
            owner,
            following,
            **{"title": {"title": "Rake"}, "status": {"status": "in_progress"}}.get(touch, {"project_id": None}),
        )
    before = listed(owner)
    reopened = change(owner, done, status="todo")
    assert reopened["next_id"] == following["id"]
    assert listed(owner) == {**before, weekly["id"]: reopened}
    again = change(owner, reopened, status="done")
    assert again["next_id"] == following["id"]
    assert {*listed(owner)} == {*before}


@pytest.mark.parametrize(
    ("due", "rule", "following"),
    [
        ("9999-12-31T20:00:00Z", "FREQ=DAILY", None),
        ("9999-12-30", "FREQ=DAILY;UNTIL=99991231T235959Z", "9999-12-31"),
        ("9999-12-31", "FREQ=DAILY", None),
    ],
)
def test_series_ends_in_the_year_9999(owner, due, rule, following):
    """In Tokyo, its last instants are in a later year, which Python does not have."""
    owner.patch("/api/v1/me", json={"timezone": "Asia/Tokyo"})
    series = add(owner, rule, due)
    owner.post(TASKS, json={"title": "Step", "parent_id": series["id"], "due_at": "9999-12-31T20:00:00Z"})
    _, task = complete(owner, series)
    assert (task and task["due_date"]) == following


@pytest.mark.parametrize("permanent", [False, True])
def test_series_continues_with_the_reopened_task_if_the_next_one_is_deleted(owner, weekly, permanent):
    done, following = complete(owner, weekly, NOON)
    owner.delete(f"{TASKS}/{following['id']}", query_string={"permanent": "true"} if permanent else {})
    assert show(owner, done["id"])["next_id"] == following["id"]
    reopened = change(owner, done, status="todo")
    assert reopened["next_id"] is None
    _, again = complete(owner, reopened, NOON)
    assert (again["due_date"], again["id"] == following["id"]) == ("2030-02-07", False)
    assert [*listed(owner)] == [done["id"], again["id"]]


def test_completion_of_the_next_task_keeps_both(owner, weekly):
    done, second = complete(owner, weekly, NOON)
    _, third = complete(owner, second, NOON)
    assert third["due_date"] == "2030-02-14"
    assert change(owner, done, status="todo")["next_id"] == second["id"]
    assert {*listed(owner)} == {weekly["id"], second["id"], third["id"]}


def test_tasks_in_the_trash_cannot_be_completed(owner, weekly):
    owner.delete(f"{TASKS}/{weekly['id']}")
    response = owner.patch(f"{TASKS}/{weekly['id']}", json={"status": "done"})
    assert (response.status_code, response.json["code"]) == (409, "in_trash")
    owner.post(f"{TASKS}/{weekly['id']}/restore")
    _, following = complete(owner, weekly, NOON)
    assert following["due_date"] == "2030-02-07"


def test_tasks_of_archived_projects_are_followed(owner, weekly):
    assert owner.patch(f"/api/v1/projects/{weekly['project_id']}", json={"archived": True}).status_code == 200
    _, following = complete(owner, weekly, NOON)
    assert following["project_id"] == weekly["project_id"]


def test_other_users_tasks_are_not_found(owner, signed_in, weekly):
    other = signed_in()
    response = other.patch(f"{TASKS}/{weekly['id']}", json={"status": "done"})
    assert response.status_code == 404
    assert listed(other) == {}
    assert listed(owner) == {weekly["id"]: weekly}


def test_viewer_cannot_complete(signed_in):
    viewer = signed_in("viewer")
    body = {"title": "Rake", "due_date": "2030-01-31", "recurrence": "FREQ=DAILY"}
    assert viewer.post(TASKS, json=body).json["code"] == "permission_denied"


@needs("changes")
def test_change_feed_has_the_completed_and_the_next_task(owner, weekly):
    cursor = owner.get("/api/v1/changes?since=now").json["cursor"]
    done, following = complete(owner, weekly)
    feed = owner.get(f"/api/v1/changes?since={cursor}").json
    assert [change["data"] for change in feed["changes"]] == [following, done]
    reopened = change(owner, done, status="todo")
    feed = owner.get(f"/api/v1/changes?since={feed['cursor']}").json
    assert [(entry["id"], entry["deleted"], entry["data"]) for entry in feed["changes"]] == [
        (following["id"], True, None),
        (reopened["id"], False, reopened),
    ]
