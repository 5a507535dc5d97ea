"""/tasks/export and /tasks/import together: nothing is lost on the way."""

import json
from datetime import UTC, datetime

from exchanging import EXPORT, IMPORT, TASKS, bring, bring_csv, events, exported, live, meaning, table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from taskapi.api.fields import EARLIEST
from taskapi.resources.models import name_key
from taskapi.tasks.schemas import PRIORITIES, STATUSES


def test_an_import_makes_the_same_for_another_person(owner, other):
    live(owner)
    tasks = exported(owner)
    answer = bring(other, tasks)
    assert answer.json == {"created": 4, "projects": 1, "labels": 2, "dry_run": False}
    again = exported(other)
    assert meaning(again) == meaning(tasks)
    assert {task["id"] for task in again}.isdisjoint(task["id"] for task in tasks)


def test_exports_and_imports_are_recorded_with_their_counts(owner, other):
    live(owner)
    bring(other, exported(owner))
    assert events(owner)["exported"] == {"tasks": 4, "format": "json"}
    assert events(other)["imported"] == {"created": 4, "projects": 1, "labels": 2}


STARTS = ["", *"=+-@\uff1d", "'", "'=", "''+", '"', ",", ";", "\\", "\\n", " ", 'a,"b"']  # what parsers stumble over
letters = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
instants = st.datetimes(EARLIEST.replace(tzinfo=None), timezones=st.just(UTC)).map(
    lambda moment: moment.isoformat().replace("+00:00", "Z")
)
days = st.dates(EARLIEST.date()).map(str)
due = st.just({}) | st.builds(dict, due_date=days) | st.builds(dict, due_at=instants)
texts = st.builds(
    str.__add__,
    st.sampled_from([*STARTS, "\n", "\t=", "'\n"]),
    st.text(letters | st.sampled_from("\n\t\u2028"), max_size=300),
)


def lines(most):
    text = st.builds(str.__add__, st.sampled_from(STARTS), st.text(letters | st.just("\t"), max_size=most - 4))
    return text.map(str.strip).filter(bool)


def trees(rows):
    """Put each row into the project of the row at its top."""
    by_id = {row["id"]: row for row in rows}
    for row in rows:  # parents come first
        row["project"] = by_id[row["parent_id"]]["project"] if row["parent_id"] else row["project"]
    return rows


@st.composite
def task_rows(draw):
    rows = []
    for index in range(draw(st.integers(1, 5))):
        row = {"id": str(index), "title": draw(lines(200)), "description": draw(texts), "created_at": draw(instants)}
        row |= {"priority": draw(st.sampled_from(PRIORITIES)), "status": draw(st.sampled_from(STATUSES))} | draw(due)
        row["project"] = draw(st.none() | lines(100))
        row["labels"] = draw(st.lists(lines(50), max_size=5, unique_by=name_key))
        row["completed_at"] = draw(instants) if row["status"] == "done" else None
        row["parent_id"] = draw(st.sampled_from([None, *(row["id"] for row in rows)]))
        rows.append(row)
    return trees(rows)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=task_rows())
def test_what_goes_in_comes_out_in_every_form(signed_in, rows):
    first = signed_in()
    assert bring(first, rows).status_code == 200
    tasks = exported(first)
    by_instant = sorted(rows, key=lambda row: datetime.fromisoformat(row["created_at"]))
    for row, task in zip(by_instant, tasks, strict=True):
        for name in row.keys() & {"title", "description", "status", "priority", "due_date", "due_at", "completed_at"}:
            assert (name, task[name]) == (name, row[name])
        assert {*map(name_key, task["labels"])} == {*map(name_key, row["labels"])}
    second, third = signed_in(), signed_in()
    assert bring_csv(second, table(first)).status_code == 200
    assert bring(third, tasks).status_code == 200
    assert meaning(exported(second)) == meaning(exported(third)) == meaning(tasks)


colors = st.none() | st.from_regex("#[0-9a-f]{6}", fullmatch=True)
labels = st.lists(
    st.builds(dict, name=lines(50), color=colors), max_size=4, unique_by=lambda row: name_key(row["name"])
)
projects = st.lists(
    st.builds(
        dict,
        name=lines(100),
        description=texts,
        color=colors,
        archived=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda row: name_key(row["name"]),
)


def account(client):
    """Return all that a JSON file keeps of an account."""
    file = client.get(f"{EXPORT}.json").json
    return {**file, "tasks": meaning(file["tasks"])}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=task_rows(), projects=projects, labels=labels)
def test_a_whole_account_goes_out_and_into_an_empty_one_and_is_the_same(signed_in, rows, projects, labels):
    first, second = signed_in(), signed_in()
    sent = {"tasks": rows, "projects": projects, "labels": labels}
    assert first.post(IMPORT, json=sent).status_code == 200
    file = first.get(f"{EXPORT}.json").data
    for kind, rows_sent in (("projects", projects), ("labels", labels)):
        kept = {name_key(row["name"]): row for row in json.loads(file)[kind]}
        assert {name_key(row["name"]): row for row in rows_sent}.items() <= kept.items()
    assert second.post(IMPORT, data=file, content_type="application/json").status_code == 200
    assert account(second) == account(first)


def calendar(client):
    return Calendar.from_ical(client.get(f"{EXPORT}.ics").data)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=task_rows())
def test_a_calendar_says_what_was_meant(signed_in, rows):
    client = signed_in()
    bring(client, rows)
    text = client.get(f"{EXPORT}.ics").data
    assert max(map(len, text.split(b"\r\n"))) <= 75
    todos = Calendar.from_ical(text).walk("VTODO")
    for todo, task in zip(todos, exported(client), strict=True):
        assert todo.errors == []
        assert str(todo["SUMMARY"]) == task["title"]
        assert str(todo.get("DESCRIPTION", "")) == task["description"]
        assert [str(name) for name in (todo["CATEGORIES"].cats if "CATEGORIES" in todo else ())] == task["labels"]
        assert todo.get("RELATED-TO") == task["parent_id"]


def test_a_calendar_has_a_to_do_for_each_task(owner):
    live(owner)
    answer = owner.get(f"{EXPORT}.ics")
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tasks.ics"'
    assert answer.text.startswith("BEGIN:VCALENDAR")  # which reads it to its end, so that the next export may start
    tasks = exported(owner)
    plants, water, call, formula = calendar(owner).walk("VTODO")
    assert [plants["UID"], water["RELATED-TO"]] == [tasks[0]["id"], tasks[0]["id"]]
    assert plants["CATEGORIES"].cats == ["green", "Home, sweet"]
    assert (water["STATUS"], water["PERCENT-COMPLETE"], str(water.decoded("DUE"))) == ("COMPLETED", 100, "2030-01-31")
    assert water.decoded("COMPLETED") == datetime.fromisoformat(tasks[1]["completed_at"]).replace(microsecond=0)
    assert (call.decoded("DUE"), call["PRIORITY"]) == (datetime(2030, 1, 31, 8, tzinfo=UTC), 1)
    assert (formula["DESCRIPTION"], formula["STATUS"]) == ("- one\n- “two”, 'three'\n", "CANCELLED")
    assert plants.decoded("CREATED") == datetime.fromisoformat(tasks[0]["created_at"]).replace(microsecond=0)


def test_no_text_breaks_out_of_its_line(owner):
    owner.post(TASKS, json={"title": "END:VTODO", "description": "x\nEND:VTODO\nBEGIN:VEVENT\\nSUMMARY:y;z,\u2028a"})
    [todo] = calendar(owner).walk("VTODO")
    assert todo["DESCRIPTION"] == "x\nEND:VTODO\nBEGIN:VEVENT\\nSUMMARY:y;z,\u2028a"
    assert not calendar(owner).walk("VEVENT")
