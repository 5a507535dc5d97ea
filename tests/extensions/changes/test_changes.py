"""/changes: a copy that follows the feed equals the rows of the server, deletions included."""

from datetime import timedelta

import pytest
import time_machine
from feed_copy import KINDS, FeedCopy, rows_of_server, without_counts

from taskapi.database import now


@pytest.fixture
def copy(owner):
    return FeedCopy(owner)


@pytest.fixture
def prune(app):
    """Run `flask prune` some days later."""

    def run(days):
        with time_machine.travel(now() + timedelta(days=days)):
            assert app.test_cli_runner().invoke(args=["prune"]).exit_code == 0

    return run


def live_a_little(owner):
    """Create, change, delete and restore rows of all kinds."""
    post = lambda url, **body: owner.post(f"/api/v1/{url}", json=body).json["id"]  # noqa: E731
    project = post("projects", name="Garden")
    tasks = [post("tasks", title=f"Task {i}", project_id=project, labels=["home", f"l{i}"]) for i in range(3)]
    post("tasks", title="Child", parent_id=tasks[0])
    owner.patch(f"/api/v1/tasks/{tasks[1]}", json={"status": "done"})
    owner.delete(f"/api/v1/tasks/{tasks[0]}")
    label = owner.get("/api/v1/labels").json["items"][1]["id"]
    owner.patch(f"/api/v1/labels/{label}", json={"name": "renamed"})
    return project, tasks, label


def test_copy_that_follows_the_feed_equals_the_server(owner, copy):
    assert copy.follow().rows == {}
    project, tasks, label = live_a_little(owner)
    assert copy.follow(limit=2).rows == rows_of_server(owner)
    owner.post(f"/api/v1/tasks/{tasks[0]}/restore")
    owner.delete(f"/api/v1/labels/{label}?permanent=true")
    owner.delete(f"/api/v1/tasks/{tasks[2]}?permanent=true")
    assert without_counts(copy.follow(limit=1).rows) == without_counts(rows_of_server(owner))
    owner.delete(f"/api/v1/projects/{project}")
    assert without_counts(copy.follow().rows) == without_counts(rows_of_server(owner))
    owner.delete(f"/api/v1/projects/{project}?permanent=true")
    assert without_counts(copy.follow().rows) == without_counts(rows_of_server(owner))


def test_changes_come_in_the_order_of_their_versions_and_each_thing_once(owner, copy):
    live_a_little(owner)
    response = owner.get("/api/v1/changes").json
    ids = [change["id"] for change in response["changes"]]
    assert len(ids) == len(set(ids))
    copy.follow(limit=1)
    assert copy.versions == sorted(copy.versions)


def test_change_has_the_data_of_the_resource(owner):
    live_a_little(owner)
    for change in owner.get("/api/v1/changes").json["changes"]:
        shown = owner.get(f"/api/v1/{KINDS[change['type']]}/{change['id']}").json
        assert change["data"] == (None if change["deleted"] else shown)


def test_cursor_is_the_version_of_the_last_change(owner, task):
    assert owner.get("/api/v1/changes").json["cursor"] == str(task["version"])
    assert owner.get(f"/api/v1/changes?since={task['version']}").json["changes"] == []


def test_now_is_the_current_cursor_with_no_changes(owner, copy):
    assert owner.get("/api/v1/changes?since=now").json == {"changes": [], "cursor": "0", "has_more": False}
    live_a_little(owner)
    start = owner.get("/api/v1/changes?since=now").json
    assert start == {"changes": [], "cursor": copy.follow().cursor, "has_more": False}
    new = owner.post("/api/v1/tasks", json={"title": "New"}).json
    response = owner.get(f"/api/v1/changes?since={start['cursor']}").json
    assert [change["data"] for change in response["changes"]] == [new]


def test_now_is_good_after_a_purge(owner, prune):
    doomed = owner.post("/api/v1/tasks", json={"title": "Doomed"}).json["id"]
    owner.delete(f"/api/v1/tasks/{doomed}")
    prune(31)
    cursor = owner.get("/api/v1/changes?since=now").json["cursor"]
    assert owner.get(f"/api/v1/changes?since={cursor}").json == {"changes": [], "cursor": cursor, "has_more": False}


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 30, "1-", "٣", "1--2"])
def test_malformed_cursor_is_400(owner, cursor):
    response = owner.get("/api/v1/changes", query_string={"since": cursor})
    assert (response.status_code, response.json["code"]) == (400, "invalid_cursor")


def test_cursor_of_the_future_is_410(owner):
    response = owner.get("/api/v1/changes?since=1000")
    assert (response.status_code, response.json["code"]) == (410, "cursor_expired")


def test_cursor_before_purged_changes_is_410(owner, copy, prune):
    doomed = owner.post("/api/v1/tasks", json={"title": "Doomed"}).json["id"]
    late = FeedCopy(owner).follow()
    owner.delete(f"/api/v1/tasks/{doomed}")
    owner.post("/api/v1/tasks", json={"title": "Kept"})
    copy.follow()
    prune(31)
    response = owner.get("/api/v1/changes", query_string={"since": late.cursor})
    assert (response.status_code, response.json["code"]) == (410, "cursor_expired")
    assert copy.follow().rows == rows_of_server(owner)
    assert FeedCopy(owner).follow().rows == rows_of_server(owner)


def test_first_copy_after_pruning_is_complete(owner, prune):
    kept = [owner.post("/api/v1/tasks", json={"title": f"Task {i}"}).json["id"] for i in range(3)]
    doomed = owner.post("/api/v1/tasks", json={"title": "Doomed"}).json["id"]
    owner.delete(f"/api/v1/tasks/{doomed}?permanent=true")
    prune(31)
    copy = FeedCopy(owner).follow(limit=1)
    assert [id_ for _, id_ in copy.rows] == kept
    assert copy.follow().rows == rows_of_server(owner)


def test_pruning_during_a_first_copy_is_410_when_it_matters(owner, prune):
    first = owner.post("/api/v1/tasks", json={"title": "First"}).json["id"]
    for i in range(3):
        owner.post("/api/v1/tasks", json={"title": f"Task {i}"})
    cursor = owner.get("/api/v1/changes?limit=1").json["cursor"]
    owner.delete(f"/api/v1/tasks/{first}")
    prune(31)
    assert owner.get(f"/api/v1/changes?since={cursor}").status_code == 410


def test_feed_lists_only_own_changes(signed_in, task):
    assert signed_in().get("/api/v1/changes").json == {"changes": [], "cursor": "0", "has_more": False}


def test_unchanged_feed_is_304(owner, task):
    tag = owner.get("/api/v1/changes").headers["ETag"]
    assert owner.get("/api/v1/changes", headers={"If-None-Match": tag}).status_code == 304
