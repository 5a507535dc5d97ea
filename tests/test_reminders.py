"""The field `reminders` of a task, and when reminders are due."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from surface import needs
from task_files import export_csv, export_tasks, import_csv, import_tasks, list_tasks

from taskapi.tasks.reminders import reminder_instants

TASKS = "/api/v1/tasks"
BERLIN = ZoneInfo("Europe/Berlin")
INSTANT = "2090-01-01T08:00:00Z"


def post(client, reminders, **fields):
    return client.post(TASKS, json={"title": "Call Ada", "reminders": reminders, **fields})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("PT30M", "PT30M"),
        ("PT90M", "PT1H30M"),
        ("PT24H", "P1D"),
        ("P2W", "P14D"),
        ("P1DT0S", "P1D"),
        ("P0D", "PT0S"),
        ("P365D", "P365D"),
        (" PT1H ", "PT1H"),
        ("2090-01-01T09:00:00.5+01:00", "2090-01-01T08:00:00.500000Z"),
    ],
)
def test_reminder_is_shown_in_its_canonical_form(owner, given, kept):
    assert post(owner, [given, given]).json["reminders"] == [kept]


@pytest.mark.parametrize(
    "wrong",
    ["", "P", "PT", "-PT30M", "P1M", "P1Y", "PT30S", "PT1.5H", "P366D", "P99W", "P\uff11D", "2090-01-01",
     "2090-01-01T09:00:00", "2090-02-30T09:00:00Z", "tomorrow", 30, None, ["PT30M"]],
)  # fmt: skip
def test_other_text_is_no_reminder(owner, wrong):
    response = post(owner, [wrong])
    assert response.status_code == 422
    assert response.json["errors"]["json"]["reminders"].keys() == {"0"}


def test_task_has_at_most_10_reminders(owner):
    assert post(owner, [f"PT{number}M" for number in range(10)]).status_code == 201
    assert post(owner, [f"PT{number}M" for number in range(11)]).status_code == 422


def test_patch_replaces_and_clears_reminders(owner):
    task = post(owner, ["PT30M", INSTANT]).json
    patch = lambda **changes: owner.patch(f"{TASKS}/{task['id']}", json=changes)  # noqa: E731
    assert patch(title="Call").json["reminders"] == ["PT30M", INSTANT]
    assert patch(**task).json["reminders"] == ["PT30M", INSTANT]
    assert patch(reminders=["P1D"]).json["reminders"] == ["P1D"]
    cleared = patch(reminders=None).json
    assert cleared["reminders"] == []
    assert patch(reminders=[]).json["version"] == cleared["version"]
    assert owner.post(TASKS, json={"title": "A"}).json["reminders"] == []


@needs("changes")
def test_change_feed_has_reminders(owner):
    post(owner, ["PT30M"])
    assert owner.get("/api/v1/changes").json["changes"][0]["data"]["reminders"] == ["PT30M"]


# Clocks in Berlin are put forward on 29 March 2026 at 2:00, and back on 25 October at 3:00
@pytest.mark.parametrize(
    ("reminder", "due", "expected"),
    [
        ("PT0S", "2026-03-29", "2026-03-29T09:00+02:00"),
        ("P1D", "2026-03-29", "2026-03-28T09:00+01:00"),
        ("PT15H", "2026-03-29", "2026-03-28T17:00+01:00"),  # exact: the night has an hour less
        ("PT15H", "2026-07-02", "2026-07-01T18:00+02:00"),
        ("P1D", "2026-03-30T09:00+02:00", "2026-03-29T09:00+02:00"),
        ("P1D", "2026-03-29T09:00+02:00", "2026-03-28T09:00+01:00"),
        ("P7DT1H", "2026-03-29T09:00+02:00", "2026-03-22T08:00+01:00"),
        ("PT30M", "2026-03-29T03:15+02:00", "2026-03-29T01:45+01:00"),
        ("P1D", "2026-03-30T02:30+02:00", "2026-03-29T03:30+02:00"),  # 2:30 is skipped
        ("PT30M", "2026-10-25T02:15+01:00", "2026-10-25T02:45+02:00"),  # the second 2:15
        ("PT0S", "2026-10-25T02:15+01:00", "2026-10-25T02:15+01:00"),
        ("P1D", "2026-10-26T02:15+01:00", "2026-10-25T02:15+02:00"),  # the first one of two
        ("P1D", "2026-10-26", "2026-10-25T09:00+01:00"),
        ("P2D", "2026-10-26", "2026-10-24T09:00+02:00"),
        ("2026-10-25T01:00:00Z", "", "2026-10-25T02:00+01:00"),
        ("PT0S", "9999-12-31", "9999-12-31T09:00+01:00"),
        ("PT0S", "9999-12-31T23:30Z", "9999-12-31T23:30Z"),  # year 10000 in Berlin
        ("P1DT1H", "9999-12-31T23:30Z", "9999-12-30T22:30Z"),
        ("P365D", "1970-01-01", "1969-01-01T09:00+01:00"),
    ],
)
@pytest.mark.one_database
def test_reminders_are_due_by_local_days(reminder, due, expected):
    day = date.fromisoformat(due) if len(due) == 10 else None
    instant = datetime.fromisoformat(due) if len(due) > 10 else None
    [found] = reminder_instants([reminder], day, instant, BERLIN)
    assert found == datetime.fromisoformat(expected)


@pytest.mark.one_database
def test_durations_wait_for_a_due_date():
    assert [*reminder_instants(["PT0S", "P1D"], None, None, BERLIN)] == []


@pytest.mark.parametrize(
    "zone", ["Pacific/Apia", "Africa/Cairo", "America/Santiago", "Etc/GMT+12", "Pacific/Kiritimati"]
)
@pytest.mark.parametrize("day", ["2011-12-30", "2026-04-24", "9999-12-31", "1970-01-01"])
@pytest.mark.one_database
def test_each_day_in_each_zone_has_an_instant(zone, day):
    """Apia skipped the whole day; Cairo skips midnight."""
    [found] = reminder_instants(["PT0S"], date.fromisoformat(day), None, ZoneInfo(zone))
    assert 0 <= (found - datetime.fromisoformat(f"{day}T00:00Z")).total_seconds() + 14 * 3600 <= 40 * 3600


@needs("exports", "imports")
@pytest.mark.parametrize(
    "file_format",
    ["json", pytest.param("csv", marks=needs("csv_imports")), pytest.param("ics", marks=needs("ics_imports"))],
)
def test_export_and_import_keep_reminders(owner, other, file_format):
    post(owner, ["PT30M", "P1DT2H", INSTANT], due_at="2090-01-31T09:00:00Z")
    post(owner, ["PT0S", "P1D", "PT15H"], due_date="2090-01-31", title="Of a day")
    if file_format == "json":
        response = import_tasks(other, export_tasks(owner))
    elif file_format == "csv":
        response = import_csv(other, export_csv(owner))
    else:
        data = owner.get(f"{TASKS}/export.ics").data
        response = other.post(f"{TASKS}/import.ics", data=data, content_type="text/calendar")
    assert (response.json["created"], response.json.get("warnings", [])) == (2, []), response.text
    by_title = {task["title"]: task["reminders"] for task in list_tasks(other)}
    assert by_title == {"Call Ada": ["PT30M", "P1DT2H", INSTANT], "Of a day": ["PT0S", "P1D", "PT15H"]}


@needs("imports")
def test_import_refuses_what_the_api_refuses(owner):
    response = import_tasks(owner, [{"title": "A", "reminders": ["soon"]}])
    assert "Must be a duration" in response.text


@needs("exports")
def test_calendar_has_alarms_of_open_tasks(owner):
    post(owner, ["PT30M", "PT0S", INSTANT], due_at="2090-01-31T09:00:00Z", title="Call; Ada, now")
    post(owner, ["PT0S", "PT15H"], due_date="2090-01-31")
    post(owner, ["PT30M"])
    post(owner, [INSTANT], status="done", title="Done")
    text = owner.get(f"{TASKS}/export.ics").text
    lines = text.splitlines()
    triggers = [line.removeprefix("TRIGGER") for line in lines if line.startswith("TRIGGER")]
    assert triggers == [
        ";RELATED=END:-PT30M",
        ";RELATED=END:PT0S",
        ";VALUE=DATE-TIME:20900101T080000Z",
        ";RELATED=END:PT9H",
        ";RELATED=END:-PT6H",
    ]
    assert lines.count("BEGIN:VALARM") == lines.count("END:VALARM") == lines.count("ACTION:DISPLAY") == 5
    assert "DESCRIPTION:Call\\; Ada\\, now" in lines


def todo(*lines, due="DUE:20900131T090000Z"):
    alarms = "".join(f"BEGIN:VALARM\r\nACTION:DISPLAY\r\n{line}\r\nEND:VALARM\r\n" for line in lines)
    body = f"SUMMARY:Call Ada\r\n{due}\r\n{alarms}"
    return f"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\n{body}END:VTODO\r\nEND:VCALENDAR\r\n"


@needs("ics_imports")
@pytest.mark.parametrize(
    ("due", "trigger", "reminder"),
    [
        ("DUE:20900131T090000Z", "TRIGGER:-PT15M", "PT15M"),
        ("DUE:20900131T090000Z", "TRIGGER;RELATED=END:-P1W", "P7D"),
        ("DUE:20900131T090000Z", "TRIGGER:PT1H", "2090-01-31T10:00:00Z"),
        ("DUE:20900131T090000Z", "TRIGGER;VALUE=DATE-TIME:20900131T080000Z", "2090-01-31T08:00:00Z"),
        ("DUE;VALUE=DATE:20900131", "TRIGGER:-P1D", "P1DT9H"),
        ("DUE;VALUE=DATE:20900131", "TRIGGER:PT10H", "2090-01-31T10:00:00Z"),
        ("DTSTART:20900131T080000Z\r\nDUE:20900131T090000Z", "TRIGGER:-PT15M", "2090-01-31T07:45:00Z"),
        ("DTSTART:20900131T080000Z\r\nDUE:20900131T090000Z", "TRIGGER;RELATED=END:-PT15M", "PT15M"),
    ],
)
def test_import_reads_alarms(owner, due, trigger, reminder):
    response = owner.post(f"{TASKS}/import.ics", data=todo(trigger, due=due), content_type="text/calendar")
    assert (response.status_code, response.json["warnings"]) == (200, []), response.text
    assert list_tasks(owner)[0]["reminders"] == [reminder]


@needs("ics_imports")
@pytest.mark.parametrize(
    "trigger", ["TRIGGER:soon", "TRIGGER:-P999999999999D", "TRIGGER;VALUE=DATE-TIME:19691231T000000Z", "TRIGGER:"]
)
def test_import_warns_about_alarms_that_it_cannot_read(owner, trigger):
    response = owner.post(f"{TASKS}/import.ics", data=todo(trigger), content_type="text/calendar")
    assert response.status_code == 200, response.text
    assert "An alarm is not imported" in response.json["warnings"][0]["message"]
    assert list_tasks(owner)[0]["reminders"] == []


@needs("ics_imports")
def test_import_keeps_10_alarms(owner):
    data = todo(*(f"TRIGGER:-PT{number}M" for number in range(12)))
    response = owner.post(f"{TASKS}/import.ics", data=data, content_type="text/calendar")
    assert response.json["warnings"] == [{"row": 0, "message": "Of 12 alarms, 10 are imported."}]
    assert len(list_tasks(owner)[0]["reminders"]) == 10


@needs("recurrence")
def test_next_task_has_the_durations(owner):
    rule = {"recurrence": "FREQ=DAILY", "due_date": "2090-01-31"}
    task = post(owner, ["P1D", INSTANT, "PT0S"], **rule).json
    post(owner, ["PT1H", INSTANT], parent_id=task["id"], due_date="2090-01-31")
    done = owner.patch(f"{TASKS}/{task['id']}", json={"status": "done"}).json
    assert owner.get(f"{TASKS}/{done['next_id']}").json["reminders"] == ["P1D", "PT0S"]
    [copy] = owner.get(f"{TASKS}?parent_id={done['next_id']}").json["items"]
    assert copy["reminders"] == ["PT1H"]
