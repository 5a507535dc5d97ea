"""/admin/users: find, create, change, deactivate and delete accounts. A change applies to the next request."""

import secrets
from uuid import UUID, uuid4

import pytest
from conftest import PASSWORD

from taskapi.database import db
from taskapi.security.rbac import Role
from taskapi.users.models import User

USERS = "/api/v1/admin/users"
AUDIT = "/api/v1/admin/audit"
LOGIN = "/api/v1/auth/login"
REFRESH = "/api/v1/auth/refresh"


@pytest.fixture
def admin(signed_in):
    """An administrator, who is signed in."""
    return with_id(signed_in("admin"))


@pytest.fixture
def user(app, new_user, client):
    """A user with a session, and both of its tokens."""
    return begin(app, new_user())


def with_id(client):
    client.id = client.get("/api/v1/me").json["id"]
    return client


def begin(app, username):
    client = app.test_client()
    response = client.post(LOGIN, json={"username": username, "password": PASSWORD})
    assert response.status_code == 200, response.text
    client.refresh_token = response.json["refresh_token"]
    client.username = username
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['access_token']}"
    return with_id(client)


def refresh(client):
    """Exchange the client's refresh token, and use the new access token from now on."""
    response = client.post(REFRESH, json={"refresh_token": client.refresh_token})
    if response.status_code == 200:
        client.refresh_token = response.json["refresh_token"]
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['access_token']}"
    return response


def usernames(response):
    assert response.status_code == 200, response.text
    return [item["username"] for item in response.json["items"]]


def events(admin, **query):
    return [item["event"] for item in admin.get(AUDIT, query_string=query).json["items"]]


def stored(app, user_id):
    with app.app_context():
        return db.session.get(User, UUID(user_id))


# Finding


def test_users_are_listed_by_username_in_pages(admin, new_user):
    mark = secrets.token_hex(4)
    made = sorted(new_user(name=f"Mark {mark}") for _ in range(5))
    seen, url = [], f"{USERS}?limit=2&q={mark}"
    while url:
        response = admin.get(url)
        seen += usernames(response)
        link = response.headers.get("Link")
        url = link and link.split(">")[0].lstrip("<")
    assert seen == made


def test_user_search_ignores_case_in_names_and_addresses(admin, new_user):
    mark = secrets.token_hex(4)
    found = new_user(name=f"Ädä {mark} 100%", email=f"{mark}@Example.org")
    new_user(name="Somebody else")
    for words in (f"äDÄ {mark}", f"{mark}@example", f"100% {mark}", found.upper()):
        assert usernames(admin.get(USERS, query_string={"q": words})) == [found]
    assert usernames(admin.get(USERS, query_string={"q": f"{mark}_"})) == []


@pytest.mark.parametrize(("name", "word"), [("Łukasz Ædelstein", "lukasz aedel"), ("Zoe O'Hara", "zoë o’hara")])
def test_search_for_users_ignores_accents_and_letter_variants(admin, new_user, name, word):
    mark = secrets.token_hex(4)
    found = new_user(name=f"{name} {mark}")
    assert usernames(admin.get(USERS, query_string={"q": f"{word} {mark}"})) == [found]


def test_users_are_filtered_by_role_and_state(admin, new_user):
    mark = secrets.token_hex(4)
    viewer, editor = new_user("viewer", name=mark), new_user("editor", name=mark)
    gone = new_user("viewer", name=mark, active=False)
    assert usernames(admin.get(USERS, query_string={"q": mark, "role": "editor"})) == [editor]
    assert usernames(admin.get(USERS, query_string={"q": mark, "role": "viewer", "active": "true"})) == [viewer]
    assert usernames(admin.get(USERS, query_string={"q": mark, "active": "false"})) == [gone]


@pytest.mark.parametrize("query", [{"role": "owner"}, {"active": "yes"}, {"limit": "101"}, {"name": "x"}, {"q": " "}])
def test_invalid_user_filter_is_422(admin, query):
    assert admin.get(USERS, query_string=query).status_code == 422


def test_cursor_is_bound_to_its_caller_and_filters(admin, signed_in):
    cursor = admin.get(USERS, query_string={"limit": 1}).json["next_cursor"] or "x"
    for client, query in ((signed_in("admin"), {}), (admin, {"active": "true"}), (admin, {"role": "admin"})):
        response = client.get(USERS, query_string={"limit": 1, "cursor": cursor, **query})
        assert (response.status_code, response.json["code"]) == (400, "invalid_cursor")


def test_user_is_shown_without_secrets(admin, user):
    shown = admin.get(f"{USERS}/{user.id}").json
    assert (shown["username"], shown["roles"], shown["active"]) == (user.username, ["editor"], True)
    assert {"password_hash", "epoch", "words"} & shown.keys() == set()


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_unknown_user_is_404(admin, method):
    response = getattr(admin, method)(f"{USERS}/{uuid4()}", json={} if method == "patch" else None)
    assert (response.status_code, response.json["code"]) == (404, "not_found")


# Creating


def test_user_created_by_an_admin_can_sign_in(admin, client):
    username = f"new-{secrets.token_hex(4)}"
    response = admin.post(USERS, json={"username": username, "password": PASSWORD, "roles": ["viewer"], "name": "New"})
    assert response.status_code == 201
    assert response.headers["Location"] == f"{USERS}/{response.json['id']}"
    assert (response.json["roles"], response.json["name"], response.json["active"]) == (["viewer"], "New", True)
    assert client.post(LOGIN, json={"username": username, "password": PASSWORD}).status_code == 200
    [entry] = admin.get(AUDIT, query_string={"event": "created", "subject": response.json["id"]}).json["items"]
    assert (entry["actor_id"], entry["details"]) == (admin.id, {"roles": ["viewer"]})


def test_user_created_without_roles_is_an_editor(admin):
    response = admin.post(USERS, json={"username": f"new-{secrets.token_hex(4)}", "password": PASSWORD})
    assert response.json["roles"] == ["editor"]


def test_taken_username_is_409(admin, user):
    response = admin.post(USERS, json={"username": user.username.upper(), "password": PASSWORD})
    assert (response.status_code, response.json["code"]) == (409, "username_taken")


@pytest.mark.parametrize(
    ("field", "value"),
    [("password", "password1234"), ("roles", []), ("roles", ["owner"]), ("roles", "admin"), ("active", "no")],
)
def test_invalid_new_user_is_422(admin, field, value):
    account = {"username": f"new-{secrets.token_hex(4)}", "password": PASSWORD, field: value}
    response = admin.post(USERS, json=account)
    assert response.status_code == 422
    assert field in response.json["errors"]["json"]


# Roles


def test_new_roles_apply_to_the_next_request_of_the_session(admin, user):
    assert user.post("/api/v1/tasks", json={"title": "Mine"}).status_code == 201
    response = admin.patch(f"{USERS}/{user.id}", json={"roles": ["viewer"]})
    assert (response.status_code, response.json["roles"]) == (200, ["viewer"])
    assert user.get("/api/v1/tasks").json["code"] == "token_revoked"
    assert refresh(user).status_code == 200
    assert user.get("/api/v1/me").json["roles"] == ["viewer"]
    assert user.post("/api/v1/tasks", json={"title": "Mine"}).json["code"] == "permission_denied"


def test_each_change_of_roles_revokes_old_tokens(admin, user):
    for roles, status in ((["admin"], 200), (["editor"], 403), (["admin"], 200)):
        admin.patch(f"{USERS}/{user.id}", json={"roles": roles})
        assert user.get("/api/v1/me").json["code"] == "token_revoked"
        refresh(user)
        assert user.get(USERS).status_code == status


def test_roles_are_kept_once_each_and_in_order(admin, user):
    given = ["admin", "viewer", "admin"]
    account = {"username": f"new-{secrets.token_hex(4)}", "password": PASSWORD, "roles": given}
    for response in (admin.patch(f"{USERS}/{user.id}", json={"roles": given}), admin.post(USERS, json=account)):
        assert response.json["roles"] == ["viewer", "admin"]


def test_unchanged_roles_revoke_no_token(admin, user):
    assert admin.patch(f"{USERS}/{user.id}", json={"roles": ["editor"]}).status_code == 200
    assert user.get("/api/v1/me").status_code == 200
    assert "roles_changed" not in events(admin, subject=user.id)


def test_audit_entry_of_new_roles_has_old_roles_and_actor(admin, user):
    admin.patch(f"{USERS}/{user.id}", json={"roles": ["viewer"]})
    [entry] = admin.get(AUDIT, query_string={"event": "roles_changed", "subject": user.id}).json["items"]
    assert (entry["actor_id"], entry["details"]) == (admin.id, {"before": ["editor"], "after": ["viewer"]})
    assert entry["ip"] == "127.0.0.1"


def test_user_does_not_see_the_address_of_an_admin(admin, user):
    admin.patch(f"{USERS}/{user.id}", json={"name": "Renamed"})
    entry = user.get("/api/v1/me/activity").json["items"][0]
    assert (entry["event"], entry["actor_id"], entry["ip"], entry["user_agent"]) == (
        "profile_changed", admin.id, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"roles": []}, {"roles": ["owner"]}, {"roles": [1]}, {"roles": None}, {"active": "true"}, {"active": None},
        {"password": PASSWORD}, {"epoch": 0}, {"name": ""},
        {"roles": ["viewer"] * (len(Role) + 1)},
    ],
)  # fmt: skip
def test_invalid_user_change_changes_nothing(app, admin, user, changes):
    response = admin.patch(f"{USERS}/{user.id}", json={"name": "New", **changes})
    assert response.status_code == 422
    assert stored(app, user.id).name is None


# Activation, sign-out and deletion


def test_deactivated_user_is_rejected_like_a_wrong_password(admin, user, client):
    wrong = client.post(LOGIN, json={"username": user.username, "password": "wrong"}).json
    response = admin.patch(f"{USERS}/{user.id}", json={"active": False})
    assert (response.status_code, response.json["active"]) == (200, False)
    assert user.get("/api/v1/me").json["code"] == "token_revoked"
    assert refresh(user).json["code"] == "invalid_refresh_token"
    response = client.post(LOGIN, json={"username": user.username, "password": PASSWORD})
    assert response.status_code == 401
    assert {**response.json, "request_id": None} == {**wrong, "request_id": None}


def test_reactivated_user_signs_in_and_old_tokens_stay_revoked(admin, user, client):
    for active in (False, True):
        admin.patch(f"{USERS}/{user.id}", json={"active": active})
    assert user.get("/api/v1/me").json["code"] == "token_revoked"
    assert refresh(user).json["code"] == "invalid_refresh_token"
    assert client.post(LOGIN, json={"username": user.username, "password": PASSWORD}).status_code == 200
    assert {"activated", "deactivated"} <= set(events(admin, subject=user.id))


def test_sign_out_by_an_admin_ends_all_sessions(app, admin, user):
    devices = [user, begin(app, user.username)]
    assert admin.post(f"{USERS}/{user.id}/sign-out").status_code == 204
    for device in devices:
        assert device.get("/api/v1/me").json["code"] == "token_revoked"
        assert refresh(device).json["code"] == "invalid_refresh_token"
    assert begin(app, user.username).get("/api/v1/me").status_code == 200
    ended = admin.get(AUDIT, query_string={"event": "sign_out", "subject": user.id}).json["items"]
    assert [entry["actor_id"] for entry in ended] == [admin.id] * 2


def test_sign_out_of_an_unknown_user_is_404(admin):
    assert admin.post(f"{USERS}/{uuid4()}/sign-out").status_code == 404


def test_user_is_deleted_with_all_owned_rows(app, admin, user):
    user.post("/api/v1/tasks", json={"title": "Mine"})
    assert admin.delete(f"{USERS}/{user.id}").status_code == 204
    assert admin.get(f"{USERS}/{user.id}").status_code == 404
    assert user.get("/api/v1/tasks").json["code"] == "token_revoked"
    assert refresh(user).json["code"] == "invalid_refresh_token"
    assert stored(app, user.id) is None
    assert events(admin, subject=user.id)[0] == "deleted"


def test_audit_entries_of_a_deleted_user_are_kept(signed_in, admin):
    client = signed_in()
    user_id = client.get("/api/v1/me").json["id"]
    client.delete("/api/v1/me")
    items = admin.get(AUDIT, query_string={"subject": user_id}).json["items"]
    assert (items[0]["event"], items[-1]["event"]) == ("deleted", "created")


def test_password_errors_are_listed_with_the_other_fields(admin):
    response = admin.post(USERS, json={"username": "a b", "password": "p" * 129, "roles": ["editor"]})
    assert response.json["errors"]["json"].keys() == {"username", "password"}
    assert response.json["errors"]["json"]["password"] == ["Must have 12 to 128 characters."]
