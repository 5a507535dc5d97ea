"""/admin/users/{id}/tokens: an administrator lists and deletes the personal tokens of a user."""

from uuid import uuid4

import pytest
from surface import needs

from tests.extensions.personal_tokens.token_client import bearing, create

pytestmark = needs("admin")

TASKS = "/api/v1/tasks"


@pytest.fixture
def admin(signed_in):
    return signed_in("admin")


def path_of(client):
    return f"/api/v1/admin/users/{client.get('/api/v1/me').json['id']}/tokens"


def test_administrator_lists_the_tokens_of_a_user_without_their_secrets(admin, owner, other):
    tokens = [create(owner, name=f"Script {number}") for number in range(3)]
    create(other)
    page = admin.get(path_of(owner) + "?limit=2")
    rest = admin.get(page.headers["Link"].partition(">")[0][1:])
    listed = page.json["items"] + rest.json["items"]
    expected = [{name: value for name, value in token.items() if name != "token"} for token in reversed(tokens)]
    assert listed == expected
    assert rest.json["next_cursor"] is None


def test_administrator_deletes_all_tokens_of_a_user(app, admin, owner, other):
    mine, theirs = [create(owner) for _ in range(2)], create(other)
    assert admin.delete(path_of(owner)).status_code == 204
    assert [bearing(app, token["token"]).get(TASKS).status_code for token in (*mine, theirs)] == [401, 401, 200]
    assert admin.delete(path_of(owner)).status_code == 204


def test_deletion_by_an_administrator_is_recorded_for_both(admin, owner):
    token = create(owner)
    admin.delete(path_of(owner))
    ids = [client.get("/api/v1/me").json["id"] for client in (admin, owner)]
    [entry] = [each for each in owner.get("/api/v1/me/activity").json["items"] if each["event"] == "token_deleted"]
    assert [entry["actor_id"], entry["subject_id"], entry["details"]["token_id"]] == [*ids, token["id"]]
    query = f"?event=token_deleted&subject={ids[1]}"
    assert [each["id"] for each in admin.get(f"/api/v1/admin/audit{query}").json["items"]] == [entry["id"]]


def test_unknown_user_is_not_found(admin):
    path = f"/api/v1/admin/users/{uuid4()}/tokens"
    assert [admin.get(path).status_code, admin.delete(path).status_code] == [404, 404]


def test_cursor_of_one_user_is_refused_for_another(admin, owner, other):
    for _ in range(2):
        create(owner)
    cursor = admin.get(path_of(owner) + "?limit=1").json["next_cursor"]
    response = admin.get(path_of(other), query_string={"cursor": cursor, "limit": 1})
    assert (response.status_code, response.json["code"]) == (400, "invalid_cursor")
