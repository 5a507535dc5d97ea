"""Any body of a task: accepted values are returned exactly, and a rejected value names its field."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

TASKS = "/api/v1/tasks"
LINE_BREAKS = "\n\u2028\u2029"
EASY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

characters = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=LINE_BREAKS)
lines = st.text(characters, min_size=1, max_size=200)
titles = lines.filter(str.strip)
texts = st.text(st.one_of(characters, st.sampled_from(f"\t{LINE_BREAKS}")), max_size=500)
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 29), timezones=offsets).map(  # noqa: DTZ001
    lambda instant: instant.isoformat()
)
days = st.dates(datetime(1970, 1, 1, tzinfo=UTC).date()).map(lambda day: day.isoformat())
dues = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"due_date": days}, optional={"due_at": st.none()}),
    st.fixed_dictionaries({"due_at": instants}, optional={"due_date": st.none()}),
    st.just({"due_at": None, "due_date": None}),
)
labels = st.lists(
    st.text(st.characters(categories=["Lu", "Ll", "Nd"], max_codepoint=0x24F), min_size=1, max_size=20), max_size=4
)
rest = {
    "description": texts,
    "status": st.sampled_from(["todo", "in_progress", "done", "cancelled"]),
    "priority": st.sampled_from(["none", "low", "medium", "high", "urgent"]),
    "project_id": st.none(),
    "parent_id": st.none(),
    "labels": labels,
}
bodies = st.builds(lambda body, due: body | due, st.fixed_dictionaries({"title": titles}, optional=rest), dues)
patches = st.builds(lambda body, due: body | due, st.fixed_dictionaries({}, optional={"title": titles, **rest}), dues)
scraps = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=30),
    st.text(st.characters(categories=["Cc", "Cs"]), min_size=1, max_size=3), st.sampled_from(["x" * 201, "x" * 20_001]),
    st.lists(st.text(max_size=3), max_size=22), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
NAMES = ["title", "due_date", "due_at", *rest]
wild = st.dictionaries(st.sampled_from(NAMES), scraps, min_size=1).map(lambda body: {"title": "Milk"} | body)


def assert_kept(task, body):
    """Compare a task with its body: texts exactly, instants as instants, labels as a set, ignoring case."""
    sent = {name: value for name, value in body.items() if name not in {"due_at", "labels"}}
    if "title" in sent:
        sent["title"] = sent["title"].strip()
    assert {name: task[name] for name in sent} == sent
    if body.get("due_at"):
        assert task["due_at"].endswith("Z")
        assert datetime.fromisoformat(task["due_at"]) == datetime.fromisoformat(body["due_at"])
    if "labels" in body:
        assert {name.casefold() for name in task["labels"]} == {name.casefold() for name in body["labels"]}


def test_accepted_values_are_returned_exactly(signed_in):
    owner = signed_in()

    @EASY
    @given(bodies, patches)
    def check(body, patch):
        made = owner.post(TASKS, json=body)
        assert made.status_code == 201, made.text
        url = made.headers["Location"]
        assert made.json == owner.get(url).json
        assert_kept(made.json, body)
        changed = owner.patch(url, json=patch)
        assert changed.status_code == 200, changed.text
        assert changed.json == owner.get(url).json
        assert_kept(changed.json, patch)
        untouched = set(body) - set(patch) - {"due_date", "due_at"}
        assert_kept(changed.json, {name: body[name] for name in untouched})

    check()


def test_rejected_value_names_its_field_and_changes_nothing(signed_in):
    owner = signed_in()
    url = owner.post(TASKS, json={"title": "Milk"}).headers["Location"]

    @EASY
    @given(wild)
    def check(body):
        assert_taken_or_named(send(owner.post, TASKS, body), body)
        before = owner.get(url).json
        response = send(owner.patch, url, body)
        assert_taken_or_named(response, body)
        if response.status_code != 200:
            assert owner.get(url).json == before

    check()


def send(method, url, body):
    """Send a body in plain ASCII, as only that can spell lone surrogates."""
    return method(url, data=json.dumps(body), content_type="application/json")


def assert_taken_or_named(response, body):
    assert response.status_code in {200, 201, 422}, response.text
    if response.status_code == 422:
        named = response.json["errors"]["json"]
        assert named
        assert named.keys() <= body.keys(), named
        assert not re.search("Traceback|sqlalchemy|psycopg", response.text)
