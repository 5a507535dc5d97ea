"""Search is bounded: in stored text, in searches that run at once, and in time."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
import sqlalchemy as sa
from searching import find
from task_files import add_tasks

from taskapi.database import db, rls_user
from taskapi.tasks import search
from taskapi.tasks.models import MAX_FOLDED_LENGTH, Task

pytestmark = pytest.mark.slow


@pytest.fixture
def add(owner):
    """Add a task of the owner; returns its id."""
    return lambda title, **values: owner.post("/api/v1/tasks", json={"title": title, **values}).json["id"]


def test_stored_folded_text_is_bounded(app, owner, add):
    add("Long", description="\ufdfa" * 20_000)
    add("Korean", description="한" * 19_990 + "끝")
    with app.app_context(), rls_user(caller_id(owner)):
        lengths = db.session.execute(sa.select(sa.func.length(Task.words)).order_by(Task.id)).scalars().all()
        db.session.rollback()
    assert max(lengths) <= MAX_FOLDED_LENGTH
    assert find(owner, "끝") == ["Korean"]


def caller_id(client):
    return UUID(client.get("/api/v1/me").json["id"])


def test_slow_search_is_stopped_with_503(owner, add, monkeypatch):
    texts = [{"title": "Long", "description": "milk and " * 2_200} for _ in range(300)]
    add_tasks(owner, texts)
    monkeypatch.setattr(search, "SEARCH_SECONDS", 0)
    slow = owner.get("/api/v1/tasks", query_string={"q": "kefir quark skyr curd cheese whey"})
    assert (slow.status_code, slow.json["code"], "Retry-After" in slow.headers) == (503, "unavailable", True)
    monkeypatch.undo()
    assert find(owner, "kefir") == []
    assert owner.get("/api/v1/tasks?limit=1").status_code == 200


def test_user_runs_at_most_two_searches_at_once(app, owner, other):
    other.post("/api/v1/tasks", json={"title": "Milk"})
    texts = [{"title": "Long", "description": "milk and " * 2_200} for _ in range(300)]
    add_tasks(owner, texts)
    q = "kefir quark skyr curd cheese whey butter yoghurt"

    def ask(_):
        client = app.test_client()
        client.environ_base.update(owner.environ_base)
        return client.get("/api/v1/tasks", query_string={"q": q})

    with ThreadPoolExecutor(12) as pool:
        responses = [*pool.map(ask, range(36))]
    refused = [response for response in responses if response.status_code != 200]
    assert {response.status_code for response in responses} == {200, 429}
    assert all(response.headers["Retry-After"] == "1" for response in refused)
    assert find(owner, q) == []
    assert find(other, "milk") == ["Milk"]
