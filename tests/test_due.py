"""A due day or a due instant: never both, sorted and filtered together, overdue by the time zone of the user."""

from datetime import UTC, datetime

import pytest
import time_machine

TASKS = "/api/v1/tasks"
EVENING = "2030-01-31T23:59:59.999998Z"


@pytest.fixture
def add(owner):
    """Add a task of the owner with its due date as title; returns its URL."""
    return lambda due, **more: owner.post(
        TASKS, json={"title": due, "due_at" if "T" in due else "due_date": due, **more}
    ).headers["Location"]


def titles(owner, **query):
    return [item["title"] for item in owner.get(TASKS, query_string=query).json["items"]]


def due(task):
    return task["due_date"], task["due_at"]


@pytest.mark.parametrize("method", ["post", "patch"])
def test_due_date_together_with_due_at_is_422(owner, task, method):
    url = TASKS if method == "post" else f"{TASKS}/{task['id']}"
    body = {"title": "Milk", "due_date": "2030-01-31", "due_at": "2030-01-31T09:00:00Z"}
    response = getattr(owner, method)(url, json=body)
    assert (response.status_code, list(response.json["errors"]["json"])) == (422, ["due_at"])


def test_patch_of_due_date_or_due_at_clears_the_other(owner, add):
    url = add("2030-01-31")
    assert due(owner.patch(url, json={"due_at": "2030-02-01T09:00:00+01:00"}).json) == (None, "2030-02-01T08:00:00Z")
    assert due(owner.patch(url, json={"due_date": "2030-03-01"}).json) == ("2030-03-01", None)
    assert due(owner.patch(url, json={"due_at": None}).json) == ("2030-03-01", None)
    assert due(owner.patch(url, json={"due_date": None}).json) == (None, None)


def test_due_day_sorts_after_its_instants_and_no_due_is_last(owner, add):
    for moment in ("2030-02-01T00:00:00Z", "2030-01-31", EVENING, "2030-01-31T00:00:00Z"):
        add(moment)
    owner.post(TASKS, json={"title": "some day"})
    order = ["2030-01-31T00:00:00Z", EVENING, "2030-01-31", "2030-02-01T00:00:00Z"]
    assert titles(owner, sort="due") == [*order, "some day"]
    assert titles(owner, sort="-due") == [*order[::-1], "some day"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"due_after": "2030-01-31"}, ["2030-01-31T00:00:00Z", EVENING, "2030-01-31", "2030-02-01T00:00:00Z"]),
        ({"due_before": "2030-02-01"}, ["2030-01-30", "2030-01-31T00:00:00Z", EVENING, "2030-01-31"]),
        ({"due_before": "2030-01-31"}, ["2030-01-30"]),
        ({"due_before": EVENING}, ["2030-01-30", "2030-01-31T00:00:00Z"]),
        ({"due_after": EVENING, "due_before": "2030-02-01T01:00:00+01:00"}, [EVENING, "2030-01-31"]),
        ({"due_after": "2030-02-01T00:00:00.000001Z"}, []),
    ],
)
def test_due_filters_compare_days_with_instants(owner, add, query, found):
    for moment in ("2030-01-30", "2030-01-31T00:00:00Z", EVENING, "2030-01-31", "2030-02-01T00:00:00Z"):
        add(moment)
    owner.post(TASKS, json={"title": "some day"})
    assert titles(owner, sort="due", **query) == found


@pytest.mark.parametrize("moment", ["9999-12-31", "9999-12-31T23:59:59.999999Z", "1970-01-01", "1970-01-01T00:00:00Z"])
def test_first_and_last_instants_are_due_dates(owner, add, moment):
    owner.post(TASKS, json={"title": "some day"})
    add(moment)
    owner.post(TASKS, json={"title": "some day"})
    for sort in ("due", "-due", "due,-title", "-due,title"):
        assert titles(owner, sort=sort) == [moment, "some day", "some day"]
    assert titles(owner, due_after=moment) == [moment]
    assert titles(owner, due_before=moment) == []
    assert owner.get(TASKS, query_string={"due_after": moment}).json["items"][0]["title"] == moment


@pytest.mark.parametrize(
    ("zone", "last", "over"),
    [
        ("Pacific/Kiritimati", "2030-01-31T09:59:59Z", "2030-01-31T10:00:00Z"),
        ("America/Los_Angeles", "2030-02-01T07:59:59Z", "2030-02-01T08:00:00Z"),
    ],
)
def test_due_day_is_overdue_after_it_in_the_users_time_zone(owner, add, zone, last, over):
    owner.patch("/api/v1/me", json={"timezone": zone})
    add("2030-01-31")
    add("2030-01-30", status="done")
    owner.post(TASKS, json={"title": "some day"})
    assert overdue(owner, last) == ([], 0)
    assert overdue(owner, over) == (["2030-01-31"], 1)


def test_due_instant_is_overdue_when_it_is_past(owner, add):
    add("2030-01-31T09:00:00Z")
    assert overdue(owner, "2030-01-31T09:00:00Z") == ([], 0)
    assert overdue(owner, "2030-01-31T09:00:01Z") == (["2030-01-31T09:00:00Z"], 1)


def overdue(owner, moment):
    """Return the overdue tasks at a moment, from the list and from the summary, with a token of that moment."""
    with time_machine.travel(datetime.fromisoformat(moment).astimezone(UTC), tick=False):
        credentials = {"username": owner.username, "password": "correct horse battery staple"}
        token = owner.post("/api/v1/auth/login", json=credentials).json["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        listed = owner.get(f"{TASKS}?overdue=true", headers=bearer).json["items"]
        counted = owner.get(f"{TASKS}/summary", headers=bearer).json["overdue"]
    return [item["title"] for item in listed], counted
