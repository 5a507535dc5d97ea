"""An import of an exported file creates the same tasks, projects and labels."""

import json
from datetime import UTC

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar
from surface import needs
from task_files import (
    EXPORT,
    IMPORT,
    add_examples,
    add_tasks,
    counts,
    events,
    export_csv,
    export_tasks,
    import_csv,
    import_tasks,
    without_ids,
)

from taskapi.api.fields import EARLIEST
from taskapi.resources.models import name_key
from taskapi.tasks.schemas import PRIORITIES, STATUSES

pytestmark = needs("exports", "imports")


def test_import_of_an_export_creates_the_same_tasks(owner, other):
    add_examples(owner)
    tasks = export_tasks(owner)
    response = import_tasks(other, tasks)
    assert response.json == {"created": 4, "projects": 1, "labels": 2, "dry_run": False}
    again = export_tasks(other)
    assert without_ids(again) == without_ids(tasks)
    assert {task["id"] for task in again}.isdisjoint(task["id"] for task in tasks)


def test_tasks_keep_the_order_of_a_file(owner, other):
    parents = {"a": None, "b": None, "c": "b", "d": "a", "e": "d", "f": "c", "g": "b"}
    rows = [{"id": title, "title": title, "parent_id": parent} for title, parent in parents.items()]
    assert import_tasks(owner, rows).status_code == 200
    tasks = export_tasks(owner)
    assert [task["title"] for task in tasks] == list("abcdefg")
    assert import_tasks(other, tasks[::-1]).status_code == 200
    assert [task["title"] for task in export_tasks(other)] == list("bagfedc")


def test_export_and_import_are_recorded_with_their_counts(owner, other):
    add_examples(owner)
    import_tasks(other, export_tasks(owner))
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


@pytest.mark.slow
@needs("csv_imports")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=task_rows())
def test_imported_tasks_are_exported_unchanged(signed_in, rows):
    first = signed_in()
    assert import_tasks(first, rows).status_code == 200
    tasks = export_tasks(first)
    by_place = sorted(rows, key=lambda row: row["parent_id"] is not None)  # the order of the file, subtasks last
    for row, task in zip(by_place, tasks, strict=True):
        for name in row.keys() & {"title", "description", "status", "priority", "due_date", "due_at", "completed_at"}:
            assert (name, task[name]) == (name, row[name])
        assert {*map(name_key, task["labels"])} == {*map(name_key, row["labels"])}
    second, third = signed_in(), signed_in()
    assert import_csv(second, export_csv(first)).status_code == 200
    assert import_tasks(third, tasks).status_code == 200
    assert without_ids(export_tasks(second)) == without_ids(export_tasks(third)) == without_ids(tasks)


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
    return {**file, "tasks": without_ids(file["tasks"])}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=task_rows(), projects=projects, labels=labels)
def test_import_into_an_empty_account_restores_the_whole_file(signed_in, rows, projects, labels):
    first, second = signed_in(), signed_in()
    sent = {"tasks": rows, "projects": projects, "labels": labels}
    assert first.post(IMPORT, json=sent).status_code == 200
    file = first.get(f"{EXPORT}.json").data
    for kind, rows_sent in (("projects", projects), ("labels", labels)):
        kept = {name_key(row["name"]): row for row in json.loads(file)[kind]}
        assert {name_key(row["name"]): row for row in rows_sent}.items() <= kept.items()
    assert second.post(IMPORT, data=file, content_type="application/json").status_code == 200
    assert account(second) == account(first)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=task_rows())
def test_calendar_has_the_values_of_the_tasks(signed_in, rows):
    client = signed_in()
    import_tasks(client, rows)
    text = client.get(f"{EXPORT}.ics").data
    assert max(map(len, text.split(b"\r\n"))) <= 75
    todos = Calendar.from_ical(text).walk("VTODO")
    for todo, task in zip(todos, export_tasks(client), strict=True):
        assert todo.errors == []
        assert str(todo["SUMMARY"]) == task["title"]
        assert str(todo.get("DESCRIPTION", "")) == task["description"]
        assert [str(name) for name in (todo["CATEGORIES"].cats if "CATEGORIES" in todo else ())] == task["labels"]
        assert todo.get("RELATED-TO") == task["parent_id"]


@needs("csv_imports")
def test_import_of_a_csv_export_creates_the_same_tasks(owner, other):
    add_examples(owner)
    response = import_csv(other, export_csv(owner), "text/csv; charset=UTF-8; header=present")
    assert response.json["warnings"] == []
    assert response.json["source"]["ignored_columns"] == []
    assert counts(response) == {"created": 4, "projects": 1, "labels": 2, "dry_run": False}
    assert without_ids(export_tasks(other)) == without_ids(export_tasks(owner))


@needs("csv_imports")
def test_csv_export_with_a_byte_order_mark_can_be_imported(owner, other):
    add_examples(owner)
    response = import_csv(other, owner.get(f"{EXPORT}.csv?bom=true").data)
    assert response.json["warnings"] == []
    assert without_ids(export_tasks(other)) == without_ids(export_tasks(owner))


@needs("csv_imports")
@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "'=1", "''=1", 'a;=HYPERLINK("https://example.org")', "a;-1;+2;@b", 'a;"=1"', "a;''=1", '"=1', "a\t=1",
        "a\n=1\n\n- b", ";=", "a;b;'c", "it's; 'fine'", "a;\uff1d1", "x\n\ny", "\t=1\t=2",
    ],
)  # fmt: skip
def test_csv_export_of_formulas_can_be_imported(owner, other, text):
    """An import removes the apostrophes that an export adds, and no others."""
    line = text.replace("\n", " ")
    add_tasks(owner, [{"title": line, "description": text, "labels": [line]}])
    assert import_csv(other, export_csv(owner)).status_code == 200
    assert without_ids(export_tasks(other)) == without_ids(export_tasks(owner))
