"""/me: show, change and delete the account of the caller."""

from uuid import UUID

import pytest
import sqlalchemy as sa
from conftest import PASSWORD
from surface import collections, declared, tables_of_users

from taskapi.database import Id, db, reader, rls_user

ME = "/api/v1/me"
LOGIN = "/api/v1/auth/login"


@pytest.fixture
def user(signed_in):
    """A signed-in user with their id."""
    client = signed_in()
    client.id = UUID(client.get(ME).json["id"])
    return client


def events(client):
    return [item["event"] for item in client.get(f"{ME}/activity").json["items"]]


def live(client):
    """Use every feature once, so that as many tables as possible have a row of this user."""
    project = client.post("/api/v1/projects", json={"name": "Garden"}).json
    plants = {"title": "Plants", "due_date": "2030-01-31", "labels": ["green"], "project_id": project["id"]}
    parent = client.post("/api/v1/tasks", json=plants).json
    client.post("/api/v1/tasks", json={"title": "Water them", "parent_id": parent["id"]})
    gone = client.post("/api/v1/tasks", json={"title": "Gone", "labels": ["green"]}).json
    client.delete(f"/api/v1/tasks/{gone['id']}")
    again = client.post("/api/v1/tasks", json={"title": "Once"}, headers={"Idempotency-Key": "once"}).json
    client.delete(f"/api/v1/tasks/{again['id']}?permanent=true")
    for collection in collections(client.application):
        collection.add(client)
    elsewhere = client.post(LOGIN, json={"username": client.username, "password": PASSWORD}).json["session_id"]
    client.delete(f"/api/v1/auth/sessions/{elsewhere}")
    for use in declared("LIVE").values():
        use(client)


def traces(app, person_id):
    """Return the tables that contain the id of a user in any column."""
    with app.app_context(), rls_user(person_id):
        return {
            table.name
            for table in db.metadata.sorted_tables
            for column in table.c
            if isinstance(column.type, Id)
            and reader().execute(sa.select(column).where(column == person_id).limit(1)).first()
        }


def test_account_is_shown_without_secrets(user):
    account = user.get(ME).json
    assert account["username"] == user.username
    assert account.keys() == {"id", "username", "name", "email", "timezone", "roles", "created_at"}


def test_patch_keeps_unnamed_fields(user):
    user.patch(ME, json={"name": "Ada Lovelace"})
    response = user.patch(ME, json={"email": "ada@example.org", "timezone": "Europe/London"})
    assert response.status_code == 200
    account = user.get(ME).json
    assert account == response.json
    assert (account["name"], account["email"], account["timezone"]) == (
        "Ada Lovelace", "ada@example.org", "Europe/London",
    )  # fmt: skip


def test_null_clears_a_name(user):
    user.patch(ME, json={"name": "Ada"})
    assert user.patch(ME, json={"name": None}).json["name"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"active": True}, {"epoch": 0},
        {"password": PASSWORD}, {"password_hash": "x"}, {"timezone": "Mars/Base"}, {"timezone": None},
        {"email": "nobody"}, {"name": ""}, {"name": "a\u0000b"},
    ],
)  # fmt: skip
def test_patch_refuses_fields_that_cannot_change(user, changes):
    before = user.get(ME).json
    response = user.patch(ME, json=changes)
    assert response.status_code == 422
    assert list(response.json["errors"]["json"]) == list(changes)
    assert user.get(ME).json == before


def test_account_change_is_recorded_without_its_values(user):
    user.patch(ME, json={"name": "Ada", "email": "ada@example.org"})
    entry = user.get(f"{ME}/activity").json["items"][0]
    assert (entry["event"], entry["details"]) == ("profile_changed", {"fields": ["email", "name"]})


def test_activity_has_pages_with_the_latest_first(user):
    for name in ("a", "b", "c"):
        user.patch(ME, json={"name": name})
    whole = user.get(f"{ME}/activity").json["items"]
    seen, url = [], f"{ME}/activity?limit=2"
    while url:
        response = user.get(url)
        assert len(response.json["items"]) <= 2
        seen += response.json["items"]
        link = response.headers.get("Link")
        url = link and link.split(">")[0].lstrip("<")
    assert seen == whole
    assert [item["event"] for item in seen][:3] == ["profile_changed"] * 3
    assert [item["at"] for item in seen] == sorted((item["at"] for item in seen), reverse=True)


def test_activity_shows_own_entries_only(user, signed_in):
    other = signed_in()
    other.patch(ME, json={"name": "Other"})
    assert "profile_changed" not in events(user)


def test_activity_cursor_is_refused_for_another_user(user, signed_in):
    user.patch(ME, json={"name": "Ada"})
    cursor = user.get(f"{ME}/activity?limit=1").json["next_cursor"]
    response = signed_in().get(f"{ME}/activity", query_string={"limit": 1, "cursor": cursor})
    assert (response.status_code, response.json["code"]) == (400, "invalid_cursor")


def test_every_owned_table_is_deleted_with_its_owner():
    for table, owner in tables_of_users().items():
        rules = [key.ondelete for key in owner.foreign_keys]
        assert "CASCADE" in rules, f"{table.name} keeps the rows of deleted users"
        assert "RESTRICT" not in rules, f"{table.name} prevents the deletion of users"


def test_deleted_user_is_named_in_the_audit_log_only(app, user):
    live(user)
    unseen = {table.name for table in tables_of_users()} - traces(app, user.id)
    assert unseen == set(), f"live() should do what puts a row into {unseen}"
    assert user.delete(ME).status_code == 204
    assert traces(app, user.id) == {"audit_entries"}


def test_deleting_an_account_keeps_rows_of_other_users(user, owner, task):
    user.delete(ME)
    assert owner.get(f"/api/v1/tasks/{task['id']}").json == task


def test_deleted_account_is_refused_immediately(user, client):
    user.delete(ME)
    response = user.get(ME)
    assert (response.status_code, response.json["code"]) == (401, "token_revoked")
    response = client.post(LOGIN, json={"username": user.username, "password": PASSWORD})
    assert (response.status_code, response.json["code"]) == (401, "invalid_credentials")


def test_deleting_an_account_clears_its_cookies(app, new_user):
    browser = app.test_client()
    credentials = {"username": new_user(), "password": PASSWORD, "cookies": True}
    browser.post(LOGIN, json=credentials)
    proof = {"X-CSRF-TOKEN": browser.get_cookie("csrf_access_token").value}
    assert browser.delete(ME, headers=proof).status_code == 204
    assert [browser.get_cookie(name) for name in ("csrf_access_token", "csrf_refresh_token")] == [None, None]


def test_username_is_free_after_its_account_is_deleted(user, client):
    user.delete(ME)
    response = client.post("/api/v1/auth/register", json={"username": user.username, "password": PASSWORD})
    assert response.status_code == 201
    assert response.json["id"] != str(user.id)


LENGTH = "Must have 12 to 128 characters."


def test_registration_reports_errors_of_all_fields(client):
    body = {"username": "a b", "password": "short", "email": "nowhere", "name": "n" * 101}
    response = client.post("/api/v1/auth/register", json=body)
    assert (response.status_code, response.json["errors"]["json"]) == (
        422,
        {
            "username": ["Must have only letters a-z, digits, dots, underscores and hyphens."],
            "password": [LENGTH],
            "email": ["Not an e-mail address."],
            "name": ["Must have 1 to 100 characters."],
        },
    )
    empty = client.post("/api/v1/auth/register", json={"username": "", "password": ""})
    assert empty.json["errors"]["json"] == {"username": ["Must have 3 to 64 characters."], "password": [LENGTH]}


def test_new_password_is_checked_with_the_other_fields(owner):
    response = owner.put("/api/v1/me/password", json={"current_password": "", "new_password": "short"})
    assert response.json["errors"]["json"]["new_password"] == [LENGTH]
    assert "current_password" in response.json["errors"]["json"]


@pytest.mark.parametrize(
    "letter", ["\u212a", "\u0130", "\u017f", "\uff41"]
)  # each is a letter a-z in lower case or NFKC
def test_username_is_checked_for_ascii_before_case_folding(client, letter):
    response = client.post("/api/v1/auth/register", json={"username": f"ada-{letter}ate", "password": PASSWORD})
    assert (response.status_code, list(response.json["errors"]["json"])) == (422, ["username"])
