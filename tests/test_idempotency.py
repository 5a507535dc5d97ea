"""Idempotency-Key: a repeated request gets the stored response."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine
from conftest import PASSWORD
from surface import declared

from taskapi.database import db, now, rls_user
from taskapi.resources import idempotency
from taskapi.resources.idempotency import StoredResponse

REQUESTS = {
    "tasks": {"title": "Milk", "labels": ["home"]},
    "projects": {"name": "Garden"},
    "labels": {"name": "home"},
} | declared("IDEMPOTENT")
KEPT = ("Location", "ETag", "Content-Type", "Cache-Control")


def send(client, what="tasks", key="k-1", **changes):
    return client.post(f"/api/v1/{what}", json=REQUESTS[what] | changes, headers={"Idempotency-Key": key})


def count(client, what="tasks"):
    return len(client.get(f"/api/v1/{what.removesuffix('/batch')}").json["items"])


@pytest.mark.parametrize("what", REQUESTS)
def test_repeated_request_gets_the_first_response(owner, what):
    first, second = send(owner, what), send(owner, what)
    assert first.status_code in {200, 201}, first.text
    assert (second.status_code, second.data) == (first.status_code, first.data)
    assert [second.headers.get(name) for name in KEPT] == [first.headers.get(name) for name in KEPT]
    assert (first.headers.get("Idempotency-Replayed"), second.headers["Idempotency-Replayed"]) == (None, "true")
    assert count(owner, what) == 1


def test_repeated_request_gets_the_first_response_after_deletion(owner):
    first = send(owner)
    owner.delete(f"{first.headers['Location']}?permanent=true")
    assert send(owner).json == first.json


def test_key_with_another_body_or_path_is_422(owner):
    send(owner)
    for response in (send(owner, title="Bread"), send(owner, "projects")):
        assert (response.status_code, response.json["code"]) == (422, "idempotency_key_reused")
    assert count(owner) == 1


def test_other_keys_and_users_create_more(owner, signed_in):
    made = [send(client, key=key) for client, key in ((owner, "a"), (owner, "b"), (signed_in(), "a"))]
    made.append(owner.post("/api/v1/tasks", json=REQUESTS["tasks"]))
    assert len({response.json["id"] for response in made}) == 4


def test_error_response_is_not_stored(owner):
    assert send(owner, project_id="01890000-0000-7000-8000-000000000000").status_code == 422
    assert send(owner).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ä"])
def test_malformed_key_is_400(owner, key):
    assert send(owner, key=key).status_code == 400
    assert count(owner) == 0


def test_crash_leaves_neither_task_nor_stored_response(owner, app, monkeypatch):
    def crash(*_):
        raise RuntimeError("lost power")

    with monkeypatch.context() as patched:
        patched.setattr("sqlalchemy.orm.Session.commit", crash)
        assert send(owner).status_code == 500
    assert count(owner) == 0
    assert send(owner).headers.get("Idempotency-Replayed") is None
    assert count(owner) == 1


def test_stored_response_is_pruned_after_24_hours(app, owner):
    send(owner)
    with time_machine.travel(now() + idempotency.LIFETIME + timedelta(minutes=1)):
        assert app.test_cli_runner().invoke(args=["prune"]).exit_code == 0
    assert "Idempotency-Replayed" not in send(owner).headers


def test_stored_response_expires_before_it_is_pruned(owner, monkeypatch):
    send(owner)
    monkeypatch.setattr(idempotency, "LIFETIME", timedelta(0))
    assert "Idempotency-Replayed" not in send(owner).headers
    assert count(owner) == 2


def test_stored_responses_of_a_user_are_limited_in_bytes(make_app, new_user):
    app = make_app(MAX_STORED_RESPONSE_BYTES=20_000)
    owner = sign_in(app, new_user())
    text = {"description": "x" * 5_000}
    keys = [f"k-{number}" for number in range(8)]
    first = [send(owner, key=key, **text) for key in keys]
    assert {response.status_code for response in first} == {201}
    assert stored_bytes(app, owner) <= 20_000
    again = [send(owner, key=key, **text) for key in keys]
    assert (again[0].status_code, again[0].json["code"]) == (409, "response_not_stored")
    assert again[-1].data == first[-1].data
    assert count(owner) == 8  # no request was processed twice


def test_response_that_is_too_large_is_not_stored(make_app, new_user):
    owner = sign_in(make_app(MAX_STORED_RESPONSE_BYTES=1000), new_user())
    assert send(owner, description="x" * 5_000).status_code == 201
    assert send(owner, description="x" * 5_000).json["code"] == "response_not_stored"
    assert count(owner) == 1


def test_stored_responses_of_a_user_are_limited_in_number(make_app, new_user):
    app = make_app(MAX_STORED_RESPONSES=3)
    owner = sign_in(app, new_user())
    responses = [send(owner, key=f"k-{number}") for number in range(4)]
    assert [response.status_code for response in responses] == [201, 201, 201, 409]
    assert responses[3].json["code"] == "quota_exceeded"
    assert count(owner) == 3
    assert owner.post("/api/v1/tasks", json=REQUESTS["tasks"]).status_code == 201
    assert send(owner, key="k-0").headers["Idempotency-Replayed"] == "true"
    with time_machine.travel(now() + idempotency.LIFETIME + timedelta(minutes=1)):
        later = sign_in(app, owner.username)
        assert send(later, key="k-0").status_code == 201
        assert "Idempotency-Replayed" not in send(later, key="k-9").headers
    assert app.test_cli_runner().invoke(args=["prune"]).exit_code == 0


def sign_in(app, username):
    client = app.test_client()
    login = client.post("/api/v1/auth/login", json={"username": username, "password": PASSWORD})
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {login.json['access_token']}"
    client.username = username
    return client


def stored_bytes(app, owner):
    """Return the size of a user's stored responses in bytes."""
    owner_id = UUID(owner.get("/api/v1/me").json["id"])
    total = sa.select(sa.func.sum(sa.func.length(StoredResponse.body))).where(StoredResponse.owner_id == owner_id)
    with app.app_context(), rls_user(owner_id):
        return db.session.execute(total).scalar_one()
