"""No request of one user is so expensive that others wait: limits on time, rows and size."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from itertools import count

import pytest
from exchanging import bring
from servers import Server, wait_until
from surface import needs

from taskapi.database import db

TASKS = "/api/v1/tasks"
SECRET = "a secret of this test, long enough for HS256"
ATTACKERS = 64
pytestmark = needs("transfer")


@pytest.fixture(scope="module")
def app(make_app):
    """An application with low limits."""
    return make_app(MAX_EXPORT_BYTES=2000, MAX_BATCH_ROWS=100, RATELIMIT_ENABLED=True, JWT_SECRET_KEY=SECRET)


@pytest.mark.parametrize("path", [f"{TASKS}/export.json", f"{TASKS}/export.csv", f"{TASKS}/export.ics"])
def test_export_has_a_largest_size(owner, path):
    assert owner.get(path).status_code == 200
    owner.post(TASKS, json={"title": "Long", "description": "x" * 2000})
    refused = owner.get(path)
    assert (refused.status_code, refused.json["code"]) == (409, "quota_exceeded")
    refused = owner.get("/api/v1/me/export")
    assert (refused.status_code, refused.json["code"]) == (409, "quota_exceeded")


@contextmanager
def locked(app, username):
    """Lock the counter of a user's changes, as a long write of theirs does; on SQLite that locks out all writers."""
    with app.app_context(), db.engine.connect() as connection, connection.begin():
        user = connection.exec_driver_sql(f"SELECT id FROM users WHERE username = '{username}'").scalar_one()
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL taskapi.user_id = '{user}'")
        connection.exec_driver_sql(f"UPDATE change_counters SET value = value WHERE owner_id = '{user}'")
        yield
        connection.rollback()


def test_writers_who_wait_leave_threads_to_everybody_else(app, owner, other, database_url, tmp_path):
    """One worker with 8 threads, and 64 clients of one user who write to a locked row."""
    environment = {
        "TASKAPI_DATABASE_URL": database_url,
        "TASKAPI_INSTANCE_PATH": str(tmp_path),
        "TASKAPI_JWT_SECRET_KEY": SECRET,
        "TASKAPI_DATABASE_TIMEOUT_SECONDS": "4",
    }
    with Server(environment, tmp_path, "--workers", "1", "--threads", "8") as server, locked(app, owner.username):

        def send(client, method, path, body=None):
            connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
            headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            with closing(connection):
                answer = connection.getresponse()
                return answer.status, answer.headers["Retry-After"], answer.read()

        with ThreadPoolExecutor(ATTACKERS) as pool:
            started = time.monotonic()
            writes = [pool.submit(send, owner, "POST", TASKS, '{"title": "Task"}') for _ in range(ATTACKERS)]
            wait_until(lambda: any(write.done() for write in writes))
            for path in ("/healthz", "/readyz", TASKS, "/api/v1/me"):
                asked = time.monotonic()
                assert send(other, "GET", path)[0] == 200
                assert time.monotonic() - asked < 1
            assert time.monotonic() - started < 4
            answers = [write.result() for write in writes]
        refused = [answer for answer in answers if answer[0] == 429]
        assert len(refused) >= ATTACKERS - 8
        assert {retry for _, retry, _ in refused} == {"1"}
        assert {status for status, _, _ in answers} == {429, 503}


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
    bring(owner, [{"title": f"Task {i}", "description": "한" * 20_000} for i in range(80)])
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


def test_one_statement_has_a_time_limit_on_sqlite(owner, sqlite, monkeypatch):
    parent = owner.post(TASKS, json={"title": "Parent"}).json["id"]
    rows = [{"id": "0", "title": "Parent"}, *({"title": f"Task {i}", "parent_id": "0"} for i in range(2000))]
    bring(owner, rows)
    parent = owner.get(f"{TASKS}?without=parent&sort=-created_at&limit=1").json["items"][0]["id"]
    ticks = count(step=20)
    monkeypatch.setattr("taskapi.database.sqlite.monotonic", lambda: next(ticks))
    refused = owner.delete(f"{TASKS}/{parent}")
    assert (refused.status_code, refused.json["code"]) == (503, "unavailable")
    monkeypatch.undo()
    assert owner.get(f"{TASKS}?parent_id={parent}&deleted=true").json["items"] == []
    assert owner.delete(f"{TASKS}/{parent}").status_code == 204
