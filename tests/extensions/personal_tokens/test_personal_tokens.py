"""/me/tokens: create, list, use and delete personal tokens."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zlib import crc32

import pytest
import sqlalchemy as sa
import time_machine
from conftest import PASSWORD, close
from flask_migrate import upgrade

from taskapi.database import READER, db, now
from taskapi.extensions.personal_tokens.models import PersonalToken
from taskapi.security.rbac import Permission
from taskapi.users.models import create_user
from taskapi.users.service import change_active, change_roles, lock_account
from tests.extensions.personal_tokens.token_client import TOKENS, bearing, create

ME, TASKS = "/api/v1/me", "/api/v1/tasks"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
EVENTS = {"token_created", "token_deleted"}


def code(response):
    return response.status_code, response.json["code"]


def row_of(app, token):
    with app.app_context():
        return db.session.get(PersonalToken, UUID(token["id"]))


def change(app, token, **values):
    """Change the row of a token in the database."""
    with app.app_context():
        db.session.execute(sa.update(PersonalToken).where(PersonalToken.id == UUID(token["id"])).values(values))
        db.session.commit()


def change_user(app, client, function, *values):
    """Change an account as an administrator does."""
    with app.app_context():
        function(lock_account(UUID(client.get(ME).json["id"])), *values)
        db.session.commit()


# Create


def test_created_token_is_shown_once(owner):
    token = create(owner, ["task:write", "task:read"], name=" Backup ")
    assert token["name"] == "Backup"
    assert token["permissions"] == ["task:read", "task:write"]
    assert (token["hint"], token["last_used_at"]) == (token["token"][:8], None)
    [listed] = owner.get(TOKENS).json["items"]
    assert listed == {name: value for name, value in token.items() if name != "token"}


def test_token_has_256_random_bits_and_a_checksum(owner):
    secrets = {create(owner)["token"] for _ in range(5)}
    assert len(secrets) == 5
    for secret in secrets:
        prefix, random_part, checksum = secret[:4], secret[4:47], secret[47:]
        assert (prefix, len(random_part), len(checksum)) == ("tka_", 43, 6)
        value = lambda text: sum(DIGITS.index(digit) * 62**i for i, digit in enumerate(reversed(text)))  # noqa: E731
        assert value(random_part) < 2**256
        assert value(checksum) == crc32(random_part.encode())


def test_database_has_the_digest_of_a_token_only(app, owner):
    token = create(owner)["token"]
    with app.app_context():
        rows = db.session.execute(sa.select(*PersonalToken.__table__.c)).all()
    assert rows
    assert token[8:] not in repr(rows)
    assert token not in owner.get(f"{ME}/activity").text + owner.get(TOKENS).text


@pytest.mark.parametrize(("fields", "days"), [({}, 30), ({"expires_in_days": 1}, 1), ({"expires_in_days": 366}, 366)])
def test_expiry_in_days(owner, fields, days):
    token = create(owner, **fields)
    created, expires = (datetime.fromisoformat(token[name]) for name in ("created_at", "expires_at"))
    assert expires - created == timedelta(days=days)


def test_expiry_as_an_instant(owner):
    instant = (now() + timedelta(hours=1)).replace(microsecond=0)
    assert create(owner, expires_at=instant.isoformat())["expires_at"] == f"{instant:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 367}, "expires_in_days"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "9999-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": None}, "expires_at"),
        ({"expires_at": "2030-01-01T00:00:00Z", "expires_in_days": 5}, "expires_at"),
        ({"name": ""}, "name"),
        ({"name": "a" * 101}, "name"),
        ({"permissions": []}, "permissions"),
        ({"permissions": ["task:everything"]}, "permissions"),
        ({"permissions": ["account:write"]}, "permissions"),
        ({"permissions": ["user:manage"]}, "permissions"),
        ({"permissions": ["task:read"] * (len(Permission) + 1)}, "permissions"),
        ({"fresh": True}, "fresh"),
        ({"user_id": "01980a5c-3f00-7a10-8c4e-5d1f0a2b3c01"}, "user_id"),
    ],
)
def test_invalid_token_is_refused(signed_in, fields, field):
    admin = signed_in("admin")
    response = admin.post(TOKENS, json={"name": "Script", "permissions": ["task:read"], **fields})
    assert (response.status_code, [*response.json["errors"]["json"]]) == (422, [field])
    assert admin.get(TOKENS).json["items"] == []


def test_token_cannot_have_more_permissions_than_its_user(signed_in):
    response = signed_in("viewer").post(TOKENS, json={"name": "Script", "permissions": ["task:read", "task:write"]})
    assert response.status_code == 422
    assert response.json["errors"]["json"] == {"permissions": ["Your role does not grant task:write."]}
    assert create(signed_in("admin"), ["user:read", "audit:read"])["permissions"] == ["user:read", "audit:read"]


def test_tokens_of_a_user_are_limited(make_app, owner):
    app = make_app(MAX_PERSONAL_TOKENS=3)

    def post(_):
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client.post(TOKENS, json={"name": "Script", "permissions": ["task:read"]}).status_code

    token = app.test_client().post("/api/v1/auth/login", json={"username": owner.username, "password": PASSWORD})
    token = token.json["access_token"]
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(post, range(8))) == [201] * 3 + [409] * 5
    assert len(owner.get(TOKENS).json["items"]) == 3


def test_expired_token_is_listed_for_30_days(app, owner):
    token = create(owner)
    for days, number in ((29, 2), (31, 2)):
        change(app, token, expires_at=now() - timedelta(days=days))
        create(owner)
        assert len(owner.get(TOKENS).json["items"]) == number
    assert token["id"] not in owner.get(TOKENS).text


@pytest.mark.usefixtures("stopped_clock")
def test_creation_has_a_rate_limit(make_app, new_user):
    app = make_app(RATELIMIT_ENABLED=True, MAX_PERSONAL_TOKENS=1000)
    body = {"name": "Script", "permissions": ["task:read"]}
    response = app.test_client().post("/api/v1/auth/login", json={"username": new_user(), "password": PASSWORD})
    client = bearing(app, response.json["access_token"])
    codes = [client.post(TOKENS, json=body).status_code for _ in range(61)]
    assert codes == [201] * 60 + [429]


# Use


def test_token_works_as_a_bearer_token(app, owner):
    script = bearing(app, create(owner, ["task:read", "task:write"])["token"])
    created = script.post(TASKS, json={"title": "Water the plants"})
    assert created.status_code == 201
    assert owner.get(created.headers["Location"]).json == script.get(created.headers["Location"]).json
    header = {"Authorization": f"bEARER {create(owner)['token']}"}
    assert app.test_client().get(TASKS, headers=header).status_code == 200


def test_token_works_from_another_origin(make_app, owner):
    token = create(owner)["token"]
    client = make_app(CORS_ORIGINS="https://front.example").test_client()
    headers = {"Origin": "https://front.example", "Authorization": f"Bearer {token}"}
    response = client.get(TASKS, headers=headers)
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, "https://front.example")


@pytest.mark.parametrize("name", ["access_token", "refresh_token", "__Host-access_token", "token"])
def test_token_in_a_cookie_is_refused(app, owner, name):
    client = app.test_client()
    client.set_cookie(name, create(owner)["token"])
    assert client.get(TASKS).status_code == 401


@pytest.mark.parametrize("place", ["access_token", "token"])
def test_token_in_the_query_is_refused(app, owner, place):
    response = app.test_client().get(TASKS, query_string={place: create(owner)["token"]})
    assert code(response) == (401, "token_missing")


def test_token_lacks_permissions_that_it_was_not_given(app, owner):
    script = bearing(app, create(owner)["token"])
    response = script.post(TASKS, json={"title": "Water the plants"})
    assert code(response) == (403, "permission_denied")
    assert response.json["permission"] == "task:write"
    assert response.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'
    assert "access_refused" in {entry["event"] for entry in owner.get(f"{ME}/activity").json["items"]}


def test_lost_role_narrows_a_token_immediately(app, owner):
    script = bearing(app, create(owner, ["task:read", "task:write"])["token"])
    change_user(app, owner, change_roles, ["viewer"])
    assert code(script.post(TASKS, json={"title": "Water the plants"})) == (403, "permission_denied")
    assert script.get(TASKS).status_code == 200


def test_gained_role_does_not_widen_a_token(app, owner):
    script = bearing(app, create(owner, ["task:read"])["token"])
    change_user(app, owner, change_roles, ["admin"])
    assert script.get(TASKS).status_code == 200
    assert script.post(TASKS, json={"title": "Water the plants"}).status_code == 403


def test_use_is_stored_once_a_minute(app, owner):
    token = create(owner)
    script = bearing(app, token["token"])
    with app.app_context():
        engine = db.engines[READER]
    updates = []
    note = lambda *event: "UPDATE personal_tokens" in event[2] and updates.append(event[2])  # noqa: E731
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        for _ in range(5):
            assert script.get(TASKS).status_code == 200
        assert len(updates) == 1
        used = row_of(app, token).last_used_at
        assert now() - used < timedelta(minutes=1)
        change(app, token, last_used_at=used - timedelta(seconds=61))
        updates.clear()
        assert script.get(TASKS).status_code == 200
        assert len(updates) == 1
        assert row_of(app, token).last_used_at >= used
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    assert owner.get(TOKENS).json["items"][0]["last_used_at"] is not None


def test_request_does_not_wait_until_its_use_can_be_stored(app, owner):
    token = create(owner)
    script = bearing(app, token["token"])
    with app.app_context(), db.engine.connect() as writer:
        writer.execute(sa.update(PersonalToken).where(PersonalToken.id == UUID(token["id"])).values(name="Locked"))
        started = time.monotonic()
        assert script.get(TASKS).status_code == 200
        assert time.monotonic() - started < 2  # a writer waits for 5 s
        writer.rollback()
    assert row_of(app, token).last_used_at is None
    assert script.get(TASKS).status_code == 200
    assert row_of(app, token).last_used_at is not None


def test_one_statement_authenticates_a_request(app, owner):
    script = bearing(app, create(owner)["token"])
    assert script.get(TASKS).status_code == 200  # stores the use
    with app.app_context():
        engine = db.engines[READER]
    statements = []
    note = lambda *event: statements.append(event[2])  # noqa: E731
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        assert script.get(TASKS).status_code == 200
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    assert [sql for sql in statements if "users" in sql or "denylist" in sql] == [
        sql for sql in statements if "personal_tokens" in sql
    ]
    assert len([sql for sql in statements if "personal_tokens" in sql]) == 1


@pytest.mark.usefixtures("stopped_clock")
def test_requests_count_towards_the_limit_of_the_user(make_app, new_user):
    app = make_app(RATELIMIT_ENABLED=True, RATELIMIT_USER="4/day")
    response = app.test_client().post("/api/v1/auth/login", json={"username": new_user(), "password": PASSWORD})
    session = bearing(app, response.json["access_token"])
    script = bearing(app, create(session)["token"])
    assert script.get(TASKS).status_code == 200
    assert script.post(TASKS, json={}).status_code == 403
    assert session.get(TASKS).status_code == 200
    assert [script.get(TASKS).status_code, session.get(TASKS).status_code, script.post(TASKS).status_code] == [429] * 3


# Delete and revoke


def test_deleted_token_is_refused_in_every_worker(app, make_app, owner):
    token = create(owner)
    scripts = [bearing(each, token["token"]) for each in (app, make_app())]
    assert [script.get(TASKS).status_code for script in scripts] == [200, 200]
    assert owner.delete(f"{TOKENS}/{token['id']}").status_code == 204
    for script in scripts:
        response = script.get(TASKS)
        assert code(response) == (401, "token_revoked")
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert owner.delete(f"{TOKENS}/{token['id']}").status_code == 404


def test_all_tokens_are_deleted_at_once(app, owner, other):
    mine, theirs = [create(owner) for _ in range(2)], create(other)
    assert owner.delete(TOKENS).status_code == 204
    assert owner.get(TOKENS).json == {"items": [], "next_cursor": None}
    assert [bearing(app, token["token"]).get(TASKS).status_code for token in (*mine, theirs)] == [401, 401, 200]


def test_expired_token_is_refused(app, owner):
    token = create(owner, expires_in_days=1)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=23)):
        assert bearing(app, token["token"]).get(TASKS).status_code == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=25)):
        assert code(bearing(app, token["token"]).get(TASKS)) == (401, "token_expired")


def test_tokens_of_an_inactive_user_are_suspended(app, owner):
    script = bearing(app, create(owner)["token"])
    user_id = UUID(owner.get(ME).json["id"])
    for active, status in ((False, 401), (True, 200)):
        with app.app_context():
            change_active(lock_account(user_id), active)
            db.session.commit()
        assert script.get(TASKS).status_code == status


def test_tokens_outlive_sign_out_and_a_password_change(app, owner):
    script = bearing(app, create(owner)["token"])
    body = {"current_password": PASSWORD, "new_password": "analytical engine no 9"}
    tokens = owner.put(f"{ME}/password", json=body).json
    assert script.get(TASKS).status_code == 200
    session = bearing(app, tokens["access_token"])
    assert session.delete("/api/v1/auth/sessions?include_current=true").status_code == 204
    assert script.get(TASKS).status_code == 200


def test_tokens_of_a_deleted_account_are_refused(app, owner):
    script = bearing(app, create(owner)["token"])
    assert owner.delete(ME).status_code == 204
    assert code(script.get(TASKS)) == (401, "token_revoked")


def test_invalidate_all_revokes_personal_tokens(make_app, new_database):
    app = make_app(DATABASE_URL=new_database())
    with app.app_context():
        upgrade(revision="heads")
        user_id = create_user("ada", PASSWORD).id
        db.session.commit()
    credentials = {"username": "ada", "password": PASSWORD}
    for _ in range(2):
        session = bearing(app, app.test_client().post("/api/v1/auth/login", json=credentials).json["access_token"])
        script = bearing(app, create(session)["token"])
        for roles in (["viewer"], ["editor"]):
            with app.app_context():
                change_roles(lock_account(user_id), roles)
                db.session.commit()
            assert script.get(TASKS).status_code == 200
        assert app.test_cli_runner().invoke(args=["tokens", "invalidate-all"]).exit_code == 0
        assert code(script.get(TASKS)) == (401, "token_revoked")


@pytest.mark.one_database
def test_restore_of_a_backup_revokes_personal_tokens(make_app, tmp_path):
    app = make_app(DATABASE_URL=None, INSTANCE_PATH=str(tmp_path / "instance"))

    def run(*words):
        result = app.test_cli_runner().invoke(args=[*words])
        assert result.exit_code == 0, result.output

    credentials = {"username": "ada", "password": PASSWORD}
    assert app.test_client().post("/api/v1/auth/register", json=credentials).status_code == 201
    session = bearing(app, app.test_client().post("/api/v1/auth/login", json=credentials).json["access_token"])
    token = create(session)
    run("backup", str(tmp_path / "backup.db"))
    assert session.delete(f"{TOKENS}/{token['id']}").status_code == 204
    close(app)
    run("restore", str(tmp_path / "backup.db"))
    assert code(bearing(app, token["token"]).get(TASKS)) == (401, "token_revoked")


def test_creation_and_deletion_are_recorded(owner):
    token = create(owner, name="Private name")
    owner.delete(f"{TOKENS}/{token['id']}")
    entries = [entry for entry in owner.get(f"{ME}/activity").json["items"] if entry["event"] in EVENTS]
    assert [entry["event"] for entry in entries] == ["token_deleted", "token_created"]
    assert {entry["details"]["token_id"] for entry in entries} == {token["id"]}
    assert entries[1]["details"]["permissions"] == ["task:read"]
    assert "Private name" not in str(entries)
