"""/admin/users: people are found, opened, changed and shut out, and it counts from their next request."""

import secrets
from uuid import UUID, uuid4

import pytest
from conftest import PASSWORD

from taskapi.database import db
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
def person(app, new_person, client):
    """Somebody with a session, and both of its tokens."""
    return begin(app, new_person())


def with_id(client):
    client.id = client.get("/api/v1/me").json["id"]
    return client


def begin(app, username):
    client = app.test_client()
    answer = client.post(LOGIN, json={"username": username, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    client.refresh_token = answer.json["refresh_token"]
    client.username = username
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {answer.json['access_token']}"
    return with_id(client)


def refresh(client):
    """Exchange the client's refresh token, and use the new access token from now on."""
    answer = client.post(REFRESH, json={"refresh_token": client.refresh_token})
    if answer.status_code == 200:
        client.refresh_token = answer.json["refresh_token"]
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {answer.json['access_token']}"
    return answer


def usernames(answer):
    assert answer.status_code == 200, answer.text
    return [item["username"] for item in answer.json["items"]]


def events(admin, **query):
    return [item["event"] for item in admin.get(AUDIT, query_string=query).json["items"]]


def stored(app, user_id):
    with app.app_context():
        return db.session.get(User, UUID(user_id))


# Finding


def test_people_are_listed_by_username_in_pages(admin, new_person):
    mark = secrets.token_hex(4)
    made = sorted(new_person(name=f"Mark {mark}") for _ in range(5))
    seen, url = [], f"{USERS}?limit=2&q={mark}"
    while url:
        answer = admin.get(url)
        seen += usernames(answer)
        link = answer.headers.get("Link")
        url = link and link.split(">")[0].lstrip("<")
    assert seen == made


def test_people_are_found_by_words_of_name_and_address_in_any_case(admin, new_person):
    mark = secrets.token_hex(4)
    found = new_person(name=f"Ädä {mark} 100%", email=f"{mark}@Example.org")
    new_person(name="Somebody else")
    for words in (f"äDÄ {mark}", f"{mark}@example", f"100% {mark}", found.upper()):
        assert usernames(admin.get(USERS, query_string={"q": words})) == [found]
    assert usernames(admin.get(USERS, query_string={"q": f"{mark}_"})) == []


@pytest.mark.parametrize(("name", "word"), [("Łukasz Ædelstein", "lukasz aedel"), ("Zoe O'Hara", "zoë o’hara")])
def test_search_for_users_ignores_accents_and_letter_variants(admin, new_person, name, word):
    mark = secrets.token_hex(4)
    found = new_person(name=f"{name} {mark}")
    assert usernames(admin.get(USERS, query_string={"q": f"{word} {mark}"})) == [found]


def test_people_are_filtered_by_role_and_state(admin, new_person):
    mark = secrets.token_hex(4)
    viewer, editor = new_person("viewer", name=mark), new_person("editor", name=mark)
    gone = new_person("viewer", name=mark, active=False)
    assert usernames(admin.get(USERS, query_string={"q": mark, "role": "editor"})) == [editor]
    assert usernames(admin.get(USERS, query_string={"q": mark, "role": "viewer", "active": "true"})) == [viewer]
    assert usernames(admin.get(USERS, query_string={"q": mark, "active": "false"})) == [gone]


@pytest.mark.parametrize("query", [{"role": "owner"}, {"active": "yes"}, {"limit": "101"}, {"name": "x"}, {"q": " "}])
def test_a_filter_that_means_nothing_is_refused(admin, query):
    assert admin.get(USERS, query_string=query).status_code == 422


def test_a_cursor_serves_its_caller_and_its_filters_alone(admin, signed_in):
    cursor = admin.get(USERS, query_string={"limit": 1}).json["next_cursor"] or "x"
    for client, query in ((signed_in("admin"), {}), (admin, {"active": "true"}), (admin, {"role": "admin"})):
        answer = client.get(USERS, query_string={"limit": 1, "cursor": cursor, **query})
        assert (answer.status_code, answer.json["code"]) == (400, "invalid_cursor")


def test_a_person_is_shown_without_secrets(admin, person):
    shown = admin.get(f"{USERS}/{person.id}").json
    assert (shown["username"], shown["roles"], shown["active"]) == (person.username, ["editor"], True)
    assert {"password_hash", "epoch", "words"} & shown.keys() == set()


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_nobody_by_that_id_is_a_404(admin, method):
    answer = getattr(admin, method)(f"{USERS}/{uuid4()}", json={} if method == "patch" else None)
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


# Opening


def test_an_account_is_opened_for_somebody_who_then_signs_in(admin, client):
    username = f"new-{secrets.token_hex(4)}"
    answer = admin.post(USERS, json={"username": username, "password": PASSWORD, "roles": ["viewer"], "name": "New"})
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{USERS}/{answer.json['id']}"
    assert (answer.json["roles"], answer.json["name"], answer.json["active"]) == (["viewer"], "New", True)
    assert client.post(LOGIN, json={"username": username, "password": PASSWORD}).status_code == 200
    [entry] = admin.get(AUDIT, query_string={"event": "created", "subject": answer.json["id"]}).json["items"]
    assert (entry["actor_id"], entry["details"]) == (admin.id, {"roles": ["viewer"]})


def test_an_account_opened_without_roles_is_an_editors(admin):
    answer = admin.post(USERS, json={"username": f"new-{secrets.token_hex(4)}", "password": PASSWORD})
    assert answer.json["roles"] == ["editor"]


def test_a_taken_name_is_refused(admin, person):
    answer = admin.post(USERS, json={"username": person.username.upper(), "password": PASSWORD})
    assert (answer.status_code, answer.json["code"]) == (409, "username_taken")


@pytest.mark.parametrize(
    ("field", "value"),
    [("password", "password1234"), ("roles", []), ("roles", ["owner"]), ("roles", "admin"), ("active", "no")],
)
def test_an_account_that_may_not_be_is_refused(admin, field, value):
    account = {"username": f"new-{secrets.token_hex(4)}", "password": PASSWORD, field: value}
    answer = admin.post(USERS, json=account)
    assert answer.status_code == 422
    assert field in answer.json["errors"]["json"]


# Roles


def test_new_roles_count_from_the_next_request_while_the_session_lives_on(admin, person):
    assert person.post("/api/v1/tasks", json={"title": "Mine"}).status_code == 201
    answer = admin.patch(f"{USERS}/{person.id}", json={"roles": ["viewer"]})
    assert (answer.status_code, answer.json["roles"]) == (200, ["viewer"])
    assert person.get("/api/v1/tasks").json["code"] == "token_revoked"
    assert refresh(person).status_code == 200
    assert person.get("/api/v1/me").json["roles"] == ["viewer"]
    assert person.post("/api/v1/tasks", json={"title": "Mine"}).json["code"] == "permission_denied"


def test_a_role_is_given_and_taken_twice_and_each_time_old_tokens_are_void(admin, person):
    for roles, status in ((["admin"], 200), (["editor"], 403), (["admin"], 200)):
        admin.patch(f"{USERS}/{person.id}", json={"roles": roles})
        assert person.get("/api/v1/me").json["code"] == "token_revoked"
        refresh(person)
        assert person.get(USERS).status_code == status


def test_roles_are_kept_once_each_and_in_order(admin, person):
    answer = admin.patch(f"{USERS}/{person.id}", json={"roles": ["admin", "viewer"]})
    assert answer.json["roles"] == ["viewer", "admin"]


def test_the_same_roles_again_void_no_token(admin, person):
    assert admin.patch(f"{USERS}/{person.id}", json={"roles": ["editor"]}).status_code == 200
    assert person.get("/api/v1/me").status_code == 200
    assert "roles_changed" not in events(admin, subject=person.id)


def test_a_change_of_roles_tells_from_what_to_what_and_by_whom(admin, person):
    admin.patch(f"{USERS}/{person.id}", json={"roles": ["viewer"]})
    [entry] = admin.get(AUDIT, query_string={"event": "roles_changed", "subject": person.id}).json["items"]
    assert (entry["actor_id"], entry["details"]) == (admin.id, {"before": ["editor"], "after": ["viewer"]})
    assert entry["ip"] == "127.0.0.1"


def test_people_do_not_learn_from_where_an_administrator_acted_on_them(admin, person):
    admin.patch(f"{USERS}/{person.id}", json={"name": "Renamed"})
    entry = person.get("/api/v1/me/activity").json["items"][0]
    assert (entry["event"], entry["actor_id"], entry["ip"], entry["user_agent"]) == (
        "profile_changed", admin.id, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"roles": []}, {"roles": ["owner"]}, {"roles": [1]}, {"roles": None}, {"active": "true"}, {"active": None},
        {"password": PASSWORD}, {"epoch": 0}, {"name": ""},
        {"roles": ["viewer", "viewer", "viewer", "viewer"]},
    ],
)  # fmt: skip
def test_a_change_that_may_not_be_is_refused_whole(app, admin, person, changes):
    answer = admin.patch(f"{USERS}/{person.id}", json={"name": "New", **changes})
    assert answer.status_code == 422
    assert stored(app, person.id).name is None


# In and out


def test_a_person_who_is_shut_out_is_refused_everywhere_in_the_words_of_a_wrong_password(admin, person, client):
    wrong = client.post(LOGIN, json={"username": person.username, "password": "wrong"}).json
    answer = admin.patch(f"{USERS}/{person.id}", json={"active": False})
    assert (answer.status_code, answer.json["active"]) == (200, False)
    assert person.get("/api/v1/me").json["code"] == "token_revoked"
    assert refresh(person).json["code"] == "invalid_refresh_token"
    answer = client.post(LOGIN, json={"username": person.username, "password": PASSWORD})
    assert answer.status_code == 401
    assert {**answer.json, "request_id": None} == {**wrong, "request_id": None}


def test_a_person_who_is_let_in_again_signs_in_and_old_tokens_stay_void(admin, person, client):
    for active in (False, True):
        admin.patch(f"{USERS}/{person.id}", json={"active": active})
    assert person.get("/api/v1/me").json["code"] == "token_revoked"
    assert refresh(person).json["code"] == "invalid_refresh_token"
    assert client.post(LOGIN, json={"username": person.username, "password": PASSWORD}).status_code == 200
    assert {"activated", "deactivated"} <= set(events(admin, subject=person.id))


def test_a_person_who_is_signed_out_is_out_on_every_device_and_may_sign_in_again(app, admin, person):
    devices = [person, begin(app, person.username)]
    assert admin.post(f"{USERS}/{person.id}/sign-out").status_code == 204
    for device in devices:
        assert device.get("/api/v1/me").json["code"] == "token_revoked"
        assert refresh(device).json["code"] == "invalid_refresh_token"
    assert begin(app, person.username).get("/api/v1/me").status_code == 200
    ended = admin.get(AUDIT, query_string={"event": "sign_out", "subject": person.id}).json["items"]
    assert [entry["actor_id"] for entry in ended] == [admin.id] * 2


def test_nobody_by_that_id_cannot_be_signed_out(admin):
    assert admin.post(f"{USERS}/{uuid4()}/sign-out").status_code == 404


def test_a_person_is_deleted_with_all_that_they_own(app, admin, person):
    person.post("/api/v1/tasks", json={"title": "Mine"})
    assert admin.delete(f"{USERS}/{person.id}").status_code == 204
    assert admin.get(f"{USERS}/{person.id}").status_code == 404
    assert person.get("/api/v1/tasks").json["code"] == "token_revoked"
    assert refresh(person).json["code"] == "invalid_refresh_token"
    assert stored(app, person.id) is None
    assert events(admin, subject=person.id)[0] == "deleted"


def test_the_log_keeps_what_it_says_of_a_deleted_account(signed_in, admin):
    client = signed_in()
    user_id = client.get("/api/v1/me").json["id"]
    client.delete("/api/v1/me")
    items = admin.get(AUDIT, query_string={"subject": user_id}).json["items"]
    assert (items[0]["event"], items[-1]["event"]) == ("deleted", "created")


def test_a_password_is_checked_with_the_other_fields(admin):
    answer = admin.post(USERS, json={"username": "a b", "password": "p" * 129, "roles": ["editor"]})
    assert answer.json["errors"]["json"].keys() == {"username", "password"}
    assert answer.json["errors"]["json"]["password"] == ["Must have 12 to 128 characters."]
