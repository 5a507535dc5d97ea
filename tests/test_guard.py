"""The guard: views without a declaration are closed, and roles have the permissions of the table."""

import pytest
from surface import ANYONE, access, declared, needs, routes

from taskapi.security.guard import PUBLIC, Access, requires
from taskapi.security.rbac import Permission
from tests.forging import SECRET, decode_token, sign

VIEWER = {"account:read", "account:write", "task:read"}
TABLE = {
    "viewer": VIEWER,
    "editor": VIEWER | {"task:write"},
    "admin": {permission.value for permission in Permission},
}
OPEN_TO_ALL = {
    "/api/v1/auth/register",
    "/api/v1/auth/login",
    "/api/v1/auth/refresh",
    "/api/v1/auth/logout",
    "/openapi.json",
    "/problems/<code_name>",
    "/healthz",
}


@pytest.fixture(scope="module")
def guarded(make_app):
    """An application with a view without a declaration, and one view for each permission."""
    app = make_app()
    app.add_url_rule("/undeclared", view_func=lambda: "secret", endpoint="undeclared", methods=["GET", "POST"])
    for permission in Permission:
        view = requires(permission)(lambda: "yes")
        app.add_url_rule(f"/needs/{permission}", view_func=view, endpoint=f"needs_{permission}".replace(":", "_"))
    return app


@pytest.fixture
def client_of(guarded, new_user):
    def sign_in(role):
        client = guarded.test_client()
        credentials = {"username": new_user(role), "password": "correct horse battery staple"}
        token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    return sign_in


@pytest.mark.parametrize("method", ["get", "post", "head"])
@pytest.mark.parametrize("role", [None, *TABLE])
def test_view_without_declared_access_is_closed(guarded, client_of, role, method):
    client = client_of(role) if role else guarded.test_client()
    response = getattr(client, method)("/undeclared")
    assert response.status_code == 403
    assert method == "head" or response.json["code"] == "access_undeclared"


def test_every_route_declares_its_access(app):
    undeclared = [
        route.rule
        for route in routes(app)
        if not isinstance(access(app, route), Access) and access(app, route) != PUBLIC
    ]
    assert undeclared == []


def test_public_routes_are_listed(app):
    """Add a new public route here after checking that it should be public."""
    of_extensions = {name.split()[1] for name, roles in declared("MATRIX").items() if roles == ANYONE}
    public = {route.rule for route in routes(app) if access(app, route) == PUBLIC}
    assert {rule for rule in public if rule.startswith("/api/")} <= OPEN_TO_ALL | of_extensions
    assert public >= OPEN_TO_ALL


@pytest.mark.parametrize("role", TABLE)
def test_role_has_exactly_its_permissions(client_of, role):
    client = client_of(role)
    granted = {str(each) for each in Permission if client.get(f"/needs/{each}").status_code == 200}
    assert granted == TABLE[role]


def test_unknown_role_grants_nothing(client_of):
    client = client_of("owner")
    assert {client.get(f"/needs/{each}").status_code for each in Permission} == {403}


def test_viewer_can_read_and_not_write(app, signed_in, subtests):
    viewer = signed_in("viewer")
    for route in routes(app):
        declared = access(app, route)
        if not isinstance(declared, Access) or declared.permission in VIEWER:
            continue
        with subtests.test(route=f"{route.method} {route.rule}"):
            response = viewer.open(route.path, method=route.method, json={})
            assert response.status_code == 403
            assert response.json["code"] == "permission_denied"
            assert response.json["permission"] == declared.permission
            assert declared.permission in response.json["detail"]
            assert response.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


def test_view_can_require_a_fresh_token(make_app, new_user):
    app = make_app(JWT_SECRET_KEY=SECRET)
    app.add_url_rule("/fresh", view_func=requires(Permission.TASK_WRITE, fresh=True)(lambda: "yes"), endpoint="fresh")
    client = app.test_client()
    credentials = {"username": new_user(), "password": "correct horse battery staple"}
    header, claims = decode_token(client.post("/api/v1/auth/login", json=credentials).json["access_token"])

    def get(**changes):
        token = sign(header, {**claims, **changes})
        return client.get("/fresh", headers={"Authorization": f"Bearer {token}"})

    assert get().status_code == 200
    assert (get(fresh=False).status_code, get(fresh=False).json["code"]) == (401, "fresh_token_required")
    challenge = 'Bearer error="insufficient_user_authentication", max_age="900"'
    assert get(fresh=False).headers["WWW-Authenticate"] == challenge
    assert get(fresh=False, roles=["viewer"]).json["code"] == "permission_denied"


def test_request_without_a_token_is_refused(app, client, subtests):
    for route in routes(app):
        if not isinstance(access(app, route), Access):
            continue
        with subtests.test(route=f"{route.method} {route.rule}"):
            response = client.open(route.path, method=route.method)
            assert (response.status_code, response.json["code"]) == (401, "token_missing")
            assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"<a/>", "text/xml"),
        (b'{"title": 1}', "application/json"),
        (b"x" * 1_100_000, "x/y"),
    ],
)
def test_token_is_checked_before_the_body_is_read(client, body, content_type):
    response = client.post("/api/v1/tasks?nonsense=1", data=body, content_type=content_type)
    assert (response.status_code, response.json["code"]) == (401, "token_missing")


def test_permission_is_checked_before_the_body_is_read(signed_in):
    response = signed_in("viewer").post("/api/v1/tasks?nonsense=1", data=b"{", content_type="text/plain")
    assert (response.status_code, response.json["code"]) == (403, "permission_denied")


def test_options_returns_the_methods_without_a_token(client):
    response = client.options("/api/v1/tasks")
    assert response.status_code == 200
    assert {"GET", "HEAD", "OPTIONS", "POST"} == {*response.headers["Allow"].split(", ")}
    assert response.data == b""


@needs("admin")
def test_checks_run_in_the_documented_order(app, new_user):
    """Form, claims and signature are tried in tests/test_cli_tokens.py; this is what the guard adds to them."""
    browser, password = app.test_client(), "correct horse battery staple"
    credentials = {"username": new_user("viewer"), "password": password, "cookies": True}
    browser.post("/api/v1/auth/login", json=credentials)
    csrf = {name: browser.get_cookie(f"csrf_{name}_token").value for name in ("access", "refresh")}
    access = browser.get_cookie("access_token").value

    def response(path, **headers):
        return browser.post(path, json={}, headers=headers).json["code"]

    users = "/api/v1/admin/users"
    assert response(users) == "csrf_failed"
    assert response(users, **{"X-CSRF-TOKEN": csrf["access"]}) == "permission_denied"
    browser.post("/api/v1/auth/logout", headers={"X-CSRF-TOKEN": csrf["refresh"]})
    browser.set_cookie("access_token", access)
    assert response(users) == "csrf_failed"
    assert response(users, **{"X-CSRF-TOKEN": csrf["access"]}) == "token_revoked"
    browser.set_cookie("access_token", f"{access}=")
    assert response(users) == "token_malformed"
    browser.delete_cookie("access_token")
    assert response(users) == "token_missing"
