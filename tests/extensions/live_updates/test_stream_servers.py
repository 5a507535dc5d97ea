"""Streams of real servers: shutdown, reload, proxies, gunicorn, hostile clients, and a database that restarts."""

import http.client
import re
import signal
import socket
import time

import pytest
from conftest import program, unavailable

from tests.extensions.live_updates.listening import ENDED, STREAM, Listening, add_task, ask, sign_in
from tests.forging import SECRET
from tests.proxy import Nginx
from tests.servers import Gunicorn, Postgres, Server, connects, free_port, wait_until

pytestmark = pytest.mark.slow
SOON = 2  # seconds; a second, on a machine that is not busy


@pytest.fixture
def settings(database_url, tmp_path):
    return {
        "TASKAPI_DATABASE_URL": database_url,
        "TASKAPI_INSTANCE_PATH": str(tmp_path),
        "TASKAPI_JWT_SECRET_KEY": SECRET,
        "TASKAPI_RATELIMIT_ENABLED": "false",
        "TASKAPI_BCRYPT_ROUNDS": "4",
        "TASKAPI_STREAM_ADDRESS": f"127.0.0.1:{free_port()}",
        "WEB_CONCURRENCY": "1",
    }


@pytest.fixture
def start(settings, tmp_path):
    """Start a server; stop all at the end. `streams` is the address of its listener."""
    servers = []

    def start(kind=Server, **environment):
        (folder := tmp_path / str(len(servers))).mkdir()
        server = kind(settings | environment, folder)
        servers.append(server)
        server.start()
        wait_until(lambda: ask(server.address, "GET", "/changes")[0] == 401)
        server.streams = f"http://{server.environment['TASKAPI_STREAM_ADDRESS']}"
        if kind is Server:
            wait_until(lambda: connects(int(server.streams.rpartition(":")[2])))
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.mark.parametrize("drain", ["0", "4"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_shutdown_ends_streams_within_a_second(start, new_user, drain, number):
    server = start(DRAIN_SECONDS=drain)
    token = sign_in(server.address, new_user())["access_token"]
    with Listening(server.address, token) as thread, Listening(server.streams, token) as listener:
        assert (thread.take(), listener.take()) == ("0", "0")
        started_at = time.monotonic()
        server.process.send_signal(number)
        assert max(thread.seconds_to_end(), listener.seconds_to_end()) < SOON
        server.process.wait(20)
        elapsed = time.monotonic() - started_at
    assert server.process.returncode == 0
    assert elapsed < (6 if drain == "0" or number == signal.SIGINT else 12)


def test_new_stream_is_refused_during_the_drain(start, new_user):
    server = start(DRAIN_SECONDS="5")
    token = sign_in(server.address, new_user())["access_token"]
    with Listening(server.address, token) as stream:
        stream.take()
        server.process.send_signal(signal.SIGTERM)
        stream.seconds_to_end()
        with Listening(server.address, token) as refused:
            assert (refused.status, refused.problem["code"]) == (503, "stream_unavailable")
            assert refused.response.headers["Retry-After"] == "2"
        assert ask(server.address, "GET", "/tasks", token)[0] == 200


def test_reload_ends_streams_and_a_new_worker_serves_them(start, new_user):
    server = start()
    token = sign_in(server.address, new_user())["access_token"]
    old = server.workers()
    with Listening(server.streams, token) as stream:
        cursor = stream.take()
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: old[0] not in server.workers())
        stream.seconds_to_end()
    version = add_task(server.address, token)["version"]
    wait_until(lambda: connects(int(server.streams.rpartition(":")[2])))
    with Listening(server.streams, token, since=cursor) as stream:
        assert stream.take() == str(version)


def test_gunicorn_refuses_streams_with_a_clear_problem(start, new_user):
    server = start(Gunicorn)
    token = sign_in(server.address, new_user())["access_token"]
    with Listening(server.address, token) as refused:
        assert (refused.status, refused.problem["code"]) == (503, "stream_unavailable")
        assert refused.problem["detail"] == "This server does not send streams."
        assert refused.response.headers["Retry-After"] == "30"
    with Listening(server.address, token, Accept="*/*") as stream:
        assert stream.take() == "0"


def test_workers_share_the_address_and_tell_each_other(start, new_user):
    """A worker that did not serve the change sends the event too, and soon: it does not wait for its next tick."""
    server = start(WEB_CONCURRENCY="2")
    wait_until(lambda: len(server.workers()) == 2)
    token = sign_in(server.address, new_user())["access_token"]
    streams = [Listening(server.streams, token) for _ in range(8)]
    assert [stream.take() for stream in streams] == ["0"] * 8
    for _ in range(5):
        version = add_task(server.address, token)["version"]
        assert [stream.take(SOON) for stream in streams] == [str(version)] * 8
    for stream in streams:
        stream.__exit__()


def test_stream_passes_nginx_unbuffered_with_heartbeats(start, new_user, tmp_path):
    program("nginx", "/usr/sbin/nginx")
    server = start(TASKAPI_TRUSTED_PROXIES="1")
    port, streams = server.port, int(server.streams.rpartition(":")[2])
    token = sign_in(server.address, new_user())["access_token"]
    (folder := tmp_path / "nginx").mkdir()
    with Nginx(folder, port, port, streams=(streams, streams)) as nginx:
        with Listening("", token, connection=nginx.connection()) as stream:
            assert stream.take() == "0"
            version = add_task(server.address, token)["version"]
            assert stream.take(SOON) == str(version)
            wait_until(lambda: "" in stream.comments, 17)
            status, _, problem = nginx.ask("GET", "/api/v1/changes/stream", Accept="text/event-stream")
            assert (status, problem["code"]) == (401, "token_missing")
            server.process.send_signal(signal.SIGTERM)
            assert stream.seconds_to_end() < SOON
        server.process.wait(20)
        status, _, problem = nginx.ask("GET", "/api/v1/changes/stream", Accept="text/event-stream")
        assert (status, problem["code"]) == (503, "unavailable")


def exchange(server, data):
    """Send bytes to the listener; return everything that it sends."""
    host, _, port = server.streams.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /api/v1/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
        (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
        (b"GET /api/v1/changes/stream HTTP/1.1\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
        (b"\xff\x00\r\n\r\n", 400),
        (b"POST /api/v1/changes/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n", 405),
        (b"GET /api/v1/changes/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 40_000, 431),
        (b"GET /api/v1/changes/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \xff\xe9\r\n\r\n", 401),
        (b"HEAD /api/v1/changes/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n", 401),
    ],
)
def test_listener_serves_nothing_but_streams(start, listener, request_bytes, status):
    response = exchange(listener, request_bytes)
    assert int(response.split(b" ", 2)[1]) == status
    assert response.count(b"HTTP/1.1") == 1


@pytest.fixture
def listener(start):
    return start()


def test_listener_survives_clients_that_send_nothing_or_go_away(start, new_user):
    server = start(TASKAPI_MAX_STREAMS="3")
    token = sign_in(server.address, new_user())["access_token"]
    host, _, port = server.streams.removeprefix("http://").partition(":")
    head = f"GET {STREAM} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n"
    for _ in range(20):  # each leaves before the response
        with socket.create_connection((host, int(port))) as gone:
            gone.sendall(head.encode())
    silent = [socket.create_connection((host, int(port))) for _ in range(60)]
    wait_until(lambda: _gauge(server) == 0, 10)
    with Listening(server.streams, token) as stream:
        assert stream.take() == "0"
        started_at = time.monotonic()
        assert silent[0].recv(1) == b""
        assert time.monotonic() - started_at < 12
    for each in silent:
        each.close()
    wait_until(lambda: _gauge(server) == 0, 5)


def _gauge(server):
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=20)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return float(re.search(r"^taskapi_streams ([\d.]+)", text, re.MULTILINE)[1])


def test_restart_of_postgresql_loses_no_change(start, tmp_path, make_app):
    if not Postgres.program("postgres"):
        unavailable("PostgreSQL")
    postgres = Postgres()
    postgres.start()
    try:
        url = postgres.new_database()
        make_app(DATABASE_URL=url).test_cli_runner().invoke(args=["db", "upgrade"])
        server = start(TASKAPI_DATABASE_URL=url)
        credentials = {"username": "ada", "password": "correct horse battery staple"}
        ask(server.address, "POST", "/auth/register", body=credentials)
        token = sign_in(server.address, "ada")["access_token"]
        with Listening(server.streams, token) as stream:
            cursor = stream.take()
            version = add_task(server.address, token)["version"]
            assert stream.take(SOON) == str(version)
            postgres.stop("fast")
            postgres.start()
            cursor = str(version)
            wait_until(lambda: ask(server.address, "GET", "/tasks", token)[0] == 200, 20)
            version = add_task(server.address, token)["version"]
            event = stream.take(5)
        if event == ENDED:  # nobody could check the token for too long
            with Listening(server.streams, token, since=cursor) as stream:
                event = stream.take(5)
        assert event == str(version)
    finally:
        postgres.remove()
