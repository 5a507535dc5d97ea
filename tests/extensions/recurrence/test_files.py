"""Recurring tasks in exported and imported files."""

from datetime import date, datetime, timedelta

import pytest
from icalendar import Calendar
from surface import needs
from task_files import (
    EXPORT,
    export_csv,
    export_tasks,
    import_csv,
    import_tasks,
    list_tasks,
    row_errors,
    without_ids,
)  # fmt: skip

from tests.extensions.recurrence.recurring import BERLIN, TASKS, add, change, complete

RULES = ["FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=7", "FREQ=DAILY;UNTIL=20301231"]


@pytest.fixture
def examples(owner):
    """Recurring tasks of several kinds, one of which is done."""
    for number, rule in enumerate(RULES):
        add(owner, rule, "2030-01-31" if number else "2030-01-31T08:00:00Z", title=rule)
    complete(owner, add(owner, "FREQ=DAILY;INTERVAL=3", "2030-02-01", recurrence_from="completion"))


def comparable(client):
    return [
        {name: value for name, value in task.items() if name not in {"position", "version", "next_id"}}
        for task in without_ids(list_tasks(client))
    ]


@needs("exports", "imports")
@pytest.mark.parametrize("file_format", ["json", pytest.param("csv", marks=needs("csv_imports"))])
def test_export_and_import_keep_the_recurrence(owner, signed_in, examples, file_format):
    other = signed_in()
    if file_format == "json":
        response = import_tasks(other, export_tasks(owner))
    else:
        response = import_csv(other, export_csv(owner))
    assert response.json["created"] == 5, response.text
    by_title = lambda task: (task["title"], task["status"])  # noqa: E731
    assert sorted(comparable(other), key=by_title) == sorted(comparable(owner), key=by_title)
    assert {task["next_id"] for task in list_tasks(other)} == {None}


@needs("imports")
def test_import_refuses_what_the_api_refuses(owner):
    rows = [
        {"title": "A", "due_date": "2030-01-31", "recurrence": "FREQ=SECONDLY"},
        {"title": "B", "recurrence": "FREQ=DAILY"},
        {"title": "C", "due_date": "2030-01-31", "recurrence": "FREQ=DAILY", "recurrence_from": "now"},
    ]
    errors = row_errors(import_tasks(owner, rows))
    assert errors["0"] == {"recurrence": ["FREQ must be one of: DAILY, WEEKLY, MONTHLY, YEARLY."]}
    assert errors["1"] == {"recurrence": ["A recurring task needs a due date."]}
    assert errors["2"] == {"recurrence_from": ["Must be one of: due, completion."]}
    assert list_tasks(owner) == []


@needs("imports")
def test_imported_completed_task_is_not_followed(owner):
    row = {"title": "A", "due_date": "2030-01-31", "recurrence": "freq=daily", "status": "done"}
    assert import_tasks(owner, [row]).status_code == 200
    [task] = list_tasks(owner)
    assert (task["recurrence"], task["recurrence_from"], task["next_id"]) == ("FREQ=DAILY", "due", None)


@needs("exports")
def test_calendar_has_the_rules_of_open_tasks_in_local_time(owner, examples):
    assert owner.patch("/api/v1/me", json={"timezone": "Europe/Berlin"}).status_code == 200
    add(owner, "FREQ=WEEKLY;UNTIL=20300301", "2030-01-31T08:00:00Z", title="by day")
    add(owner, "FREQ=WEEKLY;UNTIL=20300301T233000Z", "2030-01-31", title="by instant")
    calendar = Calendar.from_ical(owner.get(f"{EXPORT}.ics").data)
    [zone] = calendar.walk("VTIMEZONE")
    assert zone["TZID"] == "Europe/Berlin"
    assert len(zone.subcomponents) > 1
    todos = {str(todo["SUMMARY"]): todo for todo in calendar.walk("VTODO") if todo["STATUS"] == "NEEDS-ACTION"}
    timed = todos[RULES[0]]
    assert timed.decoded("DUE") == timed.decoded("DTSTART") == datetime(2030, 1, 31, 9, tzinfo=BERLIN)
    assert timed["RRULE"].to_ical().decode() == RULES[0]
    assert str(timed["DUE"].params["TZID"]) == "Europe/Berlin"
    day = todos[RULES[1]]
    assert day.decoded("DUE") == day.decoded("DTSTART") == date(2030, 1, 31)
    assert {*day["RRULE"].to_ical().decode().split(";")} == {*RULES[1].split(";")}
    assert todos["by day"]["RRULE"]["UNTIL"] == [datetime.fromisoformat("2030-03-01T22:59:59Z")]
    assert todos["by instant"]["RRULE"]["UNTIL"] == [date(2030, 3, 2)]
    [done] = [todo for todo in calendar.walk("VTODO") if todo["STATUS"] == "COMPLETED"]
    assert not {"RRULE", "DTSTART"} & {*done}
    assert todos["Water the plants"]["X-RECURRENCE-FROM"] == "COMPLETION"


@needs("exports")
@pytest.mark.parametrize(
    ("due", "rule", "written"),
    [
        ("9999-12-31T20:00:00Z", "FREQ=DAILY", "DUE:99991231T200000Z\r\nEND:VTODO"),
        ("9999-12-30", "FREQ=DAILY;UNTIL=99991231T235959Z", "RRULE:FREQ=DAILY;UNTIL=99991231\r\n"),
        ("2030-12-31T20:00:00Z", "FREQ=DAILY;UNTIL=99991231", "RRULE:FREQ=DAILY;UNTIL=99991231T235959Z\r\n"),
    ],
)
def test_calendar_has_dates_of_the_year_9999(owner, due, rule, written):
    """In Tokyo, its last instants are in a later year, which Python does not have."""
    owner.patch("/api/v1/me", json={"timezone": "Asia/Tokyo"})
    add(owner, rule, due)
    assert written in owner.get(f"{EXPORT}.ics").text


@needs("exports")
def test_calendar_has_the_second_of_two_equal_times_in_utc(owner):
    owner.patch("/api/v1/me", json={"timezone": "Europe/Berlin"})
    add(owner, "FREQ=DAILY", "2026-10-25T00:30:00Z", title="first")
    add(owner, "FREQ=DAILY", "2026-10-25T01:30:00Z", title="second")
    text = owner.get(f"{EXPORT}.ics").text
    assert text.count("DTSTART;TZID=Europe/Berlin:20261025T023000\r\nDUE;TZID=Europe/Berlin:20261025T023000\r\n") == 1
    assert text.count("DTSTART:20261025T013000Z\r\nDUE:20261025T013000Z\r\nRRULE:FREQ=DAILY\r\n") == 1


@needs("exports")
@pytest.mark.parametrize(("due", "hours"), [("2099-07-01T07:00:00Z", 2), ("2099-12-01T07:00:00Z", 1)])
def test_time_zone_of_a_calendar_has_summer_time_until_2099(owner, due, hours):
    owner.patch("/api/v1/me", json={"timezone": "Europe/Berlin"})
    add(owner, "FREQ=DAILY", due)
    [zone] = Calendar.from_ical(owner.get(f"{EXPORT}.ics").data).walk("VTIMEZONE")
    local = datetime.fromisoformat(due).astimezone(BERLIN).replace(tzinfo=zone.to_tz(lookup_tzid=False))
    assert local.utcoffset() == timedelta(hours=hours)


@needs("exports")
def test_calendar_has_no_time_of_day_with_a_day(owner):
    owner.patch("/api/v1/me", json={"timezone": "Europe/Berlin"})
    skipped = add(owner, "FREQ=DAILY", "2027-03-27T01:30:00Z")
    _, task = complete(owner, skipped, "2027-03-27T01:00:00Z")
    assert task["recurrence"] == "FREQ=DAILY;BYHOUR=2;BYMINUTE=30"
    assert "RRULE:FREQ=DAILY;BYHOUR=2;BYMINUTE=30\r\n" in owner.get(f"{EXPORT}.ics").text
    change(owner, task, due_at=None, due_date="2027-04-01")
    assert "DUE;VALUE=DATE:20270401\r\nRRULE:FREQ=DAILY\r\n" in owner.get(f"{EXPORT}.ics").text


@needs("exports")
def test_calendar_without_recurring_instants_has_no_time_zone(owner):
    add(owner, "FREQ=DAILY", "2030-01-31")
    owner.post(TASKS, json={"title": "Call", "due_at": "2030-01-31T09:00:00Z"})
    text = owner.get(f"{EXPORT}.ics").text
    assert "VTIMEZONE" not in text
    assert "DUE:20300131T090000Z" in text
