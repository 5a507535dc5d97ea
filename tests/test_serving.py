"""gunicorn with the file that we ship: how it stops, starts anew, and what it believes of its clients."""

import http.client
import json
import os
import re
import signal
import socket
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import PASSWORD
from servers import ROOT, Gunicorn, children, connects, free_port, wait_until

PRODUCTION = {
    "TASKAPI_ENV": "production",
    "TASKAPI_JWT_SECRET_KEY": "J7pd3mXkqKZz0wTQfR9uYbLhVs4nEcAi",
    "TASKAPI_TRUSTED_HOSTS": "127.0.0.1",
    "TASKAPI_RATELIMIT_ENABLED": "false",
}


@pytest.fixture
def serve(database_url, tmp_path):
    """Start it on the tests' database, with other settings."""

    def start(*options, **environment):
        defaults = {"TASKAPI_DATABASE_URL": database_url, "TASKAPI_INSTANCE_PATH": str(tmp_path), "HOME": str(tmp_path)}
        defaults |= {"TASKAPI_RATELIMIT_ENABLED": "false", "TASKAPI_BCRYPT_ROUNDS": "4", "WEB_CONCURRENCY": "1"}
        return Gunicorn(defaults | environment, tmp_path, *options)

    return start


def get(server, path, **headers):
    request = urllib.request.Request(server.address + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def ready(server):
    return get(server, "/readyz")[0] == 200


@contextmanager
def half_a_request(server):
    """Begin to register somebody; the rest is sent by calling what comes back, which returns the status."""
    body = json.dumps({"username": f"late-{free_port()}-{os.getpid()}", "password": PASSWORD}).encode()
    head = f"POST /api/v1/auth/register HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + body[:10])

        def finish():
            connection.sendall(body[10:])
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return answer.status

        yield finish


def test_told_to_stop_it_ends_readiness_then_new_connections_then_what_is_in_flight(serve):
    with serve(DRAIN_SECONDS="4") as server:
        wait_until(lambda: ready(server))
        with half_a_request(server) as finish:
            server.process.terminate()
            wait_until(lambda: not ready(server))
            status, headers, body = get(server, "/readyz")
            assert (status, json.loads(body)["down"]) == (503, ["shutdown"])
            assert (get(server, "/healthz")[0], get(server, "/api/v1/me")[0]) == (200, 401)
            assert headers["Connection"] == "close"
            wait_until(lambda: not _listens(server))
            assert finish() == 201
        assert server.process.wait(20) == 0


def test_told_a_second_time_it_stops_at_once_and_leaves_nothing_behind(serve, tmp_path):
    with serve(DRAIN_SECONDS="600") as server:
        wait_until(lambda: ready(server))
        mapped = Path(f"/proc/{server.workers()[0]}/maps").read_text()
        (folder,) = {Path(path).parent for path in re.findall(r"(/\S+/taskapi-\S+\.db)", mapped)}
        server.process.terminate()
        wait_until(lambda: not ready(server))
        assert folder.is_dir()
        server.process.terminate()
        assert server.process.wait(20) == 0
    assert not folder.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_socket() or path.name == ".gunicorn"]


def test_told_to_stop_while_it_starts_it_answers_who_is_there_and_stops(serve):
    with serve() as server, half_a_request(server) as finish:
        server.process.terminate()
        assert finish() == 201
        assert server.process.wait(40) == 0
        assert "Traceback" not in server.log.read_text()


def test_no_connection_that_was_taken_goes_unanswered_as_it_stops(serve):
    answers = []

    def ask(server):
        while True:
            try:
                with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                    answers.append(_status_of_healthz(connection))
            except ConnectionRefusedError:
                return

    with serve(DRAIN_SECONDS="1", WEB_CONCURRENCY="2") as server:
        wait_until(lambda: ready(server))
        clients = [threading.Thread(target=ask, args=(server,)) for _ in range(8)]
        for client in clients:
            client.start()
        wait_until(lambda: len(answers) > 50)
        server.process.terminate()
        for client in clients:
            client.join(30)
    assert set(answers) == {200}


def test_as_it_stops_it_leaves_its_socket_to_a_server_that_was_started_beside_it(serve):
    with serve(DRAIN_SECONDS="0") as server:
        wait_until(lambda: ready(server))
        old = set(server.workers())
        server.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: set(server.workers()) - old)
        (new,) = set(server.workers()) - old
        wait_until(lambda: children(new))
        server.stop()
        try:
            assert [get(server, "/healthz")[0] for _ in range(5)] == [200] * 5
        finally:
            os.kill(new, signal.SIGTERM)


def _status_of_healthz(connection):
    try:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        answer.read()
        return answer.status
    except OSError as error:
        return repr(error)


def test_started_anew_by_a_hangup_it_serves_on_and_has_new_workers_in_the_end(serve):
    with serve(DRAIN_SECONDS="3") as server:
        wait_until(lambda: ready(server))
        old, answers = set(server.workers()), []
        server.process.send_signal(signal.SIGHUP)

        def renewed():
            answers.append(get(server, "/readyz")[0])
            return old.isdisjoint(server.workers())

        wait_until(lambda: old < set(server.workers()))
        wait_until(renewed)
        assert set(answers) == {200}
        server.process.send_signal(signal.SIGINT)


def test_the_connections_of_a_killed_worker_are_in_use_no_more(serve, database_url):
    in_use = re.compile(r'^taskapi_pool_connections_in_use\{engine="writer"\} (\S+)$', re.MULTILINE)

    def used():
        found = in_use.search(get(server, "/metrics")[2])
        return float(found[1]) if found else 0

    with serve("--threads", "4") as server:
        wait_until(lambda: ready(server))
        with _locked(database_url), half_a_request(server) as finish:
            blocked = threading.Thread(target=_unanswered, args=(finish,))
            blocked.start()
            wait_until(lambda: used() == 1)
            for pid in server.workers():
                os.kill(pid, signal.SIGKILL)
            blocked.join(30)
        wait_until(lambda: used() == 0)
        assert 'taskapi_requests_total{method="GET",route="/readyz",status="200"}' in get(server, "/metrics")[2]


@contextmanager
def _locked(database_url):
    """Let nobody write."""
    engine = sa.create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        statement = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "LOCK TABLE users"
        connection.exec_driver_sql(statement)
        yield
        connection.rollback()


def _unanswered(finish):
    with pytest.raises((OSError, http.client.HTTPException)):
        finish()


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nX-Filler: " + b"x" * 9000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nAuthorization Bearer hidden-token\r\n\r\n", 400, "malformed_request"),
        (b'{"password": "hidden-password"}\r\n\r\n', 400, "malformed_request"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "malformed_request"),
        (b"GET / HTTP/1.1\r\nExpect: hidden\r\n\r\n", 400, "malformed_request"),
    ],
    ids=["line", "headers", "header", "no request", "coding", "expectation"],
)
def test_what_is_no_request_gets_the_one_shape_and_leaves_nothing_in_the_log(server, request_, status, code):
    answer, body = exchange(server, request_)
    assert (answer.status, body["code"], answer.headers["Content-Type"]) == (status, code, "application/problem+json")
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert answer.headers["Connection"] == "close"
    wait_until(lambda: body["request_id"] in server.log.read_text())
    assert "hidden" not in server.log.read_text()


def exchange(server, data):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(data)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer, json.loads(answer.read())


@pytest.fixture(scope="module")
def server(database_url, tmp_path_factory):
    """One in production, without a proxy."""
    folder = tmp_path_factory.mktemp("serving")
    settings = {"TASKAPI_DATABASE_URL": database_url, "TASKAPI_INSTANCE_PATH": str(folder), "WEB_CONCURRENCY": "1"}
    with Gunicorn(PRODUCTION | settings, folder) as server:
        wait_until(lambda: ready(server))
        yield server


def test_clients_that_do_not_close_when_they_are_told_to_keep_nobody_waiting(server):
    line = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    staying = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(20)]
    try:
        for connection in staying:
            connection.sendall(line)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
        assert get(server, "/healthz")[0] == 200
        for connection in staying:  # and in the end it is closed for them
            while connection.recv(65536):
                pass
        wait_until(lambda: _is_reset(staying[0]))
    finally:
        for connection in staying:
            connection.close()


def _is_reset(connection):
    try:
        connection.sendall(b"x")
    except OSError:
        return True
    return False


@pytest.mark.parametrize("header", ["X-Forwarded-Proto", "X-Forwarded-Ssl", "X-Forwarded-Protocol", "Forwarded"])
def test_no_client_makes_plain_http_look_like_https(server, header):
    value = {"X-Forwarded-Ssl": "on", "X-Forwarded-Protocol": "ssl", "Forwarded": "proto=https"}.get(header, "https")
    status, headers, body = get(server, "/api/v1/me", **{header: value})
    assert (status, json.loads(body)["code"]) == (403, "https_required")
    assert "Strict-Transport-Security" not in headers


@pytest.fixture
def impatient(serve, tmp_path):
    """One that gives clients two seconds."""
    text = (ROOT / "gunicorn.conf.py").read_text()
    (tmp_path / "conf.py").write_text(text.replace("PATIENCE_SECONDS = 30", "PATIENCE_SECONDS = 2"))
    with serve("--config", str(tmp_path / "conf.py"), "--threads", "4") as server:
        wait_until(lambda: ready(server))
        yield server


def test_a_client_that_stops_in_the_middle_is_given_up_on(impatient):
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    stopping = [
        b"GET / HT",
        head,
        head + b"Content-Length: 99\r\n\r\n{",
        head + b"Transfer-Encoding: chunked\r\n\r\n9\r\n{",
    ]
    connections = [socket.create_connection(("127.0.0.1", impatient.port), timeout=20) for _ in stopping]
    for connection, data in zip(connections, stopping, strict=True):
        connection.sendall(data)
    assert [connection.recv(65536)[9:12] for connection in connections] == [b"", b"", b"400", b"400"]
    assert get(impatient, "/healthz")[0] == 200
    assert "Traceback" not in impatient.log.read_text()
    for connection in connections:
        connection.close()


def test_in_production_all_that_it_logs_is_lines_of_json_and_one_for_each_request(server):
    answered = get(server, "/api/v1/me", **{"X-Request-ID": "just-one"})
    assert answered[1]["X-Request-ID"] == "just-one"
    wait_until(lambda: "just-one" in server.log.read_text())
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert [line["event"] for line in lines if line.get("request_id") == "just-one"] == ["request"]
    assert {line["logger"] for line in lines if line["event"] != "request"} >= {"gunicorn.error"}


def test_it_starts_without_its_database_and_says_so(serve):
    with serve(TASKAPI_DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing") as server:
        wait_until(lambda: get(server, "/healthz")[0] == 200)
        status, _, body = get(server, "/readyz")
        assert (status, json.loads(body)["down"]) == (503, ["database", "migrations"])


def _listens(server):
    try:
        return connects(server.port)
    except OSError:
        return False
