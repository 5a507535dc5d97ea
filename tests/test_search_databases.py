# ruff: noqa: RUF001 - these tests are about characters that look alike
"""Search finds the same on SQLite and on PostgreSQL, whatever the characters."""

import secrets

import hypothesis.strategies as st
import pytest
from conftest import PASSWORD
from flask_migrate import upgrade
from hypothesis import HealthCheck, given, settings
from searching import raise_task_count

from taskapi.database import db
from taskapi.database.types import fold
from taskapi.resources.pagination import FEW_TASKS
from taskapi.tasks.search import MAX_WORDS, words_of

pytestmark = pytest.mark.slow

CASES = [str, str.upper, str.lower, str.swapcase]
characters = st.one_of(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]),
    st.sampled_from("™ℌŁłøØßẞıİKſꙊﬁﷺ℀Ⅷ①Ａ'’\"“´`%_\\\u0301\u00ad\u200d한가ᄒ"),
)
texts = st.text(characters.filter(lambda each: each not in "\u2028\u2029"), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None, suppress_health_check=[*HealthCheck])
@given(text=texts, other=texts, part=st.tuples(st.integers(0, 11), st.integers(1, 12)), case=st.sampled_from(CASES))
def test_databases_find_the_same_in_any_text(searchers, text, other, part, case):
    """Each text is found by every part of it in any case, and by nothing that does not fold to a part of it."""
    description = f"{text}\n{other}"
    start, length = part
    for q in {case(text[start : start + length]), other}:
        if not q.strip():
            continue
        expected = all(word in f"x\n{fold(description)}" for word in fold(q).split())
        for client, task in searchers:
            assert client.patch(task, json={"title": "x", "description": description}).status_code == 200
            response = client.get("/api/v1/tasks", query_string={"q": q})
            assert response.status_code == (200 if 1 <= len(words_of(q)) <= MAX_WORDS else 422), q
            if response.status_code == 200:
                assert [item["description"] for item in response.json["items"]] == [description] * expected, q


@pytest.fixture(scope="module")
def searchers(app, make_app, tmp_path_factory):
    """A user with one task on each available database, once counted as few tasks and once as many."""
    apps = [app]
    with app.app_context():
        if db.engine.dialect.name == "postgresql":
            apps.append(make_app(DATABASE_URL=f"sqlite:///{tmp_path_factory.mktemp('other') / 'test.db'}"))
            with apps[1].app_context():
                upgrade(revision="heads")
    return [searcher(app, more) for app in apps for more in (0, FEW_TASKS)]


def searcher(app, more):
    client = app.test_client()
    client.username = f"searcher-{secrets.token_hex(6)}"
    credentials = {"username": client.username, "password": PASSWORD}
    assert client.post("/api/v1/auth/register", json=credentials).status_code == 201
    token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    raise_task_count(client, more)
    return client, client.post("/api/v1/tasks", json={"title": "x"}).headers["Location"]
