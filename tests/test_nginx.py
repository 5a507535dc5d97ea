"""nginx with the site of deploy/ in front of two instances: TLS, addresses, limits, and what it refuses by itself."""

import json
import re
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from conftest import PASSWORD, program
from werkzeug.http import HTTP_STATUS_CODES

from taskapi.api.errors import CATALOGUE
from taskapi.config import SETTINGS
from tests.proxy import SITE, Nginx
from tests.servers import Redis, Server, free_port, wait_until
from tests.surface import needs

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

PRODUCTION = {
    "TASKAPI_ENV": "production",
    "TASKAPI_JWT_SECRET_KEY": "J7pd3mXkqKZz0wTQfR9uYbLhVs4nEcAi",
    "TASKAPI_TRUSTED_HOSTS": "127.0.0.1",
    "TASKAPI_TRUSTED_PROXIES": "1",
    "TASKAPI_BCRYPT_ROUNDS": "4",
    "WEB_CONCURRENCY": "1",
}
IMPORT_BYTES = 16 * 1024 * 1024  # the limit of an import


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    program("redis-server")
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def settings(database_url, redis, tmp_path_factory):
    """Those of production."""
    folder = tmp_path_factory.mktemp("instance")
    services = {"TASKAPI_DATABASE_URL": database_url, "TASKAPI_REDIS_URL": redis.url}
    return PRODUCTION | services | {"TASKAPI_INSTANCE_PATH": str(folder)}


@pytest.fixture(scope="module")
def instances(settings, tmp_path_factory):
    with (
        Server(settings, tmp_path_factory.mktemp("one")) as one,
        Server(settings, tmp_path_factory.mktemp("two")) as two,
    ):
        yield one, two


@pytest.fixture(scope="module")
def nginx(instances, tmp_path_factory):
    """nginx in front of two instances."""
    with Nginx(tmp_path_factory.mktemp("nginx"), *(instance.port for instance in instances)) as server:
        wait_until(lambda: server.ask("GET", "/healthz")[0] == 200)
        yield server


@pytest.fixture
def sign_in(nginx, new_user):
    """Sign somebody new in by way of nginx."""

    def sign_in(**options):
        credentials = {"username": new_user(), "password": PASSWORD}
        status, _, tokens = nginx.ask("POST", "/api/v1/auth/login", json.dumps(credentials), **options)
        assert status == 200, tokens
        return {"Authorization": f"Bearer {tokens['access_token']}"}

    return sign_in


def is_problem(response, status, code):
    got, headers, body = response
    assert (got, body["status"], body["code"], headers["Content-Type"]) == (
        status,
        status,
        code,
        "application/problem+json",
    )
    assert body["request_id"] == headers["X-Request-ID"]
    return True


def test_nginx_accepts_the_configuration(nginx):
    done = subprocess.run([*nginx.command, "-t"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_https_response_has_strict_transport_security(nginx, sign_in):
    status, headers, body = nginx.ask("GET", "/api/v1/me", **sign_in())
    assert status == 200, body
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert headers.get_all("X-Request-ID") == [headers["X-Request-ID"]]


@pytest.mark.parametrize("header", ["X_Forwarded_Proto", "X_Forwarded_Ssl", "Forwarded"])
def test_plain_http_is_rejected_whatever_headers_it_has(nginx, header):
    value = "proto=https" if header == "Forwarded" else "https"
    response = nginx.ask("GET", "/api/v1/me", scheme="http", **{header: value})
    assert is_problem(response, 403, "https_required")
    assert "Strict-Transport-Security" not in response[1]
    assert nginx.ask("GET", "/healthz", scheme="http")[0] == 200


def test_client_address_is_that_of_the_connection(nginx, sign_in):
    forged = {"X_Forwarded_For": "203.0.113.9", "X_Real_IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    token = sign_in(source="127.0.0.2", **forged)
    assert [entry["ip"] for entry in nginx.ask("GET", "/api/v1/auth/sessions", **token)[2]["items"]] == ["127.0.0.2"]
    entries = nginx.ask("GET", "/api/v1/me/activity", **token)[2]["items"]
    assert [entry["ip"] for entry in entries if entry["event"] == "sign_in"] == ["127.0.0.2"]


def test_rate_limits_count_the_address_of_the_connection(nginx):
    def attempt(source, forged):
        body = json.dumps({"username": f"nobody-{forged}", "password": "wrong"})
        return nginx.ask("POST", "/api/v1/auth/login", body, source=source, X_Forwarded_For=f"203.0.113.{forged}")[0]

    assert any(attempt("127.0.0.3", number) == 429 for number in range(250))  # a slow machine regains some attempts
    assert attempt("127.0.0.4", 1) == 401


def test_untrusted_host_is_rejected_even_in_a_forwarded_header(nginx):
    assert is_problem(nginx.ask("GET", "/healthz", Host="attacker.invalid"), 400, "malformed_request")
    assert nginx.ask("GET", "/healthz", X_Forwarded_Host="attacker.invalid")[0] == 200


def test_nginx_passes_request_ids_on_and_replaces_malformed_ones(nginx):
    assert nginx.ask("GET", "/healthz", X_Request_ID="mine-1")[1]["X-Request-ID"] == "mine-1"
    assert re.fullmatch("[0-9a-f]{32}", nginx.ask("GET", "/healthz", X_Request_ID="a b")[1]["X-Request-ID"])


def test_too_large_body_gets_a_problem_document(nginx):
    response = nginx.ask("POST", "/api/v1/tasks", "x" * (1024 * 1024 + 1), X_Request_ID="mine-413")
    assert is_problem(response, 413, "body_too_large")
    assert response[1]["Strict-Transport-Security"]
    assert response[1]["Cache-Control"] == "no-store"
    assert is_problem(nginx.ask("POST", "/api/v1/tasks", "x" * 1024 * 1024), 401, "token_missing")


@needs("imports")
def test_import_may_be_larger_than_other_bodies(nginx):
    body = "x" * 5 * 1024 * 1024
    assert is_problem(nginx.ask("POST", "/api/v1/tasks/import.json", body), 401, "token_missing")


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Filler: " + b"x" * 9000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "malformed_request"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "malformed_request"),
        (b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405, "method_not_allowed"),
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "malformed_request"),
        (b"GET / HTTP/3.0\r\nHost: 127.0.0.1\r\n\r\n", 400, "malformed_request"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n", 400, "malformed_request"),
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404, "not_found"),
        (b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404, "not_found"),
    ],
    ids=["line", "headers", "no host", "odd host", "trace", "encoding", "version", "length", "metrics", "readiness"],
)
def test_rejection_by_nginx_is_a_problem_document(nginx, data, status, code):
    got, body = nginx.raw(data)
    assert (got, body["code"], body["type"]) == (status, code, f"/problems/{code}")
    wait_until(lambda: (body["request_id"], status) in nginx.refused())


@pytest.mark.parametrize("version", ["1.1", "2"])
@pytest.mark.parametrize(
    ("path", "options", "problem"),
    [
        ("/api/v1/tasks", ["--data-binary", "@-"], (413, "body_too_large")),
        ("/api/v1/tasks/import.csv", ["--data-binary", "@-"], (413, "body_too_large")),
        ("/" + "x" * 9000, [], (414, "uri_too_long")),
        ("/healthz", ["--header", "X-Filler: " + "x" * 9000], (431, "headers_too_large")),
        ("/", ["--header", "Host: a b"], (400, "malformed_request")),
        ("/", ["--request", "TRACE"], (405, "method_not_allowed")),
        ("/metrics", [], (404, "not_found")),
    ],
    ids=["body", "import", "address", "headers", "host", "trace", "metrics"],
)
def test_rejection_is_a_problem_document_in_each_http_version(nginx, version, path, options, problem):
    size = 17 if "import" in path else 2
    response = nginx.curl(version, path, *options, stdin="x" * size * 1024 * 1024 if "@-" in options else "")
    if version == "2" and problem[0] in {414, 431}:  # HTTP/2 compresses them to less than the limit of nginx
        assert response[0] in {200, 404}
        return
    assert is_problem(response, *problem)
    assert response[1]["Strict-Transport-Security"]


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_nginx_without_instances_responds_503_in_each_http_version(tmp_path, version):
    with Nginx(tmp_path, free_port(), free_port()) as server:
        response = server.curl(version, "/api/v1/me")
        assert is_problem(response, 503, "unavailable")
        assert response[1]["Retry-After"] == "2"


def test_secret_path_of_a_calendar_is_in_no_log_of_nginx(tmp_path):
    with Nginx(tmp_path, free_port(), free_port()) as server:
        assert server.curl("1.1", "/calendars/Q4vX0Wm2bT7Jc9sL.ics")[0] == 503
        assert server.curl("1.1", "/api/v1/me?in=the-log")[0] == 503
    logs = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    assert "in=the-log" in logs
    assert "Q4vX0Wm2bT7Jc9sL" not in logs


def test_errors_of_nginx_have_the_text_of_the_catalogue():
    entries = re.findall(r"'(\"type\":.*)';", SITE.read_text())
    assert len(entries) == 8
    for entry in entries:
        body = json.loads(f"{{{entry}}}")
        status, detail, *_ = CATALOGUE[body["code"]]
        assert body == {
            "type": f"/problems/{body['code']}",
            "title": HTTP_STATUS_CODES[status],
            "status": status,
            "detail": detail,
            "code": body["code"],
        }


def test_body_limits_of_nginx_are_those_of_the_service():
    given = {int(size) * 1024 * 1024 for size in re.findall(r"client_max_body_size (\d+)m;", SITE.read_text())}
    assert given == {SETTINGS["MAX_BODY_BYTES"].default, IMPORT_BYTES}


@needs("imports")
def test_flood_of_imports_takes_no_instance_out_of_use(nginx, sign_in):
    """48 imports of 8 MB that the service rejects. Meanwhile every read gets its response."""
    users = [sign_in() for _ in range(6)]
    body = '{"tasks":[' + ",".join(['{"title":"Milk","description":"' + "x" * 1000 + '"}'] * 8000) + ",{}]}"
    with ThreadPoolExecutor(12) as pool:
        imports = [pool.submit(nginx.ask, "POST", "/api/v1/tasks/import.json", body, **users[i % 6]) for i in range(48)]
        while not all(request.done() for request in imports):
            assert nginx.ask("GET", "/api/v1/me", **users[0])[0] in {200, 429}
        codes = {(status, response["code"]) for status, _, response in (request.result() for request in imports)}
    assert codes <= {(422, "validation_failed"), (429, "too_many_requests"), (503, "unavailable")}
    assert (422, "validation_failed") in codes


def test_request_is_logged_by_either_nginx_or_the_service(nginx, instances):
    nginx.ask("GET", "/api/v1/me", X_Request_ID="reached")
    nginx.ask("POST", "/api/v1/tasks", "x" * (1024 * 1024 + 1), X_Request_ID="stayed", Cookie="hidden=1")
    wait_until(lambda: ("stayed", 413) in nginx.refused())
    assert "reached" not in [request_id for request_id, _ in nginx.refused()]
    assert "hidden" not in (nginx.folder / "access.log").read_text()
    ours = "".join(instance.log.read_text() for instance in instances)
    assert ('"reached"' in ours, '"stayed"' in ours) == (True, False)


def test_slow_clients_do_not_delay_others(nginx):
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n"
    slow = [nginx.connection(source="127.0.0.5") for _ in range(40)]
    try:
        for connection in slow:
            connection.connect()
            connection.sock.sendall(head + b"Content-Type: application/json\r\n\r\n{")
        assert is_problem(nginx.ask("GET", "/api/v1/me"), 401, "token_missing")
    finally:
        for connection in slow:
            connection.close()


def test_connections_of_one_address_are_limited(nginx):
    taken = [nginx.connection("http", source="127.0.0.6") for _ in range(100)]
    try:
        for connection in taken:
            connection.connect()
            connection.sock.sendall(
                b"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{"
            )
        response = wait_for(lambda: nginx.ask("GET", "/healthz", source="127.0.0.6"), lambda got: got[0] == 429)
        assert is_problem(response, 429, "too_many_requests")
        assert response[1]["Retry-After"] == "1"
    finally:
        for connection in taken:
            connection.close()


def wait_for(ask, good):
    responses = []
    wait_until(lambda: responses.append(ask()) or good(responses[-1]), 20)
    return responses[-1]


@needs("exports")
def test_nginx_streams_an_export(nginx, sign_in):
    token = sign_in()
    items = json.dumps({"title": "Task", "description": "x" * 10_000})
    assert nginx.ask("POST", "/api/v1/tasks", items, **token)[0] == 201
    status, headers, body = nginx.ask("GET", "/api/v1/tasks/export.json", **token)
    assert (status, headers["Transfer-Encoding"], "Content-Length" in headers) == (200, "chunked", False)
    assert "x" * 10_000 in str(body)


@contextmanager
def deaf_instance():
    """An instance that hears requests and dies before it answers; yields their first lines."""
    heard = []

    def hear():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                heard.append(connection.recv(65536).split(b" ")[0].decode())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hear, daemon=True).start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)


def test_nginx_repeats_only_idempotent_requests(tmp_path):
    (tmp_path / "get").mkdir()
    (tmp_path / "post").mkdir()
    with deaf_instance() as (port, heard), Nginx(tmp_path / "get", port, port) as server:
        assert is_problem(server.ask("GET", "/api/v1/me"), 503, "unavailable")
    assert heard == ["GET", "GET"]
    for method in ("POST", "PATCH"):
        with deaf_instance() as (port, heard), Nginx(tmp_path / "post", port, port) as server:
            assert is_problem(server.ask(method, "/api/v1/tasks", "{}"), 503, "unavailable")
        assert heard == [method]


def test_other_instance_responds_when_one_is_down(instances, tmp_path):
    with Nginx(tmp_path, free_port(), instances[0].port) as server:
        for _ in range(4):
            assert is_problem(server.ask("POST", "/api/v1/tasks", "{}"), 401, "token_missing")


def test_problem_has_retry_after_when_all_instances_are_down(tmp_path):
    with Nginx(tmp_path, free_port(), free_port()) as server:
        response = server.ask("GET", "/api/v1/me", X_Request_ID="mine-503")
        assert is_problem(response, 503, "unavailable")
        assert (response[1]["Retry-After"], response[2]["request_id"]) == ("2", "mine-503")
