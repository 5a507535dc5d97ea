"""A factor that a role requires: no way to a token goes around it."""

import pytest

from taskapi.api.blueprint import PUBLIC
from taskapi.auth.service import complete_sign_in
from taskapi.database import db
from taskapi.security.passwords import NO_PASSWORD
from taskapi.security.tokens import issue_token
from taskapi.users.service import change_roles, lock_account
from tests.conftest import PASSWORD
from tests.extensions.second_factor.people import (
    FACTOR,
    KEY,
    Person,
    amr_of,
    factor_app,
    new_person,
    steady_step,
)
from tests.surface import access, needs, routes

__all__ = ["factor_app", "new_person", "steady_step"]  # fixtures


def fresh(person):
    person.use(person.client.post("/api/v1/auth/verify-password", json={"password": PASSWORD}).json)


def refresh(person, grant):
    return person.client.post("/api/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]})


def verify_password(person, grant):
    return person.client.post("/api/v1/auth/verify-password", json={"password": PASSWORD})


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


@pytest.fixture
def person_without_password(strict_app):
    """Create an administrator without a password, whom a provider has named."""

    def create(*, fresh):
        person = Person(strict_app, "admin")
        with strict_app.test_request_context():
            user = lock_account(person.id)
            user.password_hash = NO_PASSWORD
            grant = complete_sign_in(user, ["fed"], fresh=fresh)
            db.session.commit()
            person.use({"access_token": issue_token(grant.subject, grant.session_id, fresh=fresh)})
        return person

    return create


def test_user_without_password_sets_a_factor_up_and_disables_it(person_without_password):
    person = person_without_password(fresh=True)
    assert is_blocked(person.client.get("/api/v1/tasks"))
    assert person.client.get(FACTOR).json["needs_password"] is False
    person.secret = person.client.post(FACTOR, json={}).json["secret"]
    enabled = person.client.post(f"{FACTOR}/confirm", json={"code": person.code(-1)}).json
    assert amr_of(enabled) == ["fed", "otp"]
    person.use(enabled)
    assert person.client.get("/api/v1/tasks").status_code == 200
    with person.app.test_request_context():
        grant = complete_sign_in(lock_account(person.id), ["fed", "otp"], fresh=True)
        db.session.commit()
        person.use({"access_token": issue_token(grant.subject, grant.session_id, fresh=True)})
    assert person.client.post(f"{FACTOR}/disable", json={}).status_code == 422
    for way in ("disable", "recovery-codes"):
        response = person.client.post(f"{FACTOR}/{way}", json={"code": "aaaa-aaaa-aaaa-aaaa"})
        assert (response.status_code, response.json["code"]) == (401, "invalid_code")
    renewed = person.client.post(f"{FACTOR}/recovery-codes", json={"code": enabled["recovery_codes"][0]})
    body = {"code": renewed.json["recovery_codes"][0]}
    disabled = person.client.post(f"{FACTOR}/disable", json=body).json
    assert amr_of(disabled) == ["fed"]
    person.use(disabled)
    assert is_blocked(person.client.get("/api/v1/tasks"))


def test_user_without_password_needs_a_fresh_token_for_the_factor(person_without_password):
    person = person_without_password(fresh=False)
    assert person.client.post(FACTOR, json={}).json["code"] == "fresh_token_required"
    person = person_without_password(fresh=True)
    response = person.client.post(FACTOR, json={"password": PASSWORD})
    assert (response.status_code, response.json["code"]) == (401, "invalid_credentials")


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
