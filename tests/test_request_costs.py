"""No request of one user is so expensive that others wait: limits on time, rows and size."""

import gc
import json
import socket
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection
from itertools import count
from threading import Event
from uuid import uuid4

import pytest
from conftest import PASSWORD
from servers import Server, wait_until
from surface import needs
from task_files import TASKS, add_tasks

from taskapi.database import db
from taskapi.resources.pagination import FEW_TASKS
from taskapi.security.rate_limit import Kind, ParallelRequests, SlowRequests

SECRET = "a secret of this test, long enough for HS256"
ATTACKERS = 64
BATCH = pytest.param(f"{TASKS}/batch", marks=needs("batch"))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def app(make_app):
    """An application with low limits."""
    return make_app(MAX_EXPORT_BYTES=2000, RATELIMIT_ENABLED=True, JWT_SECRET_KEY=SECRET)


@needs("exports")
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
        "TASKAPI_RATELIMIT_REFRESH": "1000/minute",
        "TASKAPI_RATELIMIT_PASSWORD": "1000/minute",
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


@pytest.mark.parametrize("path", [TASKS, BATCH])
def test_slow_writes_of_many_users_leave_threads_to_reads(app, server, signed_in, path):
    """64 clients of 12 users write to locked rows."""
    reader, *writers = [signed_in() for _ in range(13)]
    with locked(app, *(writer.username for writer in writers)):
        task = {"title": "Task"}
        body = json.dumps({"operations": [{"op": "create", "data": task}]} if path != TASKS else task)
        writes = [(writer, "POST", path, body) for writer in writers]
        responses = attack(server, reader, ("/healthz", TASKS, "/api/v1/me"), *writes)
    assert responses.count((503, "1")) >= ATTACKERS // 2
    assert {status for status, _ in responses} <= {429, 503}


def test_slow_senders_of_rejected_bodies_leave_threads_to_others(server, owner):
    """12 clients send the rest of a body slowly after the server has rejected it."""
    head = f"POST {TASKS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16000000\r\n\r\n".encode()
    ended, answered = Event(), []

    def send_slowly():
        with socket.create_connection(("127.0.0.1", server.port)) as connection, suppress(OSError):
            connection.sendall(head)
            answered.append(connection.recv(1))
            while not ended.wait(0.01):
                connection.sendall(b"x" * 16384)

    with ThreadPoolExecutor(12) as pool:
        for _ in range(12):
            pool.submit(send_slowly)
        try:
            wait_until(lambda: len(answered) >= 8)  # as many as the server has threads
            asked = time.monotonic()
            assert send(server, owner, "GET", "/api/v1/me")[0] == 200
            assert time.monotonic() - asked < 1
        finally:
            ended.set()


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


def give_many_tasks(app, *clients):
    """Let users count as users with many tasks."""
    with app.app_context(), db.engine.begin() as connection:
        for client in clients:
            user = connection.exec_driver_sql(f"SELECT id FROM users WHERE username = '{client.username}'").scalar_one()
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL taskapi.user_id = '{user}'")
            change = f"UPDATE change_counters SET tasks = {FEW_TASKS + 1} WHERE owner_id = '{user}'"
            assert connection.exec_driver_sql(change).rowcount == 1


LISTS = ["/tasks/summary", "/tasks?sort=priority,title", "/tasks?q=water", "/projects", "/labels"]
SLOW_READS = [*LISTS, pytest.param("/changes", marks=needs("changes"))]
EXPORTS = [pytest.param(path, marks=needs("exports")) for path in ("/tasks/export.json", "/me/export")]


@pytest.mark.parametrize("path", SLOW_READS)
def test_slow_reads_of_many_users_leave_threads_to_others(app, server, signed_in, path):
    """64 clients of 12 users with many tasks read tables that another transaction locks, as PostgreSQL alone allows."""
    victim, *readers = [signed_in() for _ in range(13)]
    give_many_tasks(app, *readers)
    with app.app_context(), db.engine.connect() as connection, connection.begin():
        if connection.dialect.name != "postgresql":
            pytest.skip("a read on SQLite never waits for a lock")
        connection.exec_driver_sql("LOCK TABLE tasks, projects, labels IN ACCESS EXCLUSIVE MODE")
        reads = [(reader, "GET", f"/api/v1{path}") for reader in readers]
        responses = attack(server, victim, ("/healthz", "/api/v1/me"), *reads)
        connection.rollback()
    assert responses.count((503, "1")) >= ATTACKERS // 2


@pytest.mark.parametrize("path", [*SLOW_READS, *EXPORTS])
def test_slow_read_is_rejected_when_too_many_run(app, owner, path):
    """Users with few tasks read whatever others do."""
    assert owner.post("/api/v1/projects", json={"name": "Garden"}).status_code == 201
    with running(app, read=4):
        if "export" not in path:
            assert owner.get(f"/api/v1{path}").status_code == 200
        give_many_tasks(app, owner)
        refused = owner.get(f"/api/v1{path}")
        assert (refused.status_code, refused.json["code"], refused.headers["Retry-After"]) == (503, "unavailable", "1")
        for quick in (TASKS, f"{TASKS}?status=done&sort=due", "/api/v1/me"):
            assert owner.get(quick).status_code == 200
        assert owner.post(TASKS, json={"title": "Task"}).status_code == 201
    assert owner.get(f"/api/v1{path}").status_code != 503


@contextmanager
def running(app, **numbers):
    """Let requests of these kinds run for longer than others wait for them."""
    with ExitStack() as requests:
        for kind, number in numbers.items():
            for _ in range(number):
                requests.enter_context(app.extensions["taskapi-slow-requests"].hold(Kind[kind.upper()]))
        time.sleep(0.3)
        yield


@pytest.mark.parametrize(
    ("kinds", "refused"),
    [
        ({"write": 4}, {"write", "refresh"}),
        ({"body": 4}, {"write", "refresh", "sign-in"}),
        ({"write": 4, "read": 2}, {"write", "refresh", "sign-in", "read"}),
        ({"password": 4, "read": 2}, {"write", "refresh", "sign-in", "read"}),
        ({"password": 3, "read": 2}, set()),
    ],
    ids=["writes", "bodies", "writes and reads", "passwords and reads", "few"],
)
def test_slow_requests_of_all_kinds_leave_threads_to_quick_reads(app, owner, kinds, refused):
    give_many_tasks(app, owner)
    requests = {
        "write": lambda: owner.post(TASKS, json={"title": "Task"}),
        "refresh": lambda: app.test_client().post("/api/v1/auth/refresh", json={"refresh_token": "none"}),
        "sign-in": lambda: app.test_client().post("/api/v1/auth/login", json={"username": "nobody", "password": "x"}),
        "read": lambda: owner.get(f"{TASKS}/summary"),
        "quick read": lambda: owner.get(TASKS),
    }
    with running(app, **kinds):
        assert {name for name, send in requests.items() if send().status_code == 503} == refused
    assert {name for name, send in requests.items() if send().status_code == 503} == set()


def test_slow_refreshes_leave_threads_to_reads(app, server, owner, signed_in):
    """64 clients refresh while another transaction locks the sessions, and on SQLite all writes."""
    credentials = {"username": signed_in().username, "password": PASSWORD}
    tokens = [app.test_client().post("/api/v1/auth/login", json=credentials).json["refresh_token"] for _ in range(4)]
    with app.app_context(), db.engine.connect() as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE sessions IN EXCLUSIVE MODE")
        else:
            connection.exec_driver_sql("UPDATE sessions SET id = id")
        refreshes = [(owner, "POST", "/api/v1/auth/refresh", json.dumps({"refresh_token": token})) for token in tokens]
        responses = attack(server, owner, ("/healthz", TASKS, "/api/v1/me"), *refreshes)
        connection.rollback()
    assert responses.count((503, "1")) >= ATTACKERS // 2


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/auth/refresh", TASKS, BATCH, "/unknown"])
def test_slow_senders_leave_threads_to_reads(server, owner, signed_in, path):
    """12 clients never send the body that they announce. No proxy stands in front."""
    with ExitStack() as connections:
        for client in [signed_in() for _ in range(12)]:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {client.token}\r\n"
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n".encode())
        time.sleep(1)
        for read in (TASKS, "/api/v1/me", "/healthz"):
            asked = time.monotonic()
            assert send(server, owner, "GET", read)[0] == 200
            assert time.monotonic() - asked < 1
        assert send(server, owner, "DELETE", f"{TASKS}/{uuid4()}")[0] == 404  # a change without a body


def test_password_checks_leave_writes_to_others(server, owner, signed_in):
    """Four users check passwords all the time, each for 0.3 s and more."""
    attackers, ended = [signed_in() for _ in range(4)], Event()

    def check(client):
        while not ended.is_set():
            send(server, client, "POST", "/api/v1/auth/verify-password", '{"password": "wrong"}')

    with ThreadPoolExecutor(4) as pool:
        for client in attackers:
            pool.submit(check, client)
        try:
            time.sleep(1)
            statuses = [send(server, owner, "POST", TASKS, '{"title": "Task"}')[0] for _ in range(20)]
        finally:
            ended.set()
    assert statuses == [201] * 20


def test_quick_requests_of_one_user_wait_for_each_other(server, owner):
    """Clients of one user that keep all threads busy with quick requests get all of their responses."""
    with ThreadPoolExecutor(8) as pool:
        statuses = pool.map(lambda _: send(server, owner, "GET", "/api/v1/me")[0], range(300))
        assert set(statuses) == {200}


@pytest.mark.parametrize("kind", ["parallel", "slow"])
def test_quick_requests_start_in_the_order_of_their_arrival(kind):
    """One client sends a request whenever another one ends. Those that came before it start first."""
    user, parallel, slow = uuid4(), ParallelRequests(1), SlowRequests(2)

    @contextmanager
    def request():
        if kind == "slow":
            with slow.hold(Kind.READ):
                yield
        else:
            stop = parallel.start(user, writes=False)
            yield
            stop()

    def send():
        with request():
            return True

    with ThreadPoolExecutor(1) as pool, ExitStack() as running:
        running.enter_context(request())
        following = running.enter_context(ExitStack())
        following.enter_context(request())
        waiting = pool.submit(send)
        for _ in range(100):  # together longer than a request waits
            time.sleep(0.005)
            following.close()
            following.enter_context(request())
        assert waiting.result()


def test_one_statement_has_a_time_limit_on_sqlite(owner, sqlite, monkeypatch):
    parent = owner.post(TASKS, json={"title": "Parent"}).json["id"]
    add_tasks(owner, [{"title": f"Task {i}", "parent_id": parent} for i in range(500)])
    ticks = count(step=20)
    monkeypatch.setattr("taskapi.database.statements.monotonic", lambda: next(ticks))
    refused = owner.delete(f"{TASKS}/{parent}")
    assert (refused.status_code, refused.json["code"]) == (503, "unavailable")
    monkeypatch.undo()
    assert owner.get(f"{TASKS}?parent_id={parent}&deleted=true").json["items"] == []
    assert owner.delete(f"{TASKS}/{parent}").status_code == 204


def test_lists_of_all_sizes_take_little_memory(owner):
    """A statement that is kept takes 100 KB. One for each number of rows would be 10 MB for each kind of list."""
    owner.get(TASKS, query_string={"limit": 20})
    tracemalloc.start()
    try:
        for limit in range(1, 101):
            assert owner.get(TASKS, query_string={"limit": limit}).status_code == 200
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 3_000_000
