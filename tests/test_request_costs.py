"""No request of one user is so expensive that others wait: limits on time, rows and size."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import pytest
from servers import Server, wait_until

from taskapi.database import db

TASKS = "/api/v1/tasks"
SECRET = "a secret of this test, long enough for HS256"
ATTACKERS = 64


@pytest.fixture(scope="module")
def app(make_app):
    """An application with low limits."""
    return make_app(MAX_EXPORT_BYTES=2000, RATELIMIT_ENABLED=True, JWT_SECRET_KEY=SECRET)


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
