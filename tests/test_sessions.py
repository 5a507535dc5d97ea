"""Sessions and refresh tokens."""

import base64
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine
from conftest import PASSWORD

from taskapi.audit.models import AuditEntry
from taskapi.auth import routes
from taskapi.auth.models import RefreshToken, Session
from taskapi.database import db, now
from taskapi.security import passwords
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.users.models import User

REFRESH = "/api/v1/auth/refresh"
ME = "/api/v1/me"
CHANGE = {"current_password": PASSWORD, "new_password": "another long and odd sentence"}


@pytest.fixture
def login(app, new_user):
    """Sign a user in on a device, and return the response."""
    username = new_user()

    def sign_in(**headers):
        credentials = {"username": username, "password": sign_in.password}
        answer = app.test_client().post("/api/v1/auth/login", json=credentials, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json

    sign_in.username, sign_in.password = username, PASSWORD
    return sign_in


@pytest.fixture
def refresh(client):
    """Use a refresh token, optionally from an address and with a user agent."""

    def use(token, address="127.0.0.1", agent="Browser"):
        headers = {"User-Agent": agent} if agent else {}
        return client.post(
            REFRESH, json={"refresh_token": token}, headers=headers, environ_overrides={"REMOTE_ADDR": address}
        )

    return use


def bearer(tokens):
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def claims_of(tokens):
    part = tokens["access_token"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def is_in(client, tokens):
    answer = client.get(ME, headers=bearer(tokens))
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


def assert_refused(answer):
    assert (answer.status_code, answer.json["code"]) == (401, "invalid_refresh_token")


def test_login_returns_tokens_and_their_lifetimes(login):
    tokens = login()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 900
    assert 604790 <= tokens["refresh_expires_in"] <= 604800
    assert len(tokens["refresh_token"]) == 43


def test_refresh_returns_new_tokens_of_the_same_session(login, refresh, client):
    first = login()
    second = refresh(first["refresh_token"]).json
    assert second["session_id"] == first["session_id"]
    assert second["refresh_token"] != first["refresh_token"]
    assert is_in(client, first)
    assert is_in(client, second)


def test_repeated_refresh_in_the_grace_period_has_the_same_result(login, refresh):
    token = login()["refresh_token"]
    lost, repeated = refresh(token).json, refresh(token).json
    assert repeated["refresh_token"] == lost["refresh_token"]
    assert refresh(repeated["refresh_token"]).status_code == 200


def sessions_of(client, tokens):
    return client.get("/api/v1/auth/sessions", headers=bearer(tokens)).json["items"]


def test_repeated_refresh_is_recorded_and_listed(app, login, refresh, client):
    token = login()["refresh_token"]
    tokens = refresh(token, "203.0.113.7", "Phone").json
    (session,) = sessions_of(client, tokens)
    assert (session["repeated_refreshes"], session["last_repeat"]) == (0, None)
    before = now()
    assert refresh(token, "203.0.113.7", "Phone").status_code == 200
    assert refresh(token, "203.0.113.9", "Laptop").status_code == 200
    (session,) = sessions_of(client, tokens)
    assert session["repeated_refreshes"] == 2
    last = session["last_repeat"]
    assert (last["ip"], last["user_agent"]) == ("203.0.113.9", "Laptop")
    assert before <= datetime.fromisoformat(last["at"]) <= now()
    activity = client.get("/api/v1/me/activity", headers=bearer(tokens)).json["items"]
    repeats = [
        (entry["ip"], entry["user_agent"], entry["details"])
        for entry in activity
        if entry["event"] == "refresh_token_repeated"
    ]
    details = {"session_id": tokens["session_id"]}
    assert repeats == [("203.0.113.9", "Laptop", details), ("203.0.113.7", "Phone", details)]


@pytest.mark.parametrize(
    ("place", "theft"),
    [
        (("203.0.113.200", "Browser"), False),
        (("203.0.113.200", "Other"), False),  # the same /24
        (("198.51.100.1", "Browser"), False),
        (("198.51.100.1", None), True),
        (("198.51.100.1", "Other"), True),
        (("::ffff:203.0.113.9", "Other"), False),  # the same /24, as IPv6 writes it
        (("2001:db8::1", "Other"), True),
    ],
)
def test_repeated_refresh_from_another_network_and_agent_is_theft(login, refresh, client, place, theft):
    token = login()["refresh_token"]
    owner = refresh(token, "203.0.113.7", "Browser").json
    answer = refresh(token, *place)
    assert (answer.status_code == 401) == theft
    assert is_in(client, owner) == (not theft)
    assert (refresh(owner["refresh_token"]).status_code == 401) == theft


@pytest.mark.parametrize(("address", "theft"), [("2001:db8:1:2:ffff::9", False), ("2001:db8:1:3::1", True)])
def test_repeated_refresh_from_the_same_ipv6_64_is_no_theft(login, refresh, address, theft):
    token = login()["refresh_token"]
    refresh(token, "2001:db8:1:2::1", "Browser")
    assert (refresh(token, address, "Other").status_code == 401) == theft


@pytest.mark.parametrize("seconds", [9, 10])
def test_grace_period_ends_after_ten_seconds(login, refresh, seconds):
    token, start = login()["refresh_token"], now()
    with time_machine.travel(start, tick=False):
        refresh(token)
    with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
        assert (refresh(token).status_code == 200) == (seconds < 10)


def test_session_ends_when_the_owner_refreshes_after_the_thief(login, refresh, client):
    stolen = login()["refresh_token"]
    thief = refresh(stolen).json
    thief = refresh(thief["refresh_token"]).json
    assert_refused(refresh(stolen))  # the owner sends the token that the thief has spent
    assert not is_in(client, thief)
    assert_refused(refresh(thief["refresh_token"]))


def test_session_ends_when_the_thief_refreshes_after_the_owner(login, refresh, client):
    stolen = login()["refresh_token"]
    owner = refresh(refresh(stolen).json["refresh_token"]).json
    assert_refused(refresh(stolen))
    assert not is_in(client, owner)
    assert_refused(refresh(owner["refresh_token"]))


def test_session_ends_when_a_token_is_replayed_a_day_later(login, refresh):
    stolen = login()["refresh_token"]
    owner = refresh(stolen).json
    with time_machine.travel(now() + timedelta(days=1)):
        owner = refresh(owner["refresh_token"]).json
        assert_refused(refresh(stolen))
        assert_refused(refresh(owner["refresh_token"]))


def test_session_ends_when_a_lost_refresh_is_repeated_after_an_hour(login, refresh):
    token = login()["refresh_token"]
    lost = refresh(token).json
    with time_machine.travel(now() + timedelta(hours=1)):
        assert_refused(refresh(token))
        assert_refused(refresh(lost["refresh_token"]))
    assert login()["refresh_token"]


def test_second_use_is_theft_without_a_grace_period(make_app, login):
    strict = make_app(REFRESH_GRACE_SECONDS=0).test_client()
    credentials = {"username": login.username, "password": PASSWORD}
    token = strict.post("/api/v1/auth/login", json=credentials).json["refresh_token"]
    successor = strict.post(REFRESH, json={"refresh_token": token}).json["refresh_token"]
    assert_refused(strict.post(REFRESH, json={"refresh_token": token}))
    assert_refused(strict.post(REFRESH, json={"refresh_token": successor}))


def test_theft_ends_no_other_session_of_the_user(login, refresh, client):
    other, stolen = login(), login()["refresh_token"]
    refresh(refresh(stolen).json["refresh_token"])
    assert_refused(refresh(stolen))
    assert is_in(client, other)
    assert refresh(other["refresh_token"]).status_code == 200


def test_session_expires_after_a_week_without_use(login, refresh):
    token = login()["refresh_token"]
    with time_machine.travel(now() + timedelta(days=7, seconds=1)):
        assert_refused(refresh(token))


def test_session_expires_after_thirty_days_of_use(login, refresh):
    token, start = login()["refresh_token"], now()
    for day in range(6, 30, 6):
        with time_machine.travel(start + timedelta(days=day)):
            token = refresh(token).json["refresh_token"]
    with time_machine.travel(start + timedelta(days=29, hours=23)):
        last = refresh(token).json
        assert last["refresh_expires_in"] <= 3600
    with time_machine.travel(start + timedelta(days=30, seconds=1)):
        assert_refused(refresh(last["refresh_token"]))


@pytest.mark.parametrize("token", ["x", "A" * 43, "é", "' OR 1=1 --", "a.b.c", "A" * 1024])
def test_unknown_refresh_token_is_refused(refresh, token):
    assert_refused(refresh(token))


def test_access_token_is_refused_as_a_refresh_token(login, refresh):
    assert_refused(refresh(login()["access_token"]))


def test_refresh_token_is_refused_as_an_access_token(client, login):
    answer = client.get(ME, headers={"Authorization": f"Bearer {login()['refresh_token']}"})
    assert (answer.status_code, answer.json["code"]) == (401, "token_malformed")


def test_forty_parallel_refreshes_leave_one_successor(app, login):
    tokens = login()

    def use(_):
        return app.test_client().post(REFRESH, json={"refresh_token": tokens["refresh_token"]})

    with ThreadPoolExecutor(40) as pool:
        responses = list(pool.map(use, range(40)))
    assert {answer.status_code for answer in responses} == {200}
    assert len({answer.json["refresh_token"] for answer in responses}) == 1
    with app.app_context():
        living = sa.select(sa.func.count()).where(
            RefreshToken.spent_at.is_(None), RefreshToken.session_id == UUID(tokens["session_id"])
        )
        assert db.session.scalar(living) == 1


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("POST", "/api/v1/auth/logout", 204),
        ("DELETE", "/api/v1/auth/sessions?include_current=true", 204),
        ("DELETE", "/api/v1/auth/sessions", 200),
    ],
)
def test_session_that_ends_during_a_refresh_stays_ended(app, login, method, url, status):
    for _ in range(10):
        tokens, start = login(), Barrier(2)

        def end(tokens=tokens, start=start):
            start.wait()
            return app.test_client().open(url, method=method, headers=bearer(tokens)).status_code

        def refresh(tokens=tokens, start=start):
            start.wait()
            return app.test_client().post(REFRESH, json={"refresh_token": tokens["refresh_token"]}).status_code

        with ThreadPoolExecutor(2) as pool:
            ended, refreshed = pool.submit(end), pool.submit(refresh)
        assert ended.result() == status
        assert refreshed.result() in {200, 401}
        assert not is_in(app.test_client(), tokens)


def test_logout_ends_the_session_immediately(login, refresh, client):
    tokens, other = login(), login()
    assert client.post("/api/v1/auth/logout", headers=bearer(tokens)).status_code == 204
    answer = client.get(ME, headers=bearer(tokens))
    assert (answer.status_code, answer.json["code"]) == (401, "token_revoked")
    assert answer.json["detail"] == "Token has been revoked."
    assert_refused(refresh(tokens["refresh_token"]))
    assert is_in(client, other)


def test_logout_accepts_a_refresh_token_after_the_access_token_expired(login, client):
    tokens = login()
    with time_machine.travel(now() + timedelta(hours=1)):
        assert client.post("/api/v1/auth/logout", json={"refresh_token": tokens["refresh_token"]}).status_code == 204
    assert not is_in(client, tokens)


def test_logout_without_a_token_is_refused(client):
    assert client.post("/api/v1/auth/logout").json["code"] == "token_missing"
    assert_refused(client.post("/api/v1/auth/logout", json={"refresh_token": "unknown"}))


def test_session_list_shows_address_and_user_agent(login, client):
    phone, laptop = login(**{"User-Agent": "Phone"}), login(**{"User-Agent": "Laptop"})
    items = client.get("/api/v1/auth/sessions", headers=bearer(laptop)).json["items"]
    assert [(item["id"], item["user_agent"], item["current"]) for item in items] == [
        (laptop["session_id"], "Laptop", True),
        (phone["session_id"], "Phone", False),
    ]
    assert items[0].keys() == {
        "id", "created_at", "last_used_at", "expires_at", "ip", "user_agent", "current", "repeated_refreshes",
        "last_repeat",
    }  # fmt: skip


def test_session_list_has_pages(login, client):
    made = [login()["session_id"] for _ in range(4)] + [(last := login())["session_id"]]
    first = client.get("/api/v1/auth/sessions?limit=3", headers=bearer(last))
    rest = client.get(first.headers["Link"].split(">")[0][1:], headers=bearer(last))
    assert [item["id"] for item in first.json["items"] + rest.json["items"]] == made[::-1]


def test_one_session_can_be_ended(login, client):
    phone, laptop = login(), login()
    url = f"/api/v1/auth/sessions/{phone['session_id']}"
    assert client.delete(url, headers=bearer(laptop)).status_code == 204
    assert not is_in(client, phone)
    assert is_in(client, laptop)
    assert client.delete(url, headers=bearer(laptop)).status_code == 404


def test_session_of_another_user_cannot_be_ended(login, signed_in, client):
    tokens = login()
    assert signed_in().delete(f"/api/v1/auth/sessions/{tokens['session_id']}").status_code == 404
    assert is_in(client, tokens)


def test_ending_all_sessions_returns_a_new_one(login, client, refresh):
    phone, tablet, laptop = login(), login(), login()
    answer = client.delete("/api/v1/auth/sessions", headers=bearer(laptop))
    assert (answer.status_code, answer.json.keys()) == (200, laptop.keys())
    assert [is_in(client, tokens) for tokens in (phone, tablet, laptop, answer.json)] == [False, False, False, True]
    assert [item["id"] for item in sessions_of(client, answer.json)] == [answer.json["session_id"]]
    for tokens in (phone, laptop):
        assert_refused(refresh(tokens["refresh_token"]))
    assert refresh(answer.json["refresh_token"]).status_code == 200


def test_replaced_session_is_not_fresher_and_lives_no_longer(login, client, refresh):
    start, first = now(), login()
    with time_machine.travel(start + timedelta(days=6)):
        stale = refresh(first["refresh_token"]).json
        assert claims_of(stale)["fresh"] is False
        begun_at = sessions_of(client, stale)[0]["created_at"]
        tokens = client.delete("/api/v1/auth/sessions", headers=bearer(stale)).json
        assert claims_of(tokens)["fresh"] is False
        assert sessions_of(client, tokens)[0]["created_at"] == begun_at
    for day in range(12, 30, 6):
        with time_machine.travel(start + timedelta(days=day)):
            tokens = refresh(tokens["refresh_token"]).json
    with time_machine.travel(start + timedelta(days=30, seconds=1)):
        assert_refused(refresh(tokens["refresh_token"]))


def test_ending_all_sessions_returns_no_fresh_token(login, client):
    tokens = client.delete("/api/v1/auth/sessions", headers=bearer(login())).json
    answer = client.delete(ME, headers=bearer(tokens))
    assert (answer.status_code, answer.json["code"]) == (401, "fresh_token_required")


def test_spent_token_in_its_grace_period_ends_with_its_session(login, client, refresh):
    """The successor is unused and the grace period has not ended, but the new session replaces both."""
    for end in (
        lambda tokens: client.delete("/api/v1/auth/sessions", headers=bearer(tokens)),
        lambda tokens: client.put(ME + "/password", json=CHANGE, headers=bearer(tokens)),
    ):
        spent = login()["refresh_token"]
        owner = refresh(spent).json
        assert refresh(spent).status_code == 200  # the thief has it too
        assert (answer := end(owner)).status_code == 200
        assert_refused(refresh(spent))
        assert_refused(refresh(owner["refresh_token"]))
        assert refresh(answer.json["refresh_token"]).status_code == 200


@pytest.mark.parametrize(("method", "url"), [("DELETE", "/api/v1/auth/sessions"), ("PUT", "/api/v1/me/password")])
def test_one_session_remains_when_two_end_all_at_once(app, login, method, url):
    for round_ in range(5):
        pair, start = [login(), login()], Barrier(2)
        words = [login.password, f"another long and odd sentence {round_}"]

        def end(tokens, start=start, words=words):
            body = dict(zip(("current_password", "new_password"), words, strict=True)) if method == "PUT" else None
            start.wait()
            return app.test_client().open(url, method=method, headers=bearer(tokens), json=body)

        with ThreadPoolExecutor(2) as pool:
            responses = [*pool.map(end, pair)]
        (won,) = [answer.json for answer in responses if answer.status_code == 200]
        (lost,) = [answer.json for answer in responses if answer.status_code != 200]
        assert lost["code"] in {"token_revoked", "invalid_credentials"}
        if method == "PUT":
            login.password = words[1]
        client = app.test_client()
        assert not any(is_in(client, tokens) for tokens in pair)
        assert [item["id"] for item in sessions_of(client, won)] == [won["session_id"]]


def test_ending_all_sessions_can_include_the_current_one(login, client):
    phone, laptop = login(), login()
    assert client.delete("/api/v1/auth/sessions?include_current=true", headers=bearer(laptop)).status_code == 204
    assert [is_in(client, tokens) for tokens in (phone, laptop)] == [False, False]


def test_refreshed_token_is_not_fresh_until_the_password_is_entered(login, refresh, client):
    tokens = refresh(login()["refresh_token"]).json
    wrong = client.post("/api/v1/auth/verify-password", json={"password": "wrong"}, headers=bearer(tokens))
    assert (wrong.status_code, wrong.json["code"]) == (401, "invalid_credentials")
    answer = client.post("/api/v1/auth/verify-password", json={"password": PASSWORD}, headers=bearer(tokens))
    assert answer.json["session_id"] == tokens["session_id"]
    assert claims_of(tokens)["fresh"] is False
    assert claims_of(answer.json)["fresh"] is True


def test_view_with_fresh_refuses_a_refreshed_token(make_app, login):
    app = make_app()
    app.add_url_rule("/fresh", view_func=requires(Permission.ACCOUNT_READ, fresh=True)(lambda: "done"))
    client = app.test_client()
    credentials = {"username": login.username, "password": PASSWORD}
    tokens = client.post("/api/v1/auth/login", json=credentials).json
    assert client.get("/fresh", headers=bearer(tokens)).text == "done"
    later = client.post(REFRESH, json={"refresh_token": tokens["refresh_token"]}).json
    answer = client.get("/fresh", headers=bearer(later))
    assert (answer.status_code, answer.json["code"]) == (401, "fresh_token_required")
    challenge = 'Bearer error="insufficient_user_authentication", max_age="900"'
    assert answer.headers["WWW-Authenticate"] == challenge
    entered = client.post("/api/v1/auth/verify-password", json={"password": PASSWORD}, headers=bearer(later)).json
    assert client.get("/fresh", headers=bearer(entered)).text == "done"


def test_password_change_ends_all_sessions_and_returns_a_new_one(login, client, refresh):
    phone, laptop = login(), login()
    laptop = refresh(laptop["refresh_token"]).json
    answer = client.put("/api/v1/me/password", json=CHANGE, headers=bearer(laptop))
    assert (answer.status_code, answer.json.keys()) == (200, phone.keys())
    assert [is_in(client, tokens) for tokens in (phone, laptop, answer.json)] == [False, False, True]
    for tokens in (phone, laptop):
        assert_refused(refresh(tokens["refresh_token"]))
    assert claims_of(answer.json)["fresh"] is True
    assert refresh(answer.json["refresh_token"]).status_code == 200
    with pytest.raises(AssertionError, match="invalid_credentials"):
        login()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"current_password": "wrong", "new_password": "another long and odd sentence"}, 401, "invalid_credentials"),
        ({"current_password": PASSWORD, "new_password": "short"}, 422, "validation_failed"),
        ({"current_password": PASSWORD, "new_password": "passwordpassword"}, 422, "validation_failed"),
    ],
)
def test_invalid_password_change_is_refused(login, client, change, status, code):
    answer = client.put("/api/v1/me/password", json=change, headers=bearer(login()))
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert login()


def test_tokens_and_passwords_are_not_stored_in_clear_text(app, login):
    tokens = login()
    secrets = [tokens["refresh_token"], tokens["access_token"], PASSWORD]
    with app.app_context():
        for table in db.metadata.sorted_tables:
            rows = repr(db.session.execute(sa.select(table)).all())
            assert not [secret for secret in secrets if secret in rows], table.name


def test_secrets_are_not_logged_or_shown_in_debug_output(app, client, login, caplog, monkeypatch):
    seen = []
    monkeypatch.setattr(
        routes,
        "tokens_response",
        lambda granted, **_: seen.append(repr(granted)) or client.application.make_response(""),
    )
    with caplog.at_level(logging.DEBUG):
        client.post("/api/v1/auth/login", json={"username": login.username, "password": PASSWORD})
        monkeypatch.undo()
        tokens = login()
        client.post(REFRESH, json={"refresh_token": tokens["refresh_token"]})
        client.get(ME, headers=bearer(tokens))
    assert "refresh_token" not in seen[0]
    shown = caplog.text + repr(app.config["SETTINGS"]) + seen[0]
    assert not [secret for secret in (PASSWORD, tokens["refresh_token"], tokens["access_token"]) if secret in shown]


def test_sign_in_prunes_expired_sessions(app, login):
    old = login()["session_id"]
    with time_machine.travel(now() + timedelta(days=8)):
        login()
        with app.app_context():
            assert db.session.scalar(sa.select(Session.id).where(Session.expires_at < now())) is None
    assert old


def events_of(app, username):
    with app.app_context():
        user = db.session.scalar(sa.select(User.id).where(User.username == username))
        entries = sa.select(AuditEntry).where(AuditEntry.subject_id == user).order_by(AuditEntry.id)
        return [(entry.event, entry.details) for entry in db.session.scalars(entries) if entry.event != "created"]


def test_theft_is_recorded_in_the_audit_log(app, login, refresh):
    tokens = login()
    refresh(refresh(tokens["refresh_token"]).json["refresh_token"])
    refresh(tokens["refresh_token"])
    theft = ("refresh_token_theft", {"session_id": tokens["session_id"]})
    assert events_of(app, login.username) == [("sign_in", {"amr": ["pwd"]}), theft]


def test_sign_in_and_sign_out_are_recorded_in_the_audit_log(app, login, client):
    tokens = login()
    client.post("/api/v1/auth/login", json={"username": login.username, "password": "wrong"})
    tokens = client.put("/api/v1/me/password", json=CHANGE, headers=bearer(tokens)).json
    client.post("/api/v1/auth/logout", headers=bearer(tokens))
    assert [event for event, _ in events_of(app, login.username)] == [
        "sign_in",
        "sign_in_failed",
        "password_changed",
        "sign_out",
        "sign_out",
    ]


@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_unknown_username_gets_the_response_of_a_wrong_password(client, login, case):
    def answer(username):
        body = {"username": case(username), "password": "wrong"}
        response = client.post("/api/v1/auth/login", json=body, headers={"X-Request-ID": "same"})
        return response.status_code, sorted(response.headers), response.data

    assert answer(login.username) == answer("nobody-has-this-name")


def test_sign_in_renews_the_hash_when_its_cost_differs(make_app, login, app):
    dearer = make_app(BCRYPT_ROUNDS=5).test_client()
    credentials = {"username": login.username, "password": PASSWORD}
    assert dearer.post("/api/v1/auth/login", json=credentials).status_code == 200
    with app.app_context():
        hashed = db.session.scalar(sa.select(User.password_hash).where(User.username == login.username))
    assert hashed.split("$")[2] == "05"
    assert login()
    with app.app_context():
        hashed = db.session.scalar(sa.select(User.password_hash).where(User.username == login.username))
    assert hashed.split("$")[2] == "04"


@pytest.mark.parametrize("change", [{"password_hash": "$2b$04$" + "." * 53}, {"active": False}, None])
def test_sign_in_sees_changes_made_during_the_password_check(app, client, login, monkeypatch, change):
    check = passwords.check_password

    def check_slowly(password, *hashes):
        right = check(password, *hashes)
        with app.app_context():
            mine = User.username == login.username
            db.session.execute(sa.update(User).where(mine).values(change) if change else sa.delete(User).where(mine))
            db.session.commit()
        return right

    monkeypatch.setattr(passwords, "check_password", check_slowly)
    answer = client.post("/api/v1/auth/login", json={"username": login.username, "password": PASSWORD})
    assert (answer.status_code, answer.json["code"]) == (401, "invalid_credentials")


def test_deactivated_user_gets_the_response_of_a_wrong_password(app, client, login, refresh):
    tokens = login()
    with app.app_context():
        db.session.execute(sa.update(User).where(User.username == login.username).values(active=False))
        db.session.commit()
    answer = client.post("/api/v1/auth/login", json={"username": login.username, "password": PASSWORD})
    assert (answer.status_code, answer.json["code"]) == (401, "invalid_credentials")
    assert_refused(refresh(tokens["refresh_token"]))


def test_sign_in_beyond_max_sessions_ends_the_least_recently_used(make_app, new_user):
    client = make_app(MAX_SESSIONS=3).test_client()
    credentials = {"username": new_user(), "password": PASSWORD}
    signed_in = [client.post("/api/v1/auth/login", json=credentials).json for _ in range(3)]
    refreshed = {"refresh_token": signed_in[0]["refresh_token"]}
    assert client.post("/api/v1/auth/refresh", json=refreshed).status_code == 200  # which uses the first again
    signed_in.append(client.post("/api/v1/auth/login", json=credentials).json)
    bearers = [{"Authorization": f"Bearer {tokens['access_token']}"} for tokens in signed_in]
    assert [client.get("/api/v1/me", headers=bearer).status_code for bearer in bearers] == [200, 401, 200, 200]
    listed = client.get("/api/v1/auth/sessions", headers=bearers[0]).json["items"]
    assert len(listed) == 3


def test_session_keeps_a_limited_number_of_spent_tokens(make_app, new_user):
    app = make_app(MAX_REFRESH_TOKENS=5, REFRESH_GRACE_SECONDS=0)
    client = app.test_client()
    tokens = client.post("/api/v1/auth/login", json={"username": new_user(), "password": PASSWORD}).json
    given = [tokens["refresh_token"]]
    for _ in range(9):
        answer = client.post("/api/v1/auth/refresh", json={"refresh_token": given[-1]})
        given.append(answer.json["refresh_token"])
    with app.app_context():
        kept = (
            sa.select(sa.func.count())
            .select_from(RefreshToken)
            .where(RefreshToken.session_id == UUID(tokens["session_id"]))
        )
        assert db.session.execute(kept).scalar_one() == 6  # five spent ones, and the one that is not
    forgotten = client.post("/api/v1/auth/refresh", json={"refresh_token": given[0]})
    assert (forgotten.status_code, forgotten.json["code"]) == (401, "invalid_refresh_token")
    assert client.post("/api/v1/auth/refresh", json={"refresh_token": given[-1]}).status_code == 200
