"""Idempotency-Key: sent twice, done once."""

from datetime import timedelta

import pytest
import time_machine

from taskapi.database import now
from taskapi.security import idempotency

REQUESTS = {
    "tasks": {"title": "Milk", "labels": ["home"]},
    "projects": {"name": "Garden"},
    "labels": {"name": "home"},
    "tasks/batch": {"operations": [{"op": "create", "data": {"title": "Milk"}}]},
}
KEPT = ("Location", "ETag", "Content-Type", "Cache-Control")


def send(client, what="tasks", key="k-1", **changes):
    return client.post(f"/api/v1/{what}", json=REQUESTS[what] | changes, headers={"Idempotency-Key": key})


def count(client, what="tasks"):
    return len(client.get(f"/api/v1/{what.removesuffix('/batch')}").json["items"])


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_sent_again_gets_the_first_answer_and_does_nothing_more(owner, what):
    first, second = send(owner, what), send(owner, what)
    assert first.status_code in {200, 201}, first.text
    assert (second.status_code, second.data) == (first.status_code, first.data)
    assert [second.headers.get(name) for name in KEPT] == [first.headers.get(name) for name in KEPT]
    assert (first.headers.get("Idempotency-Replayed"), second.headers["Idempotency-Replayed"]) == (None, "true")
    assert count(owner, what) == 1


def test_the_first_answer_comes_again_whatever_became_of_the_task(owner):
    first = send(owner)
    owner.delete(f"{first.headers['Location']}?permanent=true")
    assert send(owner).json == first.json


def test_a_key_with_another_body_or_another_place_is_refused(owner):
    send(owner)
    for answer in (send(owner, title="Bread"), send(owner, "projects")):
        assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")
    assert count(owner) == 1


def test_other_keys_other_people_and_no_key_make_more(owner, signed_in):
    made = [send(client, key=key) for client, key in ((owner, "a"), (owner, "b"), (signed_in(), "a"))]
    made.append(owner.post("/api/v1/tasks", json=REQUESTS["tasks"]))
    assert len({answer.json["id"] for answer in made}) == 4


def test_a_refusal_is_not_kept(owner):
    assert send(owner, project_id="01890000-0000-7000-8000-000000000000").status_code == 422
    assert send(owner).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ä"])
def test_an_ill_formed_key_is_refused(owner, key):
    assert send(owner, key=key).status_code == 400
    assert count(owner) == 0


def test_a_crash_before_the_end_leaves_neither_task_nor_answer(owner, app, monkeypatch):
    def crash(*_):
        raise RuntimeError("lost power")

    with monkeypatch.context() as patched:
        patched.setattr("sqlalchemy.orm.Session.commit", crash)
        assert send(owner).status_code == 500
    assert count(owner) == 0
    assert send(owner).headers.get("Idempotency-Replayed") is None
    assert count(owner) == 1


def test_a_key_is_forgotten_after_a_day(app, owner):
    send(owner)
    with time_machine.travel(now() + idempotency.LIFE + timedelta(minutes=1)):
        assert app.test_cli_runner().invoke(args=["prune"]).exit_code == 0
    assert "Idempotency-Replayed" not in send(owner).headers


def test_a_key_older_than_a_day_counts_for_nothing_even_before_the_pruning(owner, monkeypatch):
    send(owner)
    monkeypatch.setattr(idempotency, "LIFE", timedelta(0))
    assert "Idempotency-Replayed" not in send(owner).headers
    assert count(owner) == 2
