"""`flask serve` and gunicorn, as real processes: how they start, drain, stop, reload, and what they trust."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import PASSWORD
from servers import ROOT, Gunicorn, Server, connects, free_port, wait_until

from taskapi.cli.serve import available_cpus

pytestmark = pytest.mark.slow

PRODUCTION = {
    "TASKAPI_ENV": "production",
    "TASKAPI_JWT_SECRET_KEY": "J7pd3mXkqKZz0wTQfR9uYbLhVs4nEcAi",
    "TASKAPI_TRUSTED_HOSTS": "127.0.0.1",
    "TASKAPI_RATELIMIT_ENABLED": "false",
}


@pytest.fixture
def settings(database_url, tmp_path):
    """The tests' database, one worker, and no limits."""
    return {
        "TASKAPI_DATABASE_URL": database_url,
        "TASKAPI_INSTANCE_PATH": str(tmp_path),
        "HOME": str(tmp_path),
        "TASKAPI_RATELIMIT_ENABLED": "false",
        "TASKAPI_BCRYPT_ROUNDS": "4",
        "WEB_CONCURRENCY": "1",
    }


@pytest.fixture
def serve(settings, tmp_path):
    """Make a server with other settings; the caller starts it."""

    def make(*options, **environment):
        return Server(settings | environment, tmp_path, *options)

    return make


@pytest.fixture(scope="module")
def server(database_url, tmp_path_factory):
    """A server in production mode, without a proxy."""
    folder = tmp_path_factory.mktemp("serving")
    settings = {"TASKAPI_DATABASE_URL": database_url, "TASKAPI_INSTANCE_PATH": str(folder), "WEB_CONCURRENCY": "1"}
    with Server(PRODUCTION | settings, folder) as server:
        wait_until(lambda: ready(server))
        yield server


def get(server, path, **headers):
    request = urllib.request.Request(server.address + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def ready(server):
    return get(server, "/readyz")[0] == 200


def listens(server):
    try:
        return connects(server.port)
    except OSError:
        return False


@contextmanager
def half_a_request(server):
    """Send half of a registration; the yielded function sends the rest and returns the status.

    A worker has accepted the request before this yields: it responds that it wants the body.
    """
    body = json.dumps({"username": f"late-{free_port()}-{os.getpid()}", "password": PASSWORD}).encode()
    head = f"POST /api/v1/auth/register HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    head += "Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n"
    wanted = b"HTTP/1.1 100 Continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head.encode())
        assert connection.recv(len(wanted), socket.MSG_WAITALL) == wanted
        connection.sendall(body[:10])

        def finish():
            connection.sendall(body[10:])
            response = http.client.HTTPResponse(connection)
            response.begin()
            return response.status

        yield finish


def test_sigterm_fails_readiness_then_closes_the_port_then_finishes_requests(serve):
    with serve(DRAIN_SECONDS="4") as server:
        wait_until(lambda: ready(server))
        with half_a_request(server) as finish:
            server.process.terminate()
            wait_until(lambda: not ready(server))
            status, headers, body = get(server, "/readyz")
            assert (status, json.loads(body)["down"]) == (503, ["shutdown"])
            assert (get(server, "/healthz")[0], get(server, "/api/v1/me")[0]) == (200, 401)
            assert headers["Connection"] == "close"
            wait_until(lambda: not listens(server))
            assert finish() == 201
        assert server.process.wait(20) == 0


def test_second_sigterm_skips_the_drain_and_nothing_is_left_behind(serve, tmp_path):
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
    assert not [path for path in tmp_path.rglob("*") if path.is_socket()]


def test_requests_are_served_until_the_port_closes(serve):
    statuses = []

    def ask_until_refused(server):
        while True:
            try:
                with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                    statuses.append(status_of_healthz(connection))
            except (ConnectionRefusedError, ConnectionResetError):  # reset: the port closed during the handshake
                return

    with serve(DRAIN_SECONDS="1", WEB_CONCURRENCY="2") as server:
        wait_until(lambda: ready(server))
        clients = [threading.Thread(target=ask_until_refused, args=(server,)) for _ in range(8)]
        for client in clients:
            client.start()
        wait_until(lambda: len(statuses) > 50)
        server.process.terminate()
        for client in clients:
            client.join(30)
    lost = [status for status in statuses if status != 200]
    assert len(lost) <= len(clients), lost  # at most one of each client, which arrived as the port closed


def status_of_healthz(connection):
    try:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException) as error:
        return repr(error)


@pytest.mark.one_database
def test_sighup_replaces_workers_while_requests_are_served(serve):
    with serve() as server:
        wait_until(lambda: ready(server))
        old, statuses = set(server.workers()), []
        server.process.send_signal(signal.SIGHUP)

        def replaced():
            statuses.append(get(server, "/readyz")[0])
            return old.isdisjoint(server.workers())

        wait_until(lambda: old < set(server.workers()))
        wait_until(replaced)
        assert set(statuses) == {200}


@pytest.mark.one_database
def test_sighup_loads_the_code_that_is_installed_now(serve, tmp_path):
    copy = tmp_path / "site"
    copy.mkdir()
    module = copy / "sitecustomize.py"
    module.write_text("import os; os.environ['TASKAPI_REGISTRATION_ENABLED'] = 'true'")
    with serve(PYTHONPATH=str(copy)) as server:
        wait_until(lambda: ready(server))
        old = set(server.workers())
        module.write_text("import os; os.environ['TASKAPI_REGISTRATION_ENABLED'] = 'false'")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: old < set(server.workers()))
        wait_until(lambda: old.isdisjoint(server.workers()))
        with half_a_request(server) as finish:
            assert finish() == 403


def test_killed_worker_is_replaced_and_its_connections_leave_the_metrics(serve, database_url):
    in_use = re.compile(r'^taskapi_pool_connections_in_use\{engine="writer"\} (\S+)$', re.MULTILINE)

    def used():
        found = in_use.search(get(server, "/metrics")[2])
        return float(found[1]) if found else 0

    with serve("--threads", "4") as server:
        wait_until(lambda: ready(server))
        with locked(database_url), half_a_request(server) as finish:
            blocked = threading.Thread(target=expect_no_response, args=(finish,))
            blocked.start()
            wait_until(lambda: used() == 1)
            for pid in server.workers():
                os.kill(pid, signal.SIGKILL)
            blocked.join(30)
        wait_until(lambda: used() == 0)
        assert 'taskapi_requests_total{method="GET",route="/readyz",status="200"}' in get(server, "/metrics")[2]


@contextmanager
def locked(database_url):
    """Block every writer."""
    engine = sa.create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        statement = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "LOCK TABLE users"
        connection.exec_driver_sql(statement)
        yield
        connection.rollback()


def expect_no_response(finish):
    with pytest.raises((OSError, http.client.HTTPException)):
        finish()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nX-Filler: " + b"x" * 70000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nAuthorization Bearer hidden-token\r\n\r\n", 400),
        (b'{"password": "hidden-password"}\r\n\r\n', 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
    ],
    ids=["long line", "long header", "no colon", "not HTTP", "unknown coding"],
)
def test_request_that_cannot_be_parsed_is_refused_and_not_logged(server, request_, status):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request_)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert (response.status, response.headers["Connection"]) == (status, "close")
    assert get(server, "/healthz")[0] == 200
    assert "hidden" not in server.log.read_text()


def test_clients_that_leave_within_a_body_free_their_threads(server):
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    for part in (b"", b"Content-Length: 99\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n9\r\n{"):
        for _ in range(16):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                connection.sendall(head + part)
    assert get(server, "/healthz")[0] == 200
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("header", ["X-Forwarded-Proto", "X-Forwarded-Ssl", "X-Forwarded-Protocol", "Forwarded"])
@pytest.mark.parametrize("kind", [Server, Gunicorn])
def test_client_cannot_make_plain_http_look_like_https(header, kind, request):
    server = request.getfixturevalue("server" if kind is Server else "gunicorn")
    value = {"X-Forwarded-Ssl": "on", "X-Forwarded-Protocol": "ssl", "Forwarded": "proto=https"}.get(header, "https")
    status, headers, body = get(server, "/api/v1/me", **{header: value})
    assert (status, json.loads(body)["code"]) == (403, "https_required")
    assert "Strict-Transport-Security" not in headers


def test_production_log_is_json_with_one_line_per_request(server):
    response = get(server, "/api/v1/me", **{"X-Request-ID": "just-one"})
    assert response[1]["X-Request-ID"] == "just-one"
    wait_until(lambda: "just-one" in server.log.read_text())
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert [line["event"] for line in lines if line.get("request_id") == "just-one"] == ["request"]
    assert {line["logger"] for line in lines if line["event"] != "request"} >= {"_granian"}


def test_server_starts_without_its_database_and_reports_it(serve):
    with serve(TASKAPI_DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing") as server:
        wait_until(lambda: get(server, "/healthz")[0] == 200)
        status, _, body = get(server, "/readyz")
        assert (status, json.loads(body)["down"]) == (503, ["database", "migrations"])


def test_wrong_settings_end_the_server_with_a_line_each(tmp_path):
    environment = {**os.environ, "TASKAPI_ENV": "staging", "TASKAPI_INSTANCE_PATH": str(tmp_path)}
    command = [Path(sys.executable).with_name("flask"), "--app", "wsgi", "serve", "--port", str(free_port())]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78
    assert done.stderr.count("TASKAPI_ENV: Must be one of: development, production.") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.one_database
def test_taken_port_ends_the_server_with_a_message(serve):
    with serve() as server:
        wait_until(lambda: ready(server))
        command = server.command()
        done = subprocess.run(
            command, cwd=ROOT, env=server.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1
        assert f"Port {server.port} of 127.0.0.1 cannot be used" in done.stderr
        assert "Traceback" not in done.stderr


def test_default_worker_count_follows_cpu_affinity():
    everything = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(everything)})
        assert available_cpus() == 1
    finally:
        os.sched_setaffinity(0, everything)
    assert 1 <= available_cpus() <= len(everything)


@pytest.fixture(scope="module")
def gunicorn(database_url, tmp_path_factory):
    """gunicorn with the repository's settings file, in production mode."""
    folder = tmp_path_factory.mktemp("gunicorn")
    settings = {"TASKAPI_DATABASE_URL": database_url, "TASKAPI_INSTANCE_PATH": str(folder), "WEB_CONCURRENCY": "2"}
    with Gunicorn(PRODUCTION | settings | {"HOME": str(folder)}, folder) as server:
        wait_until(lambda: ready(server))
        yield server


def test_gunicorn_serves_the_application_and_sums_metrics_over_workers(gunicorn):
    for _ in range(10):
        assert get(gunicorn, "/healthz")[0] == 200
    found = re.search(
        r'requests_total\{method="GET",route="/healthz",status="200"\} (\S+)', get(gunicorn, "/metrics")[2]
    )
    assert float(found[1]) >= 10


def test_gunicorn_finishes_requests_in_flight_and_leaves_nothing_behind(settings, tmp_path):
    with Gunicorn(settings, tmp_path) as server:
        wait_until(lambda: ready(server))
        mapped = Path(f"/proc/{server.workers()[0]}/maps").read_text()
        (folder,) = {Path(path).parent for path in re.findall(r"(/\S+/taskapi-\S+\.db)", mapped)}
        with half_a_request(server) as finish:
            server.process.terminate()
            assert finish() == 201
        assert server.process.wait(40) == 0
        assert "Traceback" not in server.log.read_text()
    assert not folder.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_socket() or path.name == ".gunicorn"]
