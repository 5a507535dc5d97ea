"""Every way to get a token, and what it yields: a session, freshness and `amr`; and a factor that a role requires."""

import pytest

from taskapi.api.blueprint import PUBLIC
from taskapi.database import db
from taskapi.users.service import change_roles, lock_account
from tests.conftest import PASSWORD
from tests.extensions.second_factor.people import (
    FACTOR,
    KEY,
    NEW,
    factor_app,
    new_person,
    steady_step,
)
from tests.forging import decode_token
from tests.surface import access, needs, routes

__all__ = ["factor_app", "new_person", "steady_step"]  # fixtures


def fresh(person):
    person.use(person.client.post("/api/v1/auth/verify-password", json={"password": PASSWORD}).json)


def login(person, grant):
    return person.login()


def second_step(person, grant):
    return person.finish(person.challenge(), person.code())


def recovery_code(person, grant):
    return person.finish(person.challenge(), person.recovery_codes[0])


def refresh(person, grant):
    return person.client.post("/api/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]})


def verify_password(person, grant):
    return person.client.post("/api/v1/auth/verify-password", json={"password": PASSWORD})


def end_sessions(person, grant):
    return person.client.delete("/api/v1/auth/sessions")


def change_password(person, grant):
    return person.client.put("/api/v1/me/password", json={"current_password": PASSWORD, "new_password": NEW})


def confirm(person, grant):
    person.start()
    return person.client.post(f"{FACTOR}/confirm", json={"code": person.code()})


def disable(person, grant):
    fresh(person)
    return person.client.post(f"{FACTOR}/disable", json={"password": PASSWORD, "code": person.code()})


PWD, BOTH = ["pwd"], ["pwd", "otp"]
# The way; whether the user has a factor before; the session: new, the same or none; freshness; amr
PATHS = [
    (login, False, "new", True, PWD),
    (refresh, False, "same", False, PWD),
    (verify_password, False, "same", True, PWD),
    (end_sessions, False, "new", False, PWD),
    (change_password, False, "new", True, PWD),
    (confirm, False, "new", False, BOTH),
    (login, True, "none", None, None),
    (second_step, True, "new", True, BOTH),
    (recovery_code, True, "new", True, BOTH),
    (refresh, True, "same", False, BOTH),
    (verify_password, True, "same", True, BOTH),
    (end_sessions, True, "new", False, BOTH),
    (change_password, True, "new", True, BOTH),
    (disable, True, "new", False, PWD),
]


@pytest.mark.parametrize(("way", "enabled", "session", "is_fresh", "amr"), PATHS)
def test_way_to_a_token_yields(new_person, way, enabled, session, is_fresh, amr):  # noqa: PLR0917 - a row of the table
    person = new_person(enabled=False)
    grant = person.enable() if enabled else person.sign_in()
    response = way(person, grant)
    if session == "none":
        assert (response.status_code, response.json["code"]) == (401, "second_factor_required")
        return
    assert response.status_code == 200, response.text
    claims = decode_token(response.json["access_token"])[1]
    assert ("same" if claims["sid"] == grant["session_id"] else "new", claims["fresh"], claims["amr"]) == (
        session, is_fresh, amr,
    )  # fmt: skip


def test_every_way_to_a_token_is_in_the_table(factor_app):
    """A route that yields tokens documents their schema. Other extensions test what theirs yield."""
    document = factor_app.test_client().get("/openapi.json").json
    schemas = ("Tokens", "AccessToken", "SecondFactorEnabled")
    yielding = {
        item[method]["operationId"]
        for item in document["paths"].values()
        for method in item
        if method != "parameters"
        for content in item[method]["responses"].get("200", {}).get("content", {}).values()
        if content["schema"].get("$ref", "").rpartition("/")[2] in schemas
    }
    known = {
        "login", "sign_in_with_code", "refresh", "verify_password", "end_sessions", "change_password",
        "confirm_second_factor", "disable_second_factor",
    }  # fmt: skip
    assert yielding >= known


# A role that requires a factor

OPEN = {
    "GET /api/v1/me", "POST /api/v1/auth/verify-password", f"GET {FACTOR}", f"POST {FACTOR}", f"POST {FACTOR}/confirm",
}  # fmt: skip


@pytest.fixture(scope="module")
def strict_app(make_app):
    """The application that requires a factor of administrators."""
    return make_app(SECOND_FACTOR_KEYS=KEY, SECOND_FACTOR_ROLES="admin")


def is_blocked(response):
    return response.json is not None and response.json.get("code") == "second_factor_setup_required"


@pytest.mark.parametrize("by", ["header", "cookie"])
def test_administrator_without_a_factor_can_only_set_one_up(new_person, strict_app, by, subtests):
    person = new_person("admin", enabled=False, app=strict_app)
    client = person.client
    if by == "cookie":
        client = strict_app.test_client()
        body = client.post(
            "/api/v1/auth/login", json={"username": person.username, "password": PASSWORD, "cookies": True}
        ).json
        client.environ_base["HTTP_X_CSRF_TOKEN"] = body["csrf_access_token"]
    protected = [route for route in routes(strict_app) if access(strict_app, route) not in {None, PUBLIC}]
    assert len(protected) > 20
    for route in protected:
        name = f"{route.method} {route.rule}"
        with subtests.test(route=name):
            response = client.open(route.path, method=route.method, json={} if route.method != "GET" else None)
            assert is_blocked(response) == (name not in OPEN), response.text
            assert response.status_code == 403 or name in OPEN


def test_administrator_sets_a_factor_up_and_goes_on(new_person, strict_app):
    person = new_person("admin", enabled=False, app=strict_app)
    assert person.client.get(FACTOR).json["required"] is True
    assert is_blocked(person.client.get("/api/v1/tasks"))
    person.enable()
    assert person.client.get("/api/v1/tasks").status_code == 200
    person.sign_in(person.code())
    assert person.client.get("/api/v1/tasks").status_code == 200
    fresh(person)
    body = {"password": PASSWORD, "code": person.code(1)}
    person.use(person.client.post(f"{FACTOR}/disable", json=body).json)
    assert is_blocked(person.client.get("/api/v1/tasks"))


@pytest.mark.parametrize("way", [refresh, verify_password])
def test_no_way_to_a_token_goes_around_the_requirement(new_person, strict_app, way):
    person = new_person("admin", enabled=False, app=strict_app)
    person.use(way(person, person.sign_in()).json)
    assert is_blocked(person.client.get("/api/v1/tasks"))


def test_administrator_without_a_factor_can_sign_out(new_person, strict_app):
    person = new_person("admin", enabled=False, app=strict_app)
    assert person.client.post("/api/v1/auth/logout").status_code == 204


def test_other_roles_need_no_factor(new_person, strict_app):
    person = new_person("editor", enabled=False, app=strict_app)
    assert person.client.get("/api/v1/tasks").status_code == 200
    assert person.client.get(FACTOR).json["required"] is False


def test_new_administrator_needs_a_factor_after_the_next_refresh(new_person, strict_app):
    person = new_person("editor", enabled=False, app=strict_app)
    grant = person.sign_in()
    with strict_app.app_context():
        change_roles(lock_account(person.id), ["editor", "admin"])
        db.session.commit()
    person.use(refresh(person, grant).json)
    assert is_blocked(person.client.get("/api/v1/tasks"))


@needs("personal_tokens")
def test_personal_token_of_an_administrator_needs_the_factor_of_its_user(new_person, strict_app, factor_app):
    person = new_person("admin", enabled=False)
    body = {"name": "Script", "permissions": ["account:read", "task:read"]}
    response = person.client.post("/api/v1/me/tokens", json=body)
    script = strict_app.test_client()
    script.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['token']}"
    for path in ("/api/v1/tasks", "/api/v1/me", FACTOR):
        assert is_blocked(script.get(path))
    person.enable()
    for path in ("/api/v1/tasks", "/api/v1/me", FACTOR):
        assert script.get(path).status_code == 200
