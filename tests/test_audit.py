"""The audit log: recording, protection by triggers, queries and pruning."""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
import time_machine
from conftest import PASSWORD
from sqlalchemy.exc import DBAPIError
from surface import needs

from taskapi.audit import Event, record
from taskapi.audit.log import prune_audit
from taskapi.audit.models import AuditEntry, AuditOpening
from taskapi.database import Id, db
from taskapi.users.models import User

AUDIT = "/api/v1/admin/audit"
LOGIN = "/api/v1/auth/login"
USERS = "/api/v1/admin/users"


@pytest.fixture
def entry(app):
    """A stored entry."""
    subject_id = uuid4()
    with app.test_request_context(headers={"User-Agent": "curl/8"}, environ_base={"REMOTE_ADDR": "192.0.2.7"}):
        record(Event.SIGN_IN, actor_id=subject_id, subject_id=subject_id)
        db.session.commit()
    return entries(app, subject_id)[0]


def entries(app, subject_id):
    with app.app_context():
        query = sa.select(AuditEntry).where(AuditEntry.subject_id == subject_id).order_by(AuditEntry.id)
        return list(db.session.execute(query).scalars())


def user_id(app, username) -> UUID:
    with app.app_context():
        return db.session.execute(sa.select(User.id).where(User.username == username)).scalar_one()


def raw(app, statement, *, entry):
    """Run an SQL statement with the entry's id as `:id`."""
    with app.app_context():
        db.session.execute(sa.text(statement).bindparams(sa.bindparam("id", type_=Id())), {"id": entry.id})
        db.session.commit()


def test_entry_has_event_actor_subject_and_origin(app):
    actor, subject = uuid4(), uuid4()
    headers = {"User-Agent": "Mozilla/5.0", "X-Request-ID": "abc-1"}
    with app.test_request_context(headers=headers, environ_base={"REMOTE_ADDR": "2001:db8::1"}):
        app.preprocess_request()
        record(Event.ROLES_CHANGED, actor_id=actor, subject_id=subject, roles=["viewer"])
        db.session.commit()
    [entry] = entries(app, subject)
    assert (entry.event, entry.actor_id, entry.details) == ("roles_changed", actor, {"roles": ["viewer"]})
    assert (entry.ip, entry.user_agent, entry.request_id) == ("2001:db8::1", "Mozilla/5.0", "abc-1")
    assert abs(entry.at - datetime.now(UTC)) < timedelta(minutes=1)


def test_entry_outside_a_request_has_no_origin(app):
    subject = uuid4()
    with app.app_context():
        record(Event.DELETED, subject_id=subject)
        db.session.commit()
    [entry] = entries(app, subject)
    assert (entry.actor_id, entry.ip, entry.user_agent, entry.request_id) == (None, None, None, None)


@pytest.mark.parametrize(("agent", "kept"), [("a" * 300, "a" * 256), ("one\ttwo\x1b[31m", "one\ufffdtwo\ufffd[31m")])
def test_user_agent_is_cut_and_cleaned(app, agent, kept):
    subject = uuid4()
    with app.test_request_context(environ_base={"HTTP_USER_AGENT": agent}):
        record(Event.SIGN_IN, subject_id=subject)
        db.session.commit()
    assert entries(app, subject)[0].user_agent == kept


def test_entry_is_rolled_back_with_its_transaction(app):
    subject = uuid4()
    with app.app_context():
        record(Event.DELETED, subject_id=subject)
        db.session.flush()
        db.session.rollback()
    assert entries(app, subject) == []


def test_registration_is_recorded_without_the_username(app, client):
    username = f"user-{secrets.token_hex(6)}"
    client.post("/api/v1/auth/register", json={"username": username, "password": "correct horse battery"})
    created = entries(app, user_id(app, username))[0]
    assert (created.event, created.actor_id, created.details) == ("created", None, {"roles": ["editor"]})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET event = 'sign_out' WHERE id = :id",
        "UPDATE audit_entries SET ip = NULL WHERE id = :id",
        "DELETE FROM audit_entries WHERE id = :id",
    ],
)
def test_database_refuses_to_change_or_delete_an_entry(app, entry, statement):
    with pytest.raises(DBAPIError, match="append-only"):
        raw(app, statement, entry=entry)
    [same] = entries(app, entry.subject_id)
    assert (same.event, same.ip) == (entry.event, entry.ip)


def test_database_refuses_to_replace_an_entry(app, entry):
    columns = "id, at, event, actor_id, subject_id, ip, user_agent, request_id, details"
    copied = f"SELECT {columns.replace('event', chr(39) + 'sign_out' + chr(39))} FROM audit_entries WHERE id = :id"
    with app.app_context():
        sqlite = db.engine.dialect.name == "sqlite"
    behind = "" if sqlite else " ON CONFLICT (id) DO UPDATE SET event = excluded.event"
    with pytest.raises(DBAPIError, match="append-only"):
        raw(
            app, f"INSERT {'OR REPLACE' if sqlite else ''} INTO audit_entries ({columns}) {copied}{behind}", entry=entry
        )


def test_database_refuses_to_empty_the_log(app, entry):
    with app.app_context():
        statement = "DELETE FROM audit_entries" if db.engine.dialect.name == "sqlite" else "TRUNCATE audit_entries"
        with pytest.raises(DBAPIError, match="append-only"):
            db.session.execute(sa.text(statement))


def test_opening_cannot_be_committed(app):
    with app.app_context():
        db.session.execute(sa.text("INSERT INTO audit_openings (id, never) VALUES (1, 2)"))
        with pytest.raises(DBAPIError):
            db.session.commit()
        db.session.rollback()
        assert db.session.execute(sa.text("SELECT count(*) FROM audit_openings")).scalar() == 0


def test_entry_cannot_be_deleted_by_an_opening_without_a_date(app, entry):
    with app.app_context():
        db.session.execute(sa.text("INSERT INTO audit_openings (id, never) VALUES (1, 2)"))
        with pytest.raises(DBAPIError, match="append-only"):
            db.session.execute(sa.delete(AuditEntry).where(AuditEntry.id == entry.id))


@pytest.mark.parametrize(
    "change",
    [
        {"ip": "203.0.113.9"}, {"user_agent": "another"}, {"event": "sign_out"}, {"actor_id": None},
        {"subject_id": None}, {"request_id": "another"}, {"details": {"more": 1}}, {"id": uuid4()},
        {"at": datetime(2030, 1, 1, tzinfo=UTC)}, {"ip": None, "event": "sign_out"},
    ],
    ids="-".join,
)  # fmt: skip
def test_update_of_an_entry_may_only_clear_its_origin(app, entry, change):
    with app.app_context():
        db.session.execute(sa.text("INSERT INTO audit_openings (id, never) VALUES (1, 2)"))
        with pytest.raises(DBAPIError, match="append-only"):
            db.session.execute(sa.update(AuditEntry).where(AuditEntry.id == entry.id).values(change))
        db.session.rollback()


def test_origins_are_cleared_after_the_configured_days(make_app, entry):
    app = make_app(AUDIT_DAYS=7)
    for days, ip in ((6, "192.0.2.7"), (8, None)):
        with time_machine.travel(datetime.now(UTC) + timedelta(days=days)), app.app_context():
            prune_audit()
        [now] = entries(app, entry.subject_id)
        assert now.ip == ip
    assert now.user_agent is None
    assert (now.event, now.request_id, now.at) == (entry.event, entry.request_id, entry.at)


def test_entries_are_deleted_after_the_configured_days(make_app, entry):
    app = make_app(AUDIT_DAYS=7, AUDIT_MAX_DAYS=30)
    for days, left in ((29, 1), (31, 0)):
        with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
            result = app.test_cli_runner().invoke(args=["prune"])
        assert result.exit_code == 0, result.output
        assert len(entries(app, entry.subject_id)) == left
    assert "from the audit log" in result.output


def test_opening_deletes_no_entry_after_its_date(app, entry):
    with app.app_context():
        before = entry.at - timedelta(seconds=1)
        db.session.add(AuditOpening(remove_before=before))
        db.session.flush()
        with pytest.raises(DBAPIError, match="append-only"):
            db.session.execute(sa.delete(AuditEntry).where(AuditEntry.id == entry.id))
        db.session.rollback()


@pytest.fixture
def admin(signed_in):
    """A signed-in administrator."""
    client = signed_in("admin")
    client.id = client.get("/api/v1/me").json["id"]
    return client


@pytest.fixture
def user(signed_in):
    """The user that the events happen to."""
    client = signed_in()
    client.id = client.get("/api/v1/me").json["id"]
    return client


def events(admin, **query):
    return [item["event"] for item in admin.get(AUDIT, query_string=query).json["items"]]


@needs("admin")
def test_log_is_filtered_by_actor_subject_event_and_time(admin, user):
    start = datetime.now(UTC)
    admin.patch(f"{USERS}/{user.id}", json={"name": "One"})
    admin.patch(f"{USERS}/{user.id}", json={"roles": ["viewer"]})
    assert events(admin, actor=admin.id, subject=user.id) == ["roles_changed", "profile_changed"]
    assert events(admin, subject=user.id, event="roles_changed") == ["roles_changed"]
    assert "created" in events(admin, subject=user.id, before=start.isoformat())
    assert events(admin, subject=user.id, after=start.isoformat()) == ["roles_changed", "profile_changed"]
    assert events(admin, subject=user.id, after=(start + timedelta(hours=1)).isoformat()) == []


@needs("admin")
def test_log_pages_neither_skip_nor_repeat_new_entries(admin, user):
    for name in ("a", "b", "c", "d"):
        admin.patch(f"{USERS}/{user.id}", json={"name": name})
    whole = admin.get(AUDIT, query_string={"subject": user.id}).json["items"]
    seen, url = [], f"{AUDIT}?limit=2&subject={user.id}"
    while url:
        response = admin.get(url)
        admin.patch(f"{USERS}/{user.id}", json={"name": "e"})
        seen += response.json["items"]
        link = response.headers.get("Link")
        url = link and link.split(">")[0].lstrip("<")
    assert seen == whole


@needs("admin", "exports")
def test_account_events_are_recorded(admin, new_user, client):
    name, other = new_user(), "another horse altogether"
    tokens = client.post(LOGIN, json={"username": name, "password": PASSWORD}).json
    client.post(LOGIN, json={"username": name, "password": "wrong"})
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    passwords = {"current_password": PASSWORD, "new_password": other}
    person_id = client.get("/api/v1/me", headers=bearer).json["id"]
    changed = client.put("/api/v1/me/password", json=passwords, headers=bearer)
    assert changed.status_code == 200
    tokens, bearer = changed.json, {"Authorization": f"Bearer {changed.json['access_token']}"}
    client.get("/api/v1/me/export", headers=bearer)
    client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert client.post("/api/v1/auth/logout", headers=bearer).status_code == 204
    told = ["sign_out", "exported", "sign_out", "password_changed", "sign_in_failed", "sign_in", "created"]
    assert events(admin, subject=person_id) == told


def test_failed_sign_in_does_not_record_an_unknown_name(app, client):
    typed = f"hunter-{secrets.token_hex(6)}"
    client.post(LOGIN, json={"username": typed, "password": PASSWORD}, headers={"X-Request-ID": typed[7:]})
    with app.app_context():
        found = sa.select(AuditEntry).where(AuditEntry.request_id == typed[7:])
        [entry] = db.session.scalars(found)
        assert (entry.event, entry.subject_id, entry.details) == ("sign_in_failed", None, {})


@needs("admin")
@pytest.mark.parametrize("query", [{"event": "x"}, {"actor": "ada"}, {"after": "2030-01-01"}, {"ip": "127.0.0.1"}])
def test_invalid_log_query_is_refused(admin, query):
    assert admin.get(AUDIT, query_string=query).status_code == 422


@needs("admin")
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_api_cannot_change_the_log(admin, method):
    assert getattr(admin, method)(AUDIT).status_code == 405


def test_prune_command_clears_old_origins(app, client, new_user):
    login = {"username": new_user(), "password": PASSWORD}
    client.post("/api/v1/auth/login", json=login, headers={"User-Agent": "Old phone"})
    with time_machine.travel(datetime.now(UTC) + timedelta(days=91)):
        result = app.test_cli_runner().invoke(args=["prune"])
    assert result.exit_code == 0
    with app.app_context():
        old = sa.select(AuditEntry.id).where(AuditEntry.user_agent == "Old phone")
        assert db.session.scalars(old).all() == []
