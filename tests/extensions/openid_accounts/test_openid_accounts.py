"""Accounts of people whom the OpenID provider names: sign-in, link, roles, and attacks on them."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine
from flask.testing import FlaskClient
from flask_migrate import upgrade
from pyotp import TOTP

from taskapi.api import problem
from taskapi.audit.models import AuditEntry
from taskapi.auth import service as auth_service
from taskapi.config import SettingsError
from taskapi.database import db
from taskapi.extensions.openid_accounts import service as accounts_service
from taskapi.extensions.openid_accounts.models import OpenidIdentity
from taskapi.users.service import change_active, change_roles, lock_account
from tests.conftest import PASSWORD
from tests.extensions.openid.signing_in import SETTINGS, Browser, openid_app, provider, provider_process
from tests.forging import decode_token
from tests.surface import needs

pytestmark = pytest.mark.slow

__all__ = ["openid_app", "provider", "provider_process"]  # fixtures
EXCHANGE, LINK, LOGIN = "/api/v1/auth/openid/exchange", "/api/v1/me/openid", "/api/v1/auth/login"
UNLINKED = {"provider": "Example ID", "linked": False, "linked_at": None, "last_used_at": None, "has_password": True}
ROLES = {"OPENID_ROLES_CLAIM": "groups", "OPENID_ROLES": "bosses=admin,staff=editor,http://x/a=b=viewer"}


class People:
    """An application, and people who sign in to it."""

    def __init__(self, app, provider):
        self.app, self.provider = app, provider

    def person(self, **claims):
        """Let a new person use the provider."""
        found = {"sub": f"person-{secrets.token_hex(8)}", "name": "Grace", **claims}
        self.provider.set(person=found)
        return found

    def sign_in(self, **query):
        """Sign in as the person; return the response of the exchange."""
        return self.app.test_client().post(EXCHANGE, json=Browser(self.app).code(**query))

    def client_of(self, response):
        """Return a client with the token of a response."""
        assert response.status_code == 200, response.text
        client = self.app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['access_token']}"
        return client

    def local(self, new_user, role="editor"):
        """Return a client of a new account with a password."""
        credentials = {"username": new_user(role), "password": PASSWORD}
        client = self.client_of(self.app.test_client().post(LOGIN, json=credentials))
        client.username = credentials["username"]
        return client

    def link(self, client):
        """Link the account of a client to the person who uses the provider."""
        response = client.post(LINK, json=Browser(self.app).code())
        assert response.status_code == 200, response.text
        return response

    def events(self, client):
        """Return the names of the events of a user, the latest first."""
        return [entry["event"] for entry in client.get("/api/v1/me/activity").json["items"]]


@pytest.fixture(scope="module")
def shared(make_app, provider_process):
    settings = {"OPENID_CREATE_ACCOUNTS": True, "OPENID_NAME": "Example ID", **SETTINGS}
    return make_app(OPENID_ISSUER=provider_process.url, **settings)


@pytest.fixture
def people(shared, provider):
    """An application that creates accounts."""
    return People(shared, provider)


def with_settings(openid_app, provider, **settings):
    return People(openid_app(**settings), provider)


def test_first_sign_in_creates_an_account_and_the_second_finds_it(people):
    name = f"grace-{secrets.token_hex(4)}"
    people.person(preferred_username=f"{name.upper()}@example.org", email="ada@example.org", email_verified=True)
    accounts = [people.client_of(people.sign_in()).get("/api/v1/me").json for _ in range(2)]
    assert accounts[0] == accounts[1]
    shown = {field: accounts[0][field] for field in ("username", "name", "email", "roles")}
    assert shown == {"username": name, "name": "Grace", "email": None, "roles": ["editor"]}


def test_response_is_that_of_a_sign_in(people):
    people.person()
    response = people.sign_in()
    claims = decode_token(response.json["access_token"])[1]
    assert (claims["amr"], claims["fresh"]) == (["fed"], False)
    assert response.json["token_type"] == "Bearer"
    client = people.client_of(response)
    assert people.events(client) == ["sign_in", "identity_linked", "created"]
    refreshed = client.post("/api/v1/auth/refresh", json={"refresh_token": response.json["refresh_token"]})
    assert decode_token(refreshed.json["access_token"])[1]["amr"] == ["fed"]


def test_tokens_come_in_cookies_on_request(people):
    people.person()
    client = people.app.test_client()
    response = client.post(EXCHANGE, json={**Browser(people.app).code(), "cookies": True})
    assert response.json["token_type"] == "Cookie"
    assert "access_token" not in response.json
    assert client.get("/api/v1/me").status_code == 200


def test_code_serves_once_also_in_parallel(people):
    people.person()
    code = Browser(people.app).code()
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: people.app.test_client().post(EXCHANGE, json=code).status_code, range(8)))
    assert sorted(statuses) == [200, *[401] * 7]


@pytest.mark.parametrize("change", [{"verifier": "x" * 43}, {"code": "x" * 43}])
def test_code_needs_its_verifier(people, change):
    people.person()
    code = Browser(people.app).code()
    client = people.app.test_client()
    response = client.post(EXCHANGE, json={**code, **change})
    assert (response.status_code, response.json["code"]) == (401, "openid_code_invalid")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert client.post(EXCHANGE, json=code).status_code == 200


def test_code_expires(people):
    people.person()
    code = Browser(people.app).code()
    with time_machine.travel(time.time() + 121):
        assert people.app.test_client().post(EXCHANGE, json=code).json["code"] == "openid_code_invalid"


def test_used_code_leaves_no_claims_in_the_database(people):
    marker = secrets.token_hex(8)
    people.person(name=marker)
    people.sign_in()
    with people.app.app_context():
        found = db.session.execute(sa.text("SELECT person FROM openid_sign_ins")).scalars().all()
    assert [row for row in found if row and marker in str(row)] == []


def test_accounts_are_not_created_by_default(openid_app, provider):
    people = with_settings(openid_app, provider)
    people.person()
    response = people.sign_in()
    assert (response.status_code, response.json["code"]) == (403, "openid_no_account")


def test_address_of_another_account_is_no_link(people, new_user):
    """Who owns an address at the provider is not who owns the account with this address."""
    local = people.local(new_user)
    local.patch("/api/v1/me", json={"email": "ada@example.org"})
    people.person(email="ada@example.org", email_verified=True, preferred_username=local.username)
    account = people.client_of(people.sign_in()).get("/api/v1/me").json
    assert account["id"] != local.get("/api/v1/me").json["id"]
    assert account["username"].startswith(f"{local.username}-")


def test_subject_of_another_issuer_is_another_person(people):
    person = people.person()
    client = people.client_of(people.sign_in())
    account = client.get("/api/v1/me").json
    with people.app.app_context():
        db.session.execute(
            sa.update(OpenidIdentity)
            .where(OpenidIdentity.subject == person["sub"])
            .values(issuer="https://other.example")
        )
        db.session.commit()
    assert client.get(LINK).json["linked"] is False
    assert people.client_of(people.sign_in()).get("/api/v1/me").json["id"] != account["id"]


@pytest.mark.parametrize(
    "proposal", [None, "", "x", 7, ["ada"], "\u202eadmin\u0000", "a" * 500, "../../etc", "\uff21\uff24\uff21@x", "日本"]
)
def test_username_is_always_valid(people, proposal):
    people.person(preferred_username=proposal)
    username = people.client_of(people.sign_in()).get("/api/v1/me").json["username"]
    assert 3 <= len(username) <= 64
    assert set(username) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


@pytest.mark.parametrize("name", [None, 7, "", "\u0000", "x" * 500, "a\nb"])
def test_name_is_valid_or_absent(people, name):
    people.person(name=name)
    found = people.client_of(people.sign_in()).get("/api/v1/me").json["name"]
    assert found == ("x" * 100 if name == "x" * 500 else None)


def test_new_account_has_no_password(people):
    people.person()
    client = people.client_of(people.sign_in())
    username = client.get("/api/v1/me").json["username"]
    for password in ("", "." * 53, PASSWORD):
        response = people.app.test_client().post(LOGIN, json={"username": username, "password": password or "x"})
        assert response.json["code"] == "invalid_credentials"
    assert client.post("/api/v1/auth/verify-password", json={"password": "x"}).status_code == 401
    assert client.get(LINK).json["has_password"] is False


def test_parallel_first_sign_ins_create_one_account(people):
    people.person(preferred_username=f"grace-{secrets.token_hex(4)}")
    codes = [Browser(people.app).code() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        responses = list(threads.map(lambda code: people.app.test_client().post(EXCHANGE, json=code), codes))
    assert {response.status_code for response in responses} <= {200, 409}
    again = [
        people.app.test_client().post(EXCHANGE, json=code)
        for code, response in zip(codes, responses, strict=True)
        if response.status_code == 409
    ]
    done = [response for response in [*responses, *again] if response.status_code == 200]
    assert len(done) == 4
    assert len({people.client_of(response).get("/api/v1/me").json["id"] for response in done}) == 1


def test_deactivated_user_is_refused(people):
    people.person()
    client = people.client_of(people.sign_in())
    user_id = client.get("/api/v1/me").json["id"]
    with people.app.app_context():
        change_active(lock_account(UUID(user_id)), active=False)
        db.session.commit()
    response = people.sign_in()
    assert (response.status_code, response.json["code"]) == (403, "account_inactive")
    with people.app.app_context():
        found = sa.select(AuditEntry.details).where(AuditEntry.event == "sign_in_failed")
        assert {"by": "openid"} in db.session.scalars(found.order_by(AuditEntry.at.desc()).limit(3)).all()


@pytest.mark.parametrize(
    ("reauthenticate", "auth_time", "fresh"),
    [
        ("false", "now", False),
        ("true", "now", True),
        ("true", "old", False),
        ("true", None, False),
        ("true", "x", False),
    ],
)
def test_token_is_fresh_only_after_a_new_authentication(people, reauthenticate, auth_time, fresh):
    people.person()
    times = {"now": int(time.time()), "old": int(time.time()) - 3600}
    people.provider.set(claims={"auth_time": times.get(auth_time, auth_time)})
    client = people.client_of(people.sign_in(reauthenticate=reauthenticate))
    assert client.delete("/api/v1/me").status_code == (204 if fresh else 401)


def test_role_of_the_claim_is_set_at_each_sign_in(openid_app, provider, new_user):
    new_user("admin")  # so that the other one is not the last
    people = with_settings(openid_app, provider, OPENID_CREATE_ACCOUNTS=True, **ROLES)
    person = people.person(groups=["bosses", "unknown"])
    first = people.client_of(people.sign_in())
    assert first.get("/api/v1/me").json["roles"] == ["admin"]
    assert people.events(first) == ["sign_in", "identity_linked", "created"]
    people.person(**{**person, "groups": "http://x/a=b"})
    second = people.client_of(people.sign_in())
    assert second.get("/api/v1/me").json["roles"] == ["viewer"]
    assert first.get("/api/v1/me").json["code"] == "token_revoked"
    assert "roles_changed" in people.events(second)


def test_last_administrator_keeps_the_role_and_is_not_signed_in(openid_app, provider, new_database):
    app = openid_app(DATABASE_URL=new_database(), OPENID_CREATE_ACCOUNTS=True, **ROLES)
    with app.app_context():
        upgrade(revision="heads")
    people = People(app, provider)
    person = people.person(groups=["bosses"])
    admin = people.client_of(people.sign_in())
    people.person(**{**person, "groups": []})
    assert people.sign_in().json["code"] == "last_admin"
    assert admin.get("/api/v1/me").json["roles"] == ["admin"]


@pytest.mark.parametrize("groups", [None, [], ["unknown"], "unknown", 7, {"bosses": 1}, [["bosses"]], "bosses=admin"])
def test_claim_without_a_role_is_a_viewer(openid_app, provider, groups):
    people = with_settings(openid_app, provider, OPENID_CREATE_ACCOUNTS=True, **ROLES)
    people.person(groups=groups)
    assert people.client_of(people.sign_in()).get("/api/v1/me").json["roles"] == ["viewer"]


def test_claim_may_be_inside_of_others(openid_app, provider):
    settings = {"OPENID_ROLES_CLAIM": "realm_access.roles", "OPENID_ROLES": "boss=admin"}
    people = with_settings(openid_app, provider, OPENID_CREATE_ACCOUNTS=True, **settings)
    people.person(realm_access={"roles": ["boss"]})
    assert people.client_of(people.sign_in()).get("/api/v1/me").json["roles"] == ["admin"]


def test_roles_stay_without_a_claim_in_the_settings(people):
    people.person(roles=["admin"], groups=["bosses"])
    client = people.client_of(people.sign_in())
    with people.app.app_context():
        change_roles(lock_account(UUID(client.get("/api/v1/me").json["id"])), ["viewer"])
        db.session.commit()
    assert people.client_of(people.sign_in()).get("/api/v1/me").json["roles"] == ["viewer"]


def test_claim_needs_roles_in_the_settings(openid_app):
    with pytest.raises(SettingsError, match="TASKAPI_OPENID_ROLES: "):
        openid_app(OPENID_ROLES_CLAIM="groups")


@pytest.mark.parametrize("roles", ["bosses=owner", "bosses", "=admin", "bosses=admin,"])
def test_malformed_roles_are_refused(openid_app, roles):
    with pytest.raises(SettingsError, match="TASKAPI_OPENID_ROLES: "):
        openid_app(OPENID_ROLES_CLAIM="groups", OPENID_ROLES=roles)


def test_linked_account_signs_in_with_the_provider(people, new_user):
    local = people.local(new_user, "viewer")
    people.person()
    assert local.get(LINK).json == UNLINKED
    linked = people.link(local).json
    assert (linked["linked"], linked["last_used_at"]) == (True, None)
    by_provider = people.client_of(people.sign_in())
    assert by_provider.get("/api/v1/me").json == local.get("/api/v1/me").json
    assert by_provider.get(LINK).json["last_used_at"] is not None
    assert people.events(local)[:2] == ["sign_in", "identity_linked"]


def test_link_needs_a_fresh_token(people, new_user):
    username = new_user()
    client = people.app.test_client()
    grant = client.post(LOGIN, json={"username": username, "password": PASSWORD}).json
    refreshed = people.client_of(client.post("/api/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]}))
    people.person()
    for method in (refreshed.post, refreshed.delete):
        assert method(LINK, json=Browser(people.app).code()).json["code"] == "fresh_token_required"


def test_stolen_code_links_nothing_without_its_verifier(people, new_user):
    local = people.local(new_user)
    people.person()
    code = Browser(people.app).code()
    assert local.post(LINK, json={**code, "verifier": "x" * 43}).json["code"] == "openid_code_invalid"
    assert local.get(LINK).json["linked"] is False


def test_person_and_account_have_one_link_each(people, new_user):
    first, second = people.local(new_user), people.local(new_user)
    person = people.person()
    people.link(first)
    assert second.post(LINK, json=Browser(people.app).code()).json["code"] == "openid_linked"
    people.person()
    assert first.post(LINK, json=Browser(people.app).code()).json["code"] == "openid_linked"
    people.person(**person)
    found = people.client_of(people.sign_in()).get("/api/v1/me").json["id"]
    assert found == first.get("/api/v1/me").json["id"]


def test_unlinked_account_signs_in_with_its_password_only(people, new_user):
    local = people.local(new_user)
    people.person()
    people.link(local)
    assert [local.delete(LINK).status_code for _ in range(2)] == [204, 204]
    assert local.get(LINK).json == UNLINKED
    assert people.events(local)[0] == "identity_unlinked"
    found = people.client_of(people.sign_in()).get("/api/v1/me").json["id"]
    assert found != local.get("/api/v1/me").json["id"]


def test_account_without_password_keeps_its_link(people):
    people.person()
    client = people.client_of(people.sign_in(reauthenticate="true"))
    response = client.delete(LINK)
    assert (response.status_code, response.json["code"]) == (409, "password_not_set")
    assert client.get(LINK).json["linked"] is True


def test_link_that_is_removed_during_a_sign_in_signs_nobody_in(people, new_user, monkeypatch):
    local = people.local(new_user)
    people.person()
    people.link(local)
    lock = accounts_service.lock_account

    def lock_after_unlinking(user_id):
        found = lock(user_id)
        removal = sa.delete(OpenidIdentity).where(OpenidIdentity.user_id == user_id)
        db.session.execute(removal, execution_options={"synchronize_session": False})
        return found

    monkeypatch.setattr(accounts_service, "lock_account", lock_after_unlinking)
    response = people.sign_in()
    assert (response.status_code, response.json["code"]) == (401, "openid_code_invalid")


def test_link_of_another_user_is_not_shown_or_removed(people, new_user):
    first, second = people.local(new_user), people.local(new_user)
    people.person()
    people.link(first)
    assert second.get(LINK).json["linked"] is False
    assert second.delete(LINK).status_code == 204
    assert first.get(LINK).json["linked"] is True


def test_deleted_account_leaves_no_link(people):
    person = people.person()
    client = people.client_of(people.sign_in(reauthenticate="true"))
    assert client.delete("/api/v1/me").status_code == 204
    with people.app.app_context():
        rows = sa.select(OpenidIdentity).where(OpenidIdentity.subject == person["sub"])
        assert db.session.scalars(rows).first() is None


def test_provider_is_off_by_default(client, signed_in):
    code = {"code": "x" * 43, "verifier": "x" * 43}
    user = signed_in()
    responses = [client.post(EXCHANGE, json=code), user.get(LINK), user.post(LINK, json=code), user.delete(LINK)]
    assert [response.json["code"] for response in responses] == ["openid_off"] * 4


@pytest.mark.usefixtures("stopped_clock")
def test_exchanges_are_limited_by_address(openid_app):
    client = openid_app(RATELIMIT_ENABLED=True).test_client()
    code = {"code": "x" * 43, "verifier": "x" * 43}
    statuses = [client.post(EXCHANGE, json=code).status_code for _ in range(301)]
    assert statuses == [401] * 300 + [429]


def test_new_accounts_are_limited(openid_app, provider):
    limits = {"RATELIMIT_ENABLED": True, "RATELIMIT_REGISTER_ALL": "1/day"}
    people = with_settings(openid_app, provider, OPENID_CREATE_ACCOUNTS=True, **limits)
    found = []
    for _ in range(2):
        people.person()
        found.append(people.sign_in().status_code)
    assert found == [200, 429]


@needs("second_factor")
def test_role_of_the_provider_that_requires_a_factor(openid_app, provider, new_user):
    """An account without a password sets the factor up after it has entered credentials at the provider again."""
    from tests.extensions.second_factor.people import FACTOR, KEY, SECOND  # noqa: PLC0415

    settings = {"SECOND_FACTOR_KEYS": KEY, "SECOND_FACTOR_ROLES": "admin", "OPENID_CREATE_ACCOUNTS": True}
    people = with_settings(openid_app, provider, **settings, **ROLES)
    people.person(groups=["bosses"], amr=["mfa", "otp", "hwk"], acr="urn:mace:incommon:iap:gold")
    new_user("admin")
    client = people.client_of(people.sign_in())
    assert client.get("/api/v1/tasks").json["code"] == "second_factor_setup_required"
    assert client.post(FACTOR, json={}).json["code"] == "fresh_token_required"
    people.provider.set(claims={"auth_time": int(time.time())})
    client = people.client_of(people.sign_in(reauthenticate="true"))
    totp = TOTP(client.post(FACTOR, json={}).json["secret"])
    enabled = client.post(f"{FACTOR}/confirm", json={"code": totp.now()})
    assert people.client_of(enabled).get("/api/v1/tasks").status_code == 200
    challenge = people.sign_in(reauthenticate="true").json["challenge"]
    body = {"challenge": challenge, "code": enabled.json["recovery_codes"][0]}
    signed_in = people.app.test_client().post(SECOND, json=body)
    claims = decode_token(signed_in.json["access_token"])[1]
    assert (claims["amr"], claims["fresh"], claims["roles"]) == (["fed", "otp"], True, ["admin"])
    assert people.client_of(signed_in).delete("/api/v1/me").status_code == 204


def test_check_of_an_extension_can_reject_the_sign_in(people, monkeypatch):
    """A second factor of this service is asked for after the provider, too."""
    people.person()
    people.sign_in()
    seen = []

    def check(_user, *methods):
        seen.append(methods)
        problem("permission_denied")

    monkeypatch.setattr(auth_service, "SIGN_IN_CHECKS", [check])
    monkeypatch.setattr(people.app, "test_client_class", FlaskClient)  # the error is not one of the document
    client = people.app.test_client()
    response = client.post(EXCHANGE, json={**Browser(people.app).code(), "cookies": True})
    assert (response.status_code, response.json["code"]) == (403, "permission_denied")
    assert "Set-Cookie" not in response.headers
    assert seen == [(["fed"], False)]
