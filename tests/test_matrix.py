"""Which role can use which route. A new route needs a row here."""

import pytest
from conftest import PASSWORD
from surface import ANYONE, EVERY_ROLE, READERS, WRITERS, collections, declared, routes

from taskapi.security.rbac import Role

LOGIN = "/api/v1/auth/login"
MATRIX = {
    "GET /.well-known/jwks.json": ANYONE,
    "GET /.well-known/oauth-authorization-server": ANYONE,
    "POST /api/v1/auth/login": ANYONE,
    "POST /api/v1/auth/logout": ANYONE,
    "POST /api/v1/auth/refresh": ANYONE,
    "POST /api/v1/auth/register": ANYONE,
    "DELETE /api/v1/auth/sessions": EVERY_ROLE,
    "GET /api/v1/auth/sessions": EVERY_ROLE,
    "DELETE /api/v1/auth/sessions/<uuid:session_id>": EVERY_ROLE,
    "POST /api/v1/auth/verify-password": EVERY_ROLE,
    "DELETE /api/v1/me": EVERY_ROLE,
    "GET /api/v1/me": EVERY_ROLE,
    "PATCH /api/v1/me": EVERY_ROLE,
    "GET /api/v1/me/activity": EVERY_ROLE,
    "PUT /api/v1/me/password": EVERY_ROLE,
    "GET /api/v1/tasks/subtask-counts": READERS,
    "GET /api/v1/tasks/summary": READERS,
    "GET /docs": ANYONE,
    "GET /docs/": ANYONE,
    "GET /docs/<name>": ANYONE,
    "GET /healthz": ANYONE,
    "GET /metrics": ANYONE,
    "GET /openapi.json": ANYONE,
    "GET /problems/<code_name>": ANYONE,
    "GET /readyz": ANYONE,
} | declared("MATRIX")
FRESH = {
    "DELETE /api/v1/me",
} | declared("FRESH", set)
ROLES = [role.value for role in Role]


@pytest.fixture
def matrix(app):
    """Who may use each route. Owned rows are read by READERS, and written by WRITERS."""
    kinds = collections(app)
    owned = {
        f"{route.method} {route.rule}": READERS if route.method == "GET" else WRITERS
        for route in routes(app)
        if any(kind.has(route.rule) for kind in kinds)
    }
    return owned | MATRIX


def test_every_route_has_a_row_and_every_row_a_route(app, matrix):
    assert {f"{route.method} {route.rule}" for route in routes(app)} == matrix.keys()


@pytest.mark.parametrize("role", ROLES)
def test_role_can_use_exactly_the_routes_of_its_row(app, signed_in, role, matrix, subtests):
    client = signed_in(role)
    for route in routes(app):
        row = matrix.get(f"{route.method} {route.rule}", ())
        with subtests.test(route=f"{route.method} {route.rule}"):
            response = client.open(route.path, method=route.method, json={})
            if response.status_code < 300 and route.method != "GET":
                client = signed_in(role)  # it may have deleted the account or ended the session
            assert response.status_code < 500
            assert (is_refused(response)) == (row != ANYONE and role not in row)


def test_request_without_a_token_can_use_public_routes_only(app, client, matrix, subtests):
    for route in routes(app):
        row = matrix.get(f"{route.method} {route.rule}", ())
        with subtests.test(route=f"{route.method} {route.rule}"):
            response = client.open(route.path, method=route.method, json={})
            assert row == ANYONE or (response.status_code, response.json["code"]) == (401, "token_missing")


def test_fresh_token_is_required_for_acts_on_accounts_only(app, refreshed, subtests):
    client = refreshed()
    for route in routes(app):
        name = f"{route.method} {route.rule}"
        with subtests.test(route=name):
            response = client.open(route.path, method=route.method, json={})
            if response.status_code < 300 and route.method != "GET":
                client = refreshed()  # as above
            asked = response.status_code == 401 and response.json["code"] == "fresh_token_required"
            assert asked == (name in FRESH)


@pytest.fixture
def refreshed(app, new_user):
    """Sign an administrator in with a token from a refresh."""

    def sign_in():
        client = app.test_client()
        tokens = client.post(LOGIN, json={"username": new_user("admin"), "password": PASSWORD}).json
        tokens = client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).json
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {tokens['access_token']}"
        return client

    return sign_in


def is_refused(response):
    return response.status_code == 403 and response.json["code"] in {"permission_denied", "access_undeclared"}
