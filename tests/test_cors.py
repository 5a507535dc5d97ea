"""CORS: what pages of other origins can send and read."""

import pytest

from taskapi.config import SettingsError

ME, TASKS, JWKS = "/api/v1/me", "/api/v1/tasks", "/.well-known/jwks.json"
ORIGINS = (
    "https://front.example", "http://localhost:5173", "capacitor://localhost", "tauri://localhost", "http://[::1]:5173",
    "chrome-extension://abcdefghijklmnop", "http://127.0.0.1:3000",
)  # fmt: skip


def listed(response, header):
    return {name.strip().lower() for name in response.headers[f"Access-Control-{header}"].split(",")}


def preflight(client, url, origin, method="GET", headers=""):
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return client.options(url, headers=asked | ({"Access-Control-Request-Headers": headers} if headers else {}))


@pytest.fixture(scope="module")
def front(make_app):
    """An application that lists origins."""
    return make_app(CORS_ORIGINS=",".join(ORIGINS), CORS_HEADERS="X-Client-Version, X-Trace").test_client()


def test_no_other_origin_can_read_responses_by_default(client):
    response = client.get(ME, headers={"Origin": "https://front.example"})
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("origin", ORIGINS)
def test_listed_origin_can_read_responses_with_credentials(front, origin):
    response = front.get(ME, headers={"Origin": origin})
    assert response.headers["Access-Control-Allow-Origin"] == origin
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize("url", [ME, "/api/v1/nothing", f"{TASKS}?limit=0"])
def test_listed_origin_can_read_errors(front, url):
    response = front.get(url, headers={"Origin": ORIGINS[0]})
    assert response.status_code >= 400
    assert response.headers["Access-Control-Allow-Origin"] == ORIGINS[0]


def test_page_can_read_the_exposed_headers(front):
    response = front.get(ME, headers={"Origin": ORIGINS[0]})
    assert listed(response, "Expose-Headers") == {
        "content-disposition", "etag", "idempotency-replayed", "link", "location", "ratelimit", "ratelimit-policy",
        "retry-after", "www-authenticate", "x-request-id",
    }  # fmt: skip


def test_page_can_send_api_tracing_and_configured_headers(front):
    allowed = (
        "authorization", "baggage", "content-type", "idempotency-key", "if-match", "if-none-match", "sentry-trace",
        "traceparent", "tracestate", "x-client-version", "x-csrf-token", "x-request-id", "x-trace",
    )  # fmt: skip
    url = f"{TASKS}/01a209e7-f68b-741c-8a7b-ef565a5bd3fe"
    response = preflight(front, url, "http://localhost:5173", "PATCH", ", ".join([*allowed, "x-other"]))
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
    assert listed(response, "Allow-Headers") == {*allowed}
    assert listed(response, "Allow-Methods") == {"get", "head", "post", "put", "patch", "delete"}


@pytest.mark.parametrize(
    "origin",
    ["https://front.example.evil.org", "https://evil.org", "http://front.example", "https://front.example:444", "null",
     "https://xfront.example", "https://frontxexample", "capacitor://localhost.evil.org", "capacitor://evil",
     "http://:5173", "http://1:5173", "http://[::2]:5173", "http://[::1]:51730", "http://[::1]"],
)  # fmt: skip
def test_unlisted_origin_can_read_nothing(front, origin):
    for response in (front.get(ME, headers={"Origin": origin}), preflight(front, ME, origin)):
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "https://*.example.org", "https://Front.example", "https://front.example/", "front.example", "//x",
     "https://front.example?x", "http://[::1", "http://::1", "https://user@front.example", "https://é.example"],
)  # fmt: skip
def test_setting_refuses_what_is_not_an_origin(make_app, origin):
    with pytest.raises(SettingsError, match="CORS_ORIGINS"):
        make_app(CORS_ORIGINS=origin)


@pytest.mark.parametrize("name", ["*", "X Client", "X-Client:", "é"])
def test_setting_refuses_what_is_not_a_header_name(make_app, name):
    with pytest.raises(SettingsError, match="CORS_HEADERS"):
        make_app(CORS_HEADERS=name)


@pytest.mark.parametrize("lists_origins", [False, True])
@pytest.mark.parametrize("origin", ["https://anybody.example", "null", ORIGINS[0]])
@pytest.mark.parametrize("path", [JWKS, "/.well-known/oauth-authorization-server"])
def test_published_keys_are_open_to_every_origin(client, front, lists_origins, origin, path):
    client = front if lists_origins else client
    for response in (client.get(path, headers={"Origin": origin}), preflight(client, path, origin)):
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response.headers
