"""Streams of real servers: shutdown, reload, proxies, gunicorn, hostile clients, and a database that restarts."""

import signal
import socket
import time
from contextlib import ExitStack, suppress
from functools import partial

import pytest
from conftest import program, unavailable

from tests.extensions.live_updates.listening import ENDED, STREAM, Listening, add_task, ask, metric, sign_in
from tests.forging import SECRET
from tests.proxy import Nginx
from tests.servers import Gunicorn, Postgres, Server, connects, free_port, wait_until

pytestmark = pytest.mark.slow
NOTHING = b"GET /api/v1/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"  # nothing of this path is served by the listener
SOON = 2  # seconds; a second, on a machine that is not busy


@pytest.fixture(scope="module")
def settings(database_url, tmp_path_factory):
    return {
        "TASKAPI_DATABASE_URL": database_url,
        "TASKAPI_INSTANCE_PATH": str(tmp_path_factory.mktemp("instance")),
        "TASKAPI_JWT_SECRET_KEY": SECRET,
        "TASKAPI_RATELIMIT_ENABLED": "false",
        "TASKAPI_BCRYPT_ROUNDS": "4",
        "WEB_CONCURRENCY": "1",
    }


@pytest.fixture(scope="module")
def start(settings, tmp_path_factory):
    """Start a server; stop all at the end. `streams` is the address of its listener."""
    servers = []

    def start(kind=Server, **environment):
        address = {"TASKAPI_STREAM_ADDRESS": f"127.0.0.1:{free_port()}"}
        server = kind(settings | address | environment, tmp_path_factory.mktemp("server"))
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


@pytest.fixture(scope="module")
def listener(start):
    """A server for the tests that leave it as it was."""
    return start(TASKAPI_MAX_STREAMS="3")


def ends(server, number, streams):
    """Send a signal: the streams end within a second. Return when it was sent."""
    started_at = time.monotonic()
    server.process.send_signal(number)
    assert max(stream.seconds_to_end() for stream in streams) < SOON
    return started_at


def test_drain_ends_streams_within_a_second_and_refuses_new_ones(start, new_user):
    server = start(DRAIN_SECONDS="4")
    token = sign_in(server.address, new_user())["access_token"]
    with Listening(server.address, token) as thread, Listening(server.streams, token) as stream:
        assert (thread.take(), stream.take()) == ("0", "0")
        started_at = ends(server, signal.SIGTERM, (thread, stream))
        with Listening(server.address, token) as refused:
            assert (refused.status, refused.problem["code"]) == (503, "stream_unavailable")
            assert refused.response.headers["Retry-After"] == "2"
        assert ask(server.address, "GET", "/tasks", token)[0] == 200
        assert server.process.wait(20) == 0
    assert 4 <= time.monotonic() - started_at < 12


def test_reload_and_shutdown_end_streams_and_a_new_worker_serves_them(start, new_user):
    server = start(DRAIN_SECONDS="30")
    token = sign_in(server.address, new_user())["access_token"]
    old = server.workers()
    with Listening(server.streams, token) as stream:
        cursor = stream.take()
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: old[0] not in server.workers())
        stream.seconds_to_end()
    for address in (server.address, server.streams):  # on a busy machine the new worker starts later
        wait_until(partial(connects, int(address.rpartition(":")[2])))
    version = add_task(server.address, token)["version"]
    with Listening(server.address, token) as thread, Listening(server.streams, token, since=cursor) as stream:
        assert (thread.take(), stream.take()) == (str(version), str(version))
        started_at = ends(server, signal.SIGINT, (thread, stream))  # which skips the drain
        assert server.process.wait(20) == 0
    assert time.monotonic() - started_at < 6


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
    with ExitStack() as opened:
        streams = [opened.enter_context(Listening(server.streams, token)) for _ in range(8)]
        assert [stream.take() for stream in streams] == ["0"] * 8
        for _ in range(5):
            version = add_task(server.address, token)["version"]
            assert [stream.take(SOON) for stream in streams] == [str(version)] * 8


def test_stream_passes_nginx_unbuffered_with_heartbeats_until_the_shutdown(start, new_user, tmp_path):
    program("nginx", "/usr/sbin/nginx")
    server = start(TASKAPI_TRUSTED_PROXIES="1", DRAIN_SECONDS="0")
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
            with Listening(server.address, sign_in(server.address, new_user())["access_token"]) as thread:
                assert thread.take() == "0"
                started_at = ends(server, signal.SIGTERM, (thread, stream))
        assert server.process.wait(20) == 0
        assert time.monotonic() - started_at < 6
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
        (NOTHING, 404),
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
def test_listener_serves_nothing_but_streams(listener, request_bytes, status):
    response = exchange(listener, request_bytes)
    assert int(response.split(b" ", 2)[1]) == status
    assert response.count(b"HTTP/1.1") == 1


def test_listener_survives_clients_that_send_nothing_or_go_away(listener, new_user):
    """It serves MAX_STREAMS and 64 more connections. The next one is closed at once, until others have gone."""
    token = sign_in(listener.address, new_user())["access_token"]
    host, _, port = listener.streams.removeprefix("http://").partition(":")
    head = f"GET {STREAM} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n"
    for _ in range(20):  # each leaves before the response
        with socket.create_connection((host, int(port))) as gone:
            gone.sendall(head.encode())
    assert b" 404 " in exchange(listener, NOTHING)  # after those that have gone, because it responds in this order
    wait_until(lambda: metric(listener.address, "taskapi_streams") == 0, 10)
    with ExitStack() as opened:
        silent = [opened.enter_context(socket.create_connection((host, int(port)), timeout=15)) for _ in range(66)]
        with Listening(listener.streams, token) as stream:
            assert stream.take() == "0"
            started_at = time.monotonic()
            with socket.create_connection((host, int(port)), timeout=5) as refused, suppress(ConnectionResetError):
                assert refused.recv(1) == b""
            assert time.monotonic() - started_at < SOON
            assert silent[0].recv(1) == b""
            assert time.monotonic() - started_at < 12
            with Listening(listener.streams, token) as another:
                assert another.take() == "0"
    wait_until(lambda: metric(listener.address, "taskapi_streams") == 0, 5)


def test_restart_of_postgresql_loses_no_change(start, make_app):
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
