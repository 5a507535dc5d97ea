"""Tombstones of deleted rows are limited per user: beyond the limit the oldest are purged, and old cursors expire."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine
from feed_copy import FeedCopy, rows_of_server, without_counts
from task_files import add_tasks

from taskapi.database import db, now, rls_user
from taskapi.resources.models import ChangeCounter, Tombstone

CHANGES = "/api/v1/changes"
MOST = 100


@pytest.fixture(scope="module")
def app(make_app):
    """An application that keeps few tombstones."""
    return make_app(MAX_TOMBSTONES=MOST)


@pytest.fixture
def count_tombstones(app, owner):
    """Return the number of the owner's tombstones; the counter has the same."""
    owner_id = UUID(owner.get("/api/v1/me").json["id"])

    def count():
        with app.app_context(), rls_user(owner_id):
            rows = sa.select(sa.func.count()).select_from(Tombstone).where(Tombstone.owner_id == owner_id)
            counter = sa.select(ChangeCounter.tombstones).where(ChangeCounter.owner_id == owner_id)
            found = [db.session.execute(statement).scalar_one() for statement in (rows, counter)]
            db.session.rollback()
        assert found[0] == found[1]
        return found[0]

    return count


def delete_one(client):
    task = client.post("/api/v1/tasks", json={"title": "Task"}).headers["Location"]
    assert client.delete(f"{task}?permanent=true").status_code == 204


def latest(client):
    return client.get(f"{CHANGES}?since=now").json["cursor"]


@pytest.mark.slow
def test_oldest_tombstones_are_purged_beyond_the_limit(owner, count_tombstones):
    kept = owner.post("/api/v1/tasks", json={"title": "Kept"}).json["id"]
    start = latest(owner)
    for _ in range(MOST):
        delete_one(owner)
    assert count_tombstones() == MOST
    assert owner.get(f"{CHANGES}?since={start}").status_code == 200
    recent = latest(owner)
    delete_one(owner)
    assert count_tombstones() == MOST * 9 // 10
    expired = owner.get(f"{CHANGES}?since={start}")
    assert (expired.status_code, expired.json["code"]) == (410, "cursor_expired")
    assert [change["deleted"] for change in owner.get(f"{CHANGES}?since={recent}").json["changes"]] == [True]
    assert [change["id"] for change in owner.get(CHANGES).json["changes"] if not change["deleted"]] == [kept]


def test_rows_deleted_together_beyond_the_limit_expire_older_cursors(owner, count_tombstones):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    add_tasks(owner, [{"title": f"Task {i}", "project_id": project} for i in range(160)])
    start = latest(owner)
    assert owner.delete(f"/api/v1/projects/{project}?permanent=true").status_code == 204
    assert count_tombstones() <= MOST
    assert owner.get(f"{CHANGES}?since={start}").status_code == 410
    assert without_counts(FeedCopy(owner).follow().rows) == without_counts(rows_of_server(owner))


def test_purged_tombstones_are_counted_out(app, owner, count_tombstones):
    delete_one(owner)
    assert count_tombstones() == 1
    with time_machine.travel(now() + timedelta(days=31)):
        assert app.test_cli_runner().invoke(args=["prune"]).exit_code == 0
    assert count_tombstones() == 0
