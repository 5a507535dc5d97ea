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
pytestmark = [pytest.mark.slow, needs("transfer")]


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
def locked(app, *usernames):
    """Lock the change counters of users, as their long writes do. On SQLite that locks out all writers."""
    with app.app_context(), db.engine.connect() as connection, connection.begin():
        for username in usernames:
            user = connection.exec_driver_sql(f"SELECT id FROM users WHERE username = '{username}'").scalar_one()
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL taskapi.user_id = '{user}'")
            connection.exec_driver_sql(f"UPDATE change_counters SET value = value WHERE owner_id = '{user}'")
        yield
        connection.rollback()


@pytest.fixture
def server(database_url, tmp_path):
    """A server of one worker with 8 threads."""
    environment = {
        "TASKAPI_DATABASE_URL": database_url,
        "TASKAPI_INSTANCE_PATH": str(tmp_path),
        "TASKAPI_JWT_SECRET_KEY": SECRET,
        "TASKAPI_DATABASE_TIMEOUT_SECONDS": "4",
    }
    with Server(environment, tmp_path, "--workers", "1", "--threads", "8") as server:
        yield server


def send(server, client, method, path, body=None):
    """Send a request of a user, and return the status and the seconds to try again after."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers["Retry-After"]


def attack(server, victim, paths, *requests):
    """Send many requests at once, and meanwhile read as another user. Returns the responses to the requests."""
    with ThreadPoolExecutor(ATTACKERS) as pool:
        started = time.monotonic()
        sent = [pool.submit(send, server, *requests[i % len(requests)]) for i in range(ATTACKERS)]
        wait_until(lambda: any(request.done() for request in sent))
        for path in paths:
            asked = time.monotonic()
            assert (path, send(server, victim, "GET", path)[0]) == (path, 200)
            assert time.monotonic() - asked < 1
        assert time.monotonic() - started < 4
        return [request.result() for request in sent]


def test_slow_requests_of_two_users_leave_threads_to_others(app, server, owner, other, signed_in):
    """64 clients of two users write to locked rows."""
    write, reader = ("POST", TASKS, '{"title": "Task"}'), signed_in()
    with locked(app, owner.username, other.username):
        paths = ("/healthz", "/readyz", TASKS, "/api/v1/me")
        responses = attack(server, reader, paths, (owner, *write), (other, *write))
    assert responses.count((429, "1")) >= ATTACKERS - 12  # 6 that run, and those that start after them
    assert {status for status, _ in responses} == {429, 503}


def test_slow_reads_leave_threads_to_others(app, server, owner, other):
    """64 clients of one user read a table that another transaction locks, which PostgreSQL alone allows."""
    with app.app_context(), db.engine.connect() as connection, connection.begin():
        if connection.dialect.name != "postgresql":
            pytest.skip("a read on SQLite never waits for a lock")
        connection.exec_driver_sql("LOCK TABLE projects IN ACCESS EXCLUSIVE MODE")
        responses = attack(server, other, ("/healthz", "/api/v1/me"), (owner, "GET", "/api/v1/projects"))
        connection.rollback()
    assert responses.count((429, "1")) >= ATTACKERS - 10
    assert {status for status, _ in responses} == {429, 503}


def test_quick_requests_of_one_user_wait_for_each_other(server, owner):
    """Clients of one user that keep all threads busy with quick requests get all of their responses."""
    with ThreadPoolExecutor(8) as pool:
        statuses = pool.map(lambda _: send(server, owner, "GET", "/api/v1/me")[0], range(300))
        assert set(statuses) == {200}


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
