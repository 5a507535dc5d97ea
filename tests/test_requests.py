"""Requests at the level of HTTP: paths, methods, hosts, sizes and incomplete bodies."""

import json
import socket
import threading
from http.client import HTTPResponse

import pytest
from servers import Server
from surface import routes
from werkzeug.serving import make_server

pytestmark = pytest.mark.slow

TASKS = "/api/v1/tasks"
KIB = 1024


ODD_PATHS = [
    "/api", "/api/v1", "/api/v1/", "/api/v1/tasks/", "//api/v1/tasks", "/api//v1/tasks", "/api/v1/Tasks",
    "/api/v2/tasks", "/api/v1/tasks/1", "/api/v1/tasks/%00", "/api/v1/tasks/%FF", "/api/v1/tasks/%ED%A0%80",
    "/api/v1/tasks/..%2f..%2fetc", "/api/v1/tasks/00000000-0000-0000-0000-00000000000",
    "/api/v1/tasks/00000000000000000000000000000000",
    "/api/v1/tasks/00000000-0000-0000-0000-000000000000%0d%0aSet-Cookie:x=1", "/problems/", "/problems/%00",
    "/problems/%FF", "/problems/nonsense", "/%0d%0aLocation:x", "/\u202e", "/" + "x" * 5000, "/static/x",
    "/.git/config", "/instance/taskapi.db",
]  # fmt: skip


@pytest.mark.parametrize("path", ODD_PATHS, ids=lambda path: path[:40])
def test_unknown_path_is_404(admin, path):
    response = admin.get(path)
    assert (response.status_code, response.json["code"]) == (404, "not_found")
    assert response.content_type == "application/problem+json"


def test_unsupported_method_is_405_with_allow(app, client, subtests):
    by_path = {}
    for route in routes(app):
        by_path.setdefault(route.rule, (route.path, set()))[1].add(route.method)
    for path, methods in by_path.values():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "NONSENSE"} - methods:
            with subtests.test(route=f"{method} {path}"):
                response = client.open(path, method=method)
                assert (response.status_code, response.json["code"]) == (405, "method_not_allowed")
                allowed = {*response.headers["Allow"].split(", ")}
                assert allowed == methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())


def test_method_override_is_ignored(owner, task):
    path = f"{TASKS}/{task['id']}"
    for headers in ({"X-HTTP-Method-Override": "DELETE"}, {"X-HTTP-Method": "DELETE"}, {"X-Method-Override": "DELETE"}):
        assert owner.get(path, headers=headers).json["title"] == task["title"]
    assert owner.post(path, headers={"X-HTTP-Method-Override": "DELETE"}).status_code == 405
    assert owner.get(f"{path}?_method=DELETE").status_code == 422
    assert owner.get(path).json["deleted_at"] is None


def test_head_responds_like_get_without_a_body(app, admin, subtests):
    for route in routes(app):
        if route.method != "GET":
            continue
        with subtests.test(route=route.rule):
            get, head = admin.get(route.path), admin.head(route.path)
            assert head.status_code == get.status_code
            assert head.data == b""
            assert {*head.headers.keys()} == {*get.headers.keys()}
            assert head.headers.get("ETag") == get.headers.get("ETag")
            get.close()


def test_options_lists_the_methods_of_every_route(app, client, subtests):
    for route in routes(app):
        with subtests.test(route=route.rule):
            response = client.options(route.path)
            assert response.status_code in {200, 204}
            assert route.method in response.headers["Allow"].split(", ")


@pytest.fixture
def admin(signed_in):
    """A client with every permission."""
    return signed_in("admin")


class Wire:
    """A client that sends raw bytes to a server."""

    def __init__(self, port, *, half_close=False):
        self.port = port
        self.half_close = (
            half_close  # of the sending side: werkzeug takes it for the end of a body, Granian for nothing
        )

    def send(self, *parts):
        """Send raw bytes; return the status, the headers and the body of the response."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                if self.half_close:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the server had heard enough
            response = b"".join(iter(lambda: _receive(connection), b""))
        head, _, body = response.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]) if head else None, head.decode("latin-1"), body

    def request(self, line, *headers, body=b""):
        """Send a request line, headers and a body."""
        return self.send(self._head(line, headers), body)

    def ask(self, line, *headers):
        """Send a request without its body; return the response."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(self._head(line, headers))
            response = HTTPResponse(connection)
            response.begin()
            return response

    def abandon(self, line, *headers, body):
        """Send a part of a request, and close the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(self._head(line, headers) + body)

    @staticmethod
    def _head(line, headers):
        lines = [f"{line} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
        return "\r\n".join(lines).encode("latin-1")


def _receive(connection):
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


@pytest.fixture(scope="module")
def granian(database_url, tmp_path_factory):
    """The production server, in its own process."""
    folder = tmp_path_factory.mktemp("granian")
    settings = {
        "TASKAPI_DATABASE_URL": database_url,
        "TASKAPI_INSTANCE_PATH": str(folder),
        "TASKAPI_BCRYPT_ROUNDS": "4",
        "TASKAPI_RATELIMIT_ENABLED": "false",
    }
    with Server(settings, folder, "--workers", "1", "--threads", "4") as server:
        yield Wire(server.port)


@pytest.fixture(scope="module")
def werkzeug(app):
    """The development server, `flask run`."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Wire(server.port, half_close=True)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["werkzeug", "granian"])
def wire(request):
    """Each of the two servers."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def bearer(wire, new_user):
    """The Authorization header of a user of the server."""
    credentials = json.dumps({"username": new_user(), "password": "correct horse battery staple"}).encode()
    status, _, body = wire.request("POST /api/v1/auth/login", *_json(len(credentials)), body=credentials)
    assert status == 200
    return f"Authorization: Bearer {json.loads(body)['access_token']}"


def _json(length):
    return "Content-Type: application/json", f"Content-Length: {length}"


def _chunked(body, size=64 * KIB):
    chunks = (body[i : i + size] for i in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/.well-known/jwks.json", "/docs/", "/healthz", "/nowhere"])
def test_response_has_one_date_header(wire, path):
    _, head, _ = wire.request(f"GET {path}")
    assert [line.partition(":")[0].lower() for line in head.split("\r\n")].count("date") == 1


CHUNKED = ("Content-Type: application/json", "Transfer-Encoding: chunked")
EXACT = b'{"title": "Milk"' + b" " * (KIB * KIB - 17) + b"}"


def test_chunked_body_is_read(wire, bearer):
    status, _, body = wire.request(f"POST {TASKS}", bearer, *CHUNKED, body=_chunked(b'{"title": "Milk"}', 3))
    assert (status, json.loads(body)["title"]) == (201, "Milk")


def test_body_of_the_maximum_size_is_accepted(wire, bearer):
    assert len(EXACT) == KIB * KIB
    assert wire.request(f"POST {TASKS}", bearer, *_json(len(EXACT)), body=EXACT)[0] == 201
    assert wire.request(f"POST {TASKS}", bearer, *CHUNKED, body=_chunked(EXACT))[0] == 201


def test_body_with_a_too_large_content_length_is_413(wire, bearer):
    response = wire.ask(f"POST {TASKS}", bearer, *_json(KIB * KIB + 1))
    assert (response.status, json.loads(response.read())["code"]) == (413, "body_too_large")
    assert response.headers["Content-Type"] == "application/problem+json"


def test_too_large_chunked_body_is_413(wire, bearer):
    status, _, body = wire.request(f"POST {TASKS}", bearer, *CHUNKED, body=_chunked(EXACT + b" "))
    assert (status, json.loads(body)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("body", [b"zz\r\n{}\r\n0\r\n\r\n", b"-2\r\n{}\r\n"])
def test_malformed_chunked_body_is_400(wire, bearer, body):
    assert wire.request(f"POST {TASKS}", bearer, *CHUNKED, body=body)[0] == 400


@pytest.mark.parametrize("body", [b"5\r\n{}", b"2\r\n{}xx0\r\n\r\n", b""])
def test_incomplete_body_stores_nothing(wire, bearer, body):
    before = wire.request(f"GET {TASKS}", bearer)[2]
    for headers in (CHUNKED, _json(100)):
        wire.abandon(f"POST {TASKS}", bearer, *headers, body=body)
    assert wire.request(f"GET {TASKS}", bearer)[::2] == (200, before)


@pytest.mark.parametrize("length", ["-1", "x", "9" * 400])
def test_invalid_content_length_is_not_a_server_error(wire, bearer, length):
    status, _, _ = wire.request(f"POST {TASKS}", bearer, *_json(length), body=b'{"title": "Milk"}')
    assert 400 <= status < 500


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("GET /healthz", "X-Filler: " + "x" * 70_000),
        ("GET /healthz", "\r\n".join(f"X-Filler-{i}: x" for i in range(200))),
        (f"GET {TASKS}", "Authorization: Bearer " + "x" * 60_000),
        ("GET /" + "x" * 70_000, "X-Filler: x"),
        (f"GET {TASKS}", "Cookie: " + "access_token=x; " * 500),
    ],
    ids=["a long header", "many headers", "a long token", "a long path", "many cookies"],
)
def test_too_large_head_is_not_a_server_error(wire, line, header):
    status, _, _ = wire.request(line, header)
    assert 400 <= status < 500


@pytest.mark.parametrize(
    "path", ["/api/v1/tasks?q=\xff", "/\xff\xfe", "/api/v1/tasks/%0d%0aX: y", "/%", "/%zz", "/?%", "/\x7f"]
)
def test_unusual_bytes_in_request_line_are_not_a_server_error(wire, path):
    status, _, _ = wire.request(f"GET {path}")
    assert 400 <= status < 500


@pytest.mark.parametrize(
    "name", ["X-Request-ID", "Authorization", "Content-Type", "If-None-Match", "Cookie", "Host", "Accept"]
)
@pytest.mark.parametrize("value", ["\xff\xfe", "a\tb", "\x7f", ',;="', "W/", "(" * 1000])
def test_unusual_bytes_in_header_are_not_a_server_error(wire, bearer, name, value):
    status, head, _ = wire.request("GET /api/v1/me", bearer, f"{name}: {value}")
    assert status in {200, 400, 401, 403}
    assert "X-Request-ID: \xff" not in head
