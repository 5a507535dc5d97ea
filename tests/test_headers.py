"""Headers of every response, errors included: request id, caching and security headers."""

import re
import secrets
from functools import partial

import pytest
from surface import declared, needs

from tests.forging import SECRET

TASKS = "/api/v1/tasks"
API_POLICY = "default-src 'none'; frame-ancestors 'none'"


@pytest.fixture
def responses(app, client, owner, task):
    """Responses of many kinds, by name."""
    path = f"{TASKS}/{task['id']}"
    tag = {"If-None-Match": f'"{task["version"]}"'}
    return {
        "200": owner.get(path),
        "200 of a list": owner.get(TASKS),
        "200 of an account": owner.get("/api/v1/me"),
        "201": owner.post(TASKS, json={"title": "Milk"}),
        "204": owner.delete(path),
        "304": owner.get(path, headers={"If-None-Match": owner.get(path).headers["ETag"]}),
        "400": owner.post(TASKS, data=b"{", content_type="application/json"),
        "401": client.get(TASKS),
        "404": owner.get("/nowhere"),
        "405": owner.put(TASKS),
        "412": owner.patch(path, json={"title": "Oats"}, headers={"If-Match": '"0"'}),
        "413": owner.post(TASKS, data=b"x" * 1_100_000, content_type="application/json"),
        "415": owner.post(TASKS, data=b"{}", content_type="text/plain"),
        "422": owner.post(TASKS, json={}),
        "OPTIONS": client.options(TASKS),
        "HEAD": owner.head(path, headers=tag),
        "a page": client.get("/problems/not_found"),
        "the document": client.get("/openapi.json"),
        "health": client.get("/healthz"),
    }


def test_every_response_has_a_request_id_and_security_headers(responses, subtests):
    ids = set()
    for name, response in responses.items():
        with subtests.test(response=name):
            assert name[:3] in {str(response.status_code), *("OPT", "HEA", "a p", "the", "hea")}
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert response.headers["Permissions-Policy"]
            assert "Cache-Control" in response.headers
            assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", response.headers["X-Request-ID"])
            ids.add(response.headers["X-Request-ID"])
            assert "Strict-Transport-Security" not in response.headers
            assert not {"Server", "X-Powered-By", "Set-Cookie"} & {*response.headers.keys()}
    assert len(ids) == len(responses)


def test_every_response_has_a_strict_content_policy(responses, subtests):
    for name, response in responses.items():
        with subtests.test(response=name):
            policy = response.headers.get("Content-Security-Policy")
            assert (policy is None) == (response.status_code == 304), (
                "it would replace that of the answer it stands for"
            )
            if response.mimetype == "text/html" and response.data:
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert "frame-ancestors 'none'" in policy
            elif response.data:
                assert policy == API_POLICY


@needs("admin")
def test_response_204_has_no_content_type(app, signed_in, subtests):
    admin = signed_in("admin")
    things = {
        "task_id": lambda: admin.post(TASKS, json={"title": "Milk"}).json["id"],
        "project_id": lambda: admin.post("/api/v1/projects", json={"name": secrets.token_hex(4)}).json["id"],
        "label_id": lambda: admin.post("/api/v1/labels", json={"name": secrets.token_hex(4)}).json["id"],
        "user_id": lambda: signed_in().get("/api/v1/me").json["id"],
        **{name: partial(make, admin) for name, make in declared("MAKERS").items()},
    }
    seen = set()
    for method, path, operation in documented(app):
        needs_body = operation.get("requestBody", {}).get("required")
        if (
            "204" not in operation["responses"]
            or needs_body
            or re.search(r"sessions|password|logout|/me$|openid", path)
        ):
            continue
        filled = re.sub(r"\{(\w+)\}", lambda name: things[name[1]](), path)
        with subtests.test(operation=f"{method} {path}"):
            response = admin.open(filled, method=method)
            assert (response.status_code, response.data) == (204, b"")
            assert "Content-Type" not in response.headers
            assert response.headers["Content-Security-Policy"] == API_POLICY
            seen.add(path)
    assert len(seen) >= 4
    for path in (TASKS, "/healthz", "/docs/"):
        response = admin.options(path)
        assert (response.status_code, response.data, "Content-Type" in response.headers) == (200, b"", False)
        assert response.headers["Content-Security-Policy"] == API_POLICY
    response = admin.post("/api/v1/auth/logout")
    assert (response.status_code, "Content-Type" in response.headers) == (204, False)


def documented(app):
    """Yield the operations of the OpenAPI document."""
    for path, item in app.test_client().get("/openapi.json").json["paths"].items():
        yield from ((method.upper(), path, item[method]) for method in item if method != "parameters")


CACHING = {
    "200": "private, no-cache",
    "200 of a list": "private, no-cache",
    "201": "private, no-cache",
    "304": "private, no-cache",
}


def test_personal_responses_are_not_cached_by_proxies(responses, subtests):
    for name, response in responses.items():
        if response.status_code >= 400 or name in {*CACHING, "200 of an account"}:
            with subtests.test(response=name):
                assert response.headers["Cache-Control"] == CACHING.get(name, "no-store")


def test_auth_me_and_admin_responses_are_not_stored(app, signed_in, subtests):
    user = signed_in("admin")
    for rule in {r.rule for r in app.url_map.iter_rules() if re.match(r"/api/v1/(auth|me|admin)\b", r.rule)}:
        path = re.sub(r"<[^>]+>", "00000000-0000-0000-0000-000000000000", rule)
        for method in ("GET", "POST"):
            with subtests.test(route=f"{method} {path}"):
                assert "no-store" in user.open(path, method=method).headers["Cache-Control"]


def test_response_over_https_has_hsts(app, client, subtests):
    for path in ("/healthz", "/nowhere", TASKS):
        response = client.get(path, base_url="https://localhost")
        assert response.headers["Strict-Transport-Security"].startswith("max-age=31536000")


@pytest.mark.parametrize("given", ["a", "A1._-", "x" * 64, "018f-4242.abc_D"])
def test_valid_request_id_of_the_client_is_kept(client, given):
    for path in ("/healthz", "/nowhere"):
        response = client.get(path, headers={"X-Request-ID": given})
        assert response.headers["X-Request-ID"] == given
    assert response.json["request_id"] == given


@pytest.mark.parametrize("given", ["", " ", "x" * 65, "a b", "a,b", "<script>", "a\tb", "é", "a%0d%0ab", "\u0661"])
def test_invalid_request_id_is_replaced(client, given):
    environ = {"HTTP_X_REQUEST_ID": given.encode().decode("latin-1")}
    response = client.get("/nowhere", environ_overrides=environ)
    assert response.headers["X-Request-ID"] != given
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-ID"])
    assert response.json["request_id"] == response.headers["X-Request-ID"]


@pytest.mark.parametrize("given", ["a\r\nSet-Cookie: x=1", "a\n", "a\r"])
def test_request_id_cannot_add_a_header(client, given):
    response = client.get("/nowhere", environ_overrides={"HTTP_X_REQUEST_ID": given})
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-ID"])


@pytest.mark.parametrize(
    "header", ["If-None-Match", "If-Match", "Origin", "Content-Type", "X-Forwarded-For", "User-Agent"]
)
def test_header_with_a_line_break_is_no_server_error(owner, header):
    name = header.upper().replace("-", "_")
    environ = {name if name == "CONTENT_TYPE" else f"HTTP_{name}": 'a\r\nSet-Cookie: x="1"'}
    for method in ("GET", "POST"):
        response = owner.open(TASKS, method=method, environ_overrides=environ)
        assert response.status_code < 500
        assert "Set-Cookie" not in response.headers


@pytest.fixture(scope="module")
def hosted(make_app):
    """A client of a service with trusted hosts."""
    return make_app(TRUSTED_HOSTS="Tasks.example,.example.org").test_client()


@pytest.mark.parametrize(
    "host", ["tasks.example", "TASKS.Example", "tasks.example:8000", "example.org", "A.EXAMPLE.ORG"]
)
def test_trusted_host_is_served(hosted, host):
    assert hosted.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "attacker.invalid",
        "tasks.example.attacker.invalid",
        "xtasks.example",
        "a b",
        "tasks.example@x",
        "[",
        "é",
        ":",
        "",
    ],
)
def test_untrusted_host_is_400(hosted, host):
    for path in ("/healthz", TASKS, "/nowhere"):
        response = hosted.get(path, headers={"Host": host})
        assert (response.status_code, response.json["code"]) == (400, "malformed_request")
        assert host not in response.text or len(host) < 2


MALFORMED_HOSTS = [
    "name:", "name:0", "name:abc", "name:99999", "name:80:80", "name:٣", "[::1", "[::1]:", "[::1]x", "[zz]", "::1",
    ":80", "na me", " ", "a/b", "a@b", "a>b", 'a"; rel="x', "é", "name?x", "name#", "%41",
]  # fmt: skip


@pytest.fixture(scope="module", params=[{}, {"TRUSTED_HOSTS": "name,[::1]"}], ids=["any host", "trusted hosts"])
def any_or_trusted(request, make_app):
    """A client of a service with or without trusted hosts."""
    return make_app(**request.param).test_client()


@pytest.mark.parametrize("host", MALFORMED_HOSTS)
def test_malformed_host_is_400_and_not_reflected(any_or_trusted, host):
    for path in ("/healthz", f"{TASKS}?limit=1", "/.well-known/oauth-authorization-server", "/nowhere"):
        response = any_or_trusted.get(path, headers={"Host": host})
        assert (response.status_code, response.json["code"]) == (400, "malformed_request")
        assert response.content_type == "application/problem+json"
        assert host.strip() == "" or host not in response.text + str(response.headers)


def test_host_is_reflected_in_page_links_only(owner):
    """A page and its Link are private to the client that sent the Host; production serves listed hosts only."""
    host = {"Host": "attacker.invalid"}
    for _ in range(2):
        response = owner.post(TASKS, json={"title": "Milk"}, headers=host)
        assert "attacker.invalid" not in str(response.headers) + response.text
    page = owner.get(f"{TASKS}?limit=1", headers=host)
    assert "attacker.invalid" not in page.text
    assert [name for name, value in page.headers if "attacker.invalid" in value] == ["Link"]
    assert page.headers["Cache-Control"] == "private, no-cache"


def test_production_refuses_plain_http_except_for_health(make_app):
    settings = {"ENV": "production", "JWT_SECRET_KEY": SECRET, "TRUSTED_HOSTS": "localhost"}
    client = make_app(**settings, REDIS_URL="redis://127.0.0.1:6379/15").test_client()
    for path in (TASKS, "/nowhere", "/openapi.json", "/problems/not_found", "/api/v1/auth/login"):
        response = client.get(path)
        assert (response.status_code, response.json["code"]) == (403, "https_required")
    assert client.get("/healthz").status_code == 200
    assert client.get(TASKS, base_url="https://localhost").status_code == 401


@pytest.mark.parametrize(("proxies", "secure"), [(0, False), (1, True)])
def test_forwarded_headers_are_trusted_behind_a_proxy_only(make_app, proxies, secure):
    client = make_app(TRUSTED_PROXIES=proxies).test_client()
    response = client.get("/healthz", headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"})
    assert ("Strict-Transport-Security" in response.headers) is secure
