"""The denylist: the next request with a revoked token is refused, in every process."""

import json
import urllib.error
import urllib.request
from datetime import timedelta
from uuid import UUID

import pytest
import servers
import sqlalchemy as sa
import time_machine
from conftest import PASSWORD
from flask_jwt_extended import decode_token
from flask_migrate import upgrade
from surface import needs

from taskapi.database import db, now
from taskapi.security.tokens import prune_denylist, revoke_tokens
from taskapi.users.models import User, create_user
from tests.forging import SECRET

pytestmark = pytest.mark.slow

ME, LOGOUT = "/api/v1/me", "/api/v1/auth/logout"


@pytest.fixture
def revoke(app):
    """Add an entry to the denylist."""

    def put(how, *what):
        with app.app_context():
            how(*what)
            db.session.commit()

    return put


@pytest.fixture
def user(app, signed_in):
    """A signed-in user and the claims of their token."""
    client = signed_in()
    with app.app_context():
        client.claims = decode_token(client.token)
    client.id = UUID(client.claims["sub"])
    return client


def test_token_is_revoked_by_its_jti(user, revoke):
    revoke(revoke_tokens, user.id, user.claims["jti"])
    assert user.get(ME).json["code"] == "token_revoked"


def test_token_is_revoked_by_its_session(user, revoke):
    revoke(revoke_tokens, user.id, user.claims["sid"])
    assert user.get(ME).json["code"] == "token_revoked"


def test_entry_of_another_user_revokes_nothing(user, other, revoke):
    revoke(revoke_tokens, UUID(other.get(ME).json["id"]), user.claims["sid"])
    assert user.get(ME).status_code == 200


def test_token_of_a_lower_epoch_than_its_user_is_revoked(user, app):
    def grow(by):
        with app.app_context():
            db.session.execute(sa.update(User).where(User.id == user.id).values(epoch=User.epoch + by))
            db.session.commit()

    grow(0)
    assert user.get(ME).status_code == 200
    grow(1)
    assert user.get(ME).json["code"] == "token_revoked"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", ME, None),
        ("PATCH", ME, {"name": "Ada"}),
        ("GET", "/api/v1/tasks", None),
        ("POST", "/api/v1/tasks", {"title": "Task"}),
        ("POST", "/api/v1/projects", {"name": "Garden"}),
        pytest.param("GET", "/api/v1/changes", None, marks=needs("changes")),
        ("GET", "/api/v1/auth/sessions", None),
        ("POST", "/api/v1/auth/verify-password", {"password": PASSWORD}),
        ("POST", LOGOUT, None),
    ],
)
def test_token_of_a_user_who_does_not_exist_is_revoked(user, app, method, path, body):
    with app.app_context():
        db.session.execute(sa.delete(User).where(User.id == user.id))
        db.session.commit()
    response = user.open(path, method=method, json=body)
    assert (response.status_code, response.json["code"]) == (401, "token_revoked")


def test_invalidate_all_revokes_every_token_and_ends_every_session(make_app, new_database):
    app = make_app(DATABASE_URL=new_database())
    with app.app_context():
        upgrade(revision="heads")
        for name in ("ada", "bob"):
            create_user(name, PASSWORD)
        db.session.commit()

    def sign_in(name):
        return app.test_client().post("/api/v1/auth/login", json={"username": name, "password": PASSWORD}).json

    def me(tokens):
        return app.test_client().get(ME, headers={"Authorization": f"Bearer {tokens['access_token']}"})

    for _ in range(2):
        before = [sign_in("ada"), sign_in("bob")]
        assert [me(tokens).status_code for tokens in before] == [200, 200]
        result = app.test_cli_runner().invoke(args=["tokens", "invalidate-all"])
        assert result.exit_code == 0, result.output
        for tokens in before:
            assert me(tokens).json["code"] == "token_revoked"
            refreshed = app.test_client().post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
            assert refreshed.json["code"] == "invalid_refresh_token"
        assert me(sign_in("ada")).status_code == 200  # in the same second


def test_entry_outlives_every_token_it_is_for_and_is_then_pruned(user, revoke, app):
    revoke(revoke_tokens, user.id, user.claims["jti"])
    for seconds, code in ((904, "token_revoked"), (906, "token_expired")):
        with time_machine.travel(user.claims["iat"] + seconds, tick=False):
            assert user.get(ME).json["code"] == code
    with time_machine.travel(now() + timedelta(hours=1)), app.app_context():
        assert prune_denylist() >= 1
        db.session.commit()
        assert prune_denylist() == 0


def test_revocation_that_is_rolled_back_revokes_nothing(user, app):
    with app.app_context():
        revoke_tokens(user.id, user.claims["sid"])
        db.session.rollback()
    assert user.get(ME).status_code == 200


def test_request_is_503_when_the_denylist_cannot_be_read(make_app, new_database, token):
    client = make_app(JWT_SECRET_KEY=SECRET, DATABASE_URL=new_database()).test_client()  # which has no tables
    response = client.get(ME, headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0


def test_every_lookup_result_is_a_metric_from_the_start(client):
    text = client.get("/metrics").text
    for result in ("good", "revoked", "unavailable"):
        assert f'taskapi_denylist_lookups_total{{result="{result}"}}' in text


def test_revocation_applies_to_every_worker(database_url, new_user, tmp_path):
    settings = {
        "TASKAPI_DATABASE_URL": database_url,
        "TASKAPI_BCRYPT_ROUNDS": "4",
        "TASKAPI_RATELIMIT_ENABLED": "false",
        "TASKAPI_INSTANCE_PATH": str(tmp_path),
    }
    with servers.serving(settings, tmp_path) as address:
        token = post(address, "/api/v1/auth/login", {"username": new_user(), "password": PASSWORD})["access_token"]
        assert {status(address + ME, token) for _ in range(20)} == {200}
        assert post(address, LOGOUT, None, token) is None
        assert {status(address + ME, token) for _ in range(20)} == {401}


def status(url, token):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def post(address, path, body, token=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body else b""
    with urllib.request.urlopen(urllib.request.Request(address + path, data, headers, method="POST")) as response:
        text = response.read()
    return json.loads(text) if text else None
