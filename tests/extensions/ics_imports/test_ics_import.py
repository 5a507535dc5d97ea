"""Imports of calendar files, written by hand as applications write them."""

import time

import pytest
from icalendar import Calendar
from surface import needs
from task_files import EXPORT, add_examples, counts, export_tasks, list_tasks, row_errors, without_ids

from taskapi.extensions import NAMES

IMPORT_ICS = "/api/v1/tasks/import.ics"
APPLE = """\
BEGIN:VCALENDAR
CALSCALE:GREGORIAN
VERSION:2.0
X-WR-CALNAME:Errands
METHOD:PUBLISH
PRODID:-//Apple Inc.//iOS 17.0//EN
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
DTSTART:19810329T020000
TZNAME:MESZ
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VTODO
CREATED:20290101T080000Z
UID:B1A3-1
SUMMARY:Call the doctor
DTSTART;TZID=Europe/Berlin:20300701T090000
DUE;TZID=Europe/Berlin:20300701T090000
X-APPLE-SORT-ORDER:5
PRIORITY:1
STATUS:NEEDS-ACTION
RRULE:FREQ=WEEKLY;INTERVAL=1
BEGIN:VALARM
ACTION:DISPLAY
TRIGGER;VALUE=DATE-TIME:20300701T070000Z
DESCRIPTION:Reminder
UID:alarm
END:VALARM
END:VTODO
END:VCALENDAR
"""
THUNDERBIRD = """\
BEGIN:VCALENDAR
PRODID:-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN
VERSION:2.0
BEGIN:VTODO
CREATED:20290101T080000Z
UID:tb-1
SUMMARY:Write\\, then send; the letter to the people of the town who have asked fo
 r it
DTSTART;VALUE=DATE:20300131
DUE;VALUE=DATE:20300131
COMPLETED:20300130T101500Z
PERCENT-COMPLETE:100
STATUS:COMPLETED
CATEGORIES:Office,Home\\, garden
CATEGORIES:Later
DESCRIPTION:One\\nTwo\\;
X-MOZ-GENERATION:2
LOCATION:Town hall
END:VTODO
END:VCALENDAR
"""
NEXTCLOUD = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Nextcloud Tasks v0.15.0
BEGIN:VTODO
UID:nc-2
CREATED:20290101T080000
SUMMARY:Child
RELATED-TO:nc-1
PERCENT-COMPLETE:40
STATUS:IN-PROCESS
DUE:20300201T120000
END:VTODO
BEGIN:VTODO
UID:nc-1
SUMMARY:Parent
PRIORITY:5
X-OC-HIDESUBTASKS:1
END:VTODO
BEGIN:VTODO
UID:nc-3
SUMMARY:Orphan
RELATED-TO;RELTYPE=PARENT:gone
STATUS:CANCELLED
END:VTODO
END:VCALENDAR
"""
TASKS_ORG = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:+//IDN tasks.org//android-130600//EN
BEGIN:VTODO
DTSTAMP:20290101T080000Z
UID:4711
CREATED:20290101T080000Z
LAST-MODIFIED:20290101T080000Z
SUMMARY:Buy paint
PRIORITY:9
DUE;TZID=America/New_York:20300301T180000
COMPLETED:20290105T080000Z
CATEGORIES:shop
RELATED-TO;RELTYPE=SIBLING:4712
END:VTODO
END:VCALENDAR
"""


def import_ics(client, text, content_type="text/calendar", **query):
    data = text.replace("\n", "\r\n").encode() if isinstance(text, str) else text
    return client.post(IMPORT_ICS, data=data, content_type=content_type, query_string=query)


def calendar(*todos):
    """Return a calendar with to-dos, each of which is its lines."""
    body = "".join(f"BEGIN:VTODO\n{lines}\nEND:VTODO\n" for lines in todos)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{body}END:VCALENDAR\n"


def imported(owner, text, timezone="Europe/Berlin"):
    """Import a file; return its tasks by title, and its warnings as rows with messages."""
    owner.patch("/api/v1/me", json={"timezone": timezone})
    dry = import_ics(owner, text, dry_run="true")
    response = import_ics(owner, text)
    assert counts(response) == counts(dry) | {"dry_run": False}
    tasks = {task["title"]: task for task in list_tasks(owner)}
    return tasks, [(warning["row"], warning["message"]) for warning in response.json["warnings"]]


def test_apple_reminders(owner):
    tasks, warnings = imported(owner, APPLE)
    task = tasks["Call the doctor"]
    assert (task["due_at"], task["priority"], task["status"]) == ("2030-07-01T07:00:00Z", "urgent", "todo")
    assert task["created_at"] == "2029-01-01T08:00:00Z"
    assert task["reminders"] == ["2030-07-01T07:00:00Z"]
    if "recurrence" in NAMES:
        assert (task["recurrence"], task["recurrence_from"], warnings) == ("FREQ=WEEKLY", "due", [])
    else:
        assert (task["recurrence"], len(warnings)) == (None, 1)


def test_thunderbird(owner):
    tasks, warnings = imported(owner, THUNDERBIRD)
    title = "Write, then send; the letter to the people of the town who have asked for it"
    task = tasks[title]
    assert (task["due_date"], task["status"], task["completed_at"]) == ("2030-01-31", "done", "2030-01-30T10:15:00Z")
    assert (task["labels"], task["description"]) == (
        ["Home, garden", "Later", "Office"],
        "One\nTwo;\n\nLocation: Town hall",
    )
    assert warnings == []


def test_nextcloud_tasks(owner):
    tasks, warnings = imported(owner, NEXTCLOUD)
    child, parent, orphan = tasks["Child"], tasks["Parent"], tasks["Orphan"]
    assert (child["parent_id"], child["status"], child["due_at"]) == (
        parent["id"],
        "in_progress",
        "2030-02-01T11:00:00Z",
    )
    assert (parent["priority"], orphan["status"], orphan["parent_id"]) == ("medium", "cancelled", None)
    assert warnings == [
        (None, "Times without a zone are in that of your account, Europe/Berlin."),
        (2, "The task has no parent: The file has no such row."),
    ]


def test_tasks_org(owner):
    tasks, warnings = imported(owner, TASKS_ORG)
    paint = tasks["Buy paint"]
    assert (paint["due_at"], paint["status"], paint["priority"]) == ("2030-03-01T23:00:00Z", "done", "low")
    assert (paint["completed_at"], paint["parent_id"], paint["labels"]) == ("2029-01-05T08:00:00Z", None, ["shop"])
    assert warnings == []


AT_NINE = ";TZID=Europe/Berlin:20300701T090000"
RECURRING = {
    "Apple Reminders": (
        f"DTSTART{AT_NINE}\nDUE{AT_NINE}\nRRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=1\nX-APPLE-SORT-ORDER:5",
        ("2030-07-01T07:00:00Z", "FREQ=MONTHLY;BYMONTHDAY=1"),
    ),
    "Thunderbird": (
        f"DTSTART{AT_NINE}\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;UNTIL=20301231T080000Z;BYDAY=MO,WE",
        ("2030-07-01T08:00:00Z", "FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20301231T080000Z"),
    ),
    "Nextcloud Tasks": (
        "DTSTART;VALUE=DATE:20300131\nDUE;VALUE=DATE:20300131\nRRULE:FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=-1;COUNT=5",
        ("2030-01-31", "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=-1;COUNT=5"),
    ),
    "Tasks.org": (
        "DUE;TZID=Europe/Berlin:20300701T180000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;UNTIL=20301231T235959",
        ("2030-07-01T16:00:00Z", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;UNTIL=20301231T225959Z"),
    ),
    "a start on another day": (
        "DTSTART;VALUE=DATE:20300630\nDUE;VALUE=DATE:20300702\nRRULE:FREQ=WEEKLY",
        ("2030-07-02", "FREQ=WEEKLY"),
    ),
}


@needs("recurrence")
@pytest.mark.parametrize(("lines", "expected"), RECURRING.values(), ids=RECURRING)
def test_rules_of_applications_are_kept(owner, lines, expected):
    tasks, warnings = imported(owner, calendar(f"SUMMARY:x\n{lines}"))
    task = tasks["x"]
    assert (task["due_at"] or task["due_date"], task["recurrence"]) == expected
    assert (task["recurrence_from"], warnings) == ("due", [])


@needs("recurrence")
@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("DUE:20300701T090000Z\nRRULE:FREQ=HOURLY", "FREQ must be one of: DAILY, WEEKLY, MONTHLY, YEARLY."),
        ("RRULE:FREQ=DAILY", "A recurring task needs a due date."),
        ("DUE:soon\nRRULE:FREQ=DAILY", "A recurring task needs a due date."),
        ("DUE:20300701\nRRULE:FREQ=DAILY;BYSECOND=0", "BYSECOND is not supported with FREQ=DAILY."),
        ("DUE:20300701\nRRULE:" + "FREQ=DAILY;" * 90, "Must have at most 500 characters."),
        ("DUE:20300701\nRRULE:FREQ=DAILY;UNTIL=20301399T000000", "Its dates cannot be read."),
        (
            "DTSTART;VALUE=DATE:20300630\nDUE;VALUE=DATE:20300702\nRRULE:FREQ=WEEKLY;BYDAY=SU",
            "Its dates are counted from another day than the due date.",
        ),
        (  # a Monday there, a Tuesday here
            "DUE;TZID=America/New_York:20300701T200000\nRRULE:FREQ=WEEKLY;BYDAY=MO",
            "Its dates are counted from another day than the due date.",
        ),
    ],
)
def test_rule_that_a_task_cannot_have_is_named(owner, lines, reason):
    tasks, warnings = imported(owner, calendar(f"SUMMARY:x\n{lines}"))
    assert tasks["x"]["recurrence"] is None
    rule = lines.partition("RRULE:")[2]
    [message] = [message for _, message in warnings if message.startswith("The rule of repetition")]
    assert rule[:90] in message
    assert message.endswith(f"is not imported, the task is due once: {reason}")


@needs("recurrence")
def test_rule_counts_in_the_time_zone_of_the_account(owner):
    tasks, warnings = imported(owner, calendar("SUMMARY:x\nDUE;TZID=Asia/Tokyo:20300701T180000\nRRULE:FREQ=DAILY"))
    assert tasks["x"]["recurrence"] == "FREQ=DAILY"
    assert warnings == [(None, "Rules of repetition count in the time zone of your account, Europe/Berlin.")]


def test_changed_date_of_a_series_is_a_task_of_its_own(owner):
    text = calendar(
        "UID:a\nSUMMARY:Series\nDUE:20300702\nRRULE:FREQ=DAILY\nEXDATE:20300705\nRDATE:20300801",
        "UID:a\nSUMMARY:Done\nRECURRENCE-ID:20300701\nDUE:20300701\nSTATUS:COMPLETED",
        "UID:b\nSUMMARY:Below\nRELATED-TO:a",
    )
    tasks, warnings = imported(owner, text)
    assert tasks["Below"]["parent_id"] == tasks["Series"]["id"]
    assert (tasks["Done"]["status"], tasks["Done"]["recurrence"]) == ("done", None)
    assert [each for each in warnings if "rule of repetition '" not in each[1]] == [
        (0, "Single dates of repetition are not imported."),
        (0, "Exceptions of a rule of repetition are not imported."),
        (1, "A changed date of a to-do with a rule of repetition is a task of its own."),
    ]


@needs("exports", "recurrence")
def test_import_of_our_own_calendar_keeps_recurring_tasks(owner, other):
    owner.patch("/api/v1/me", json={"timezone": "Europe/Berlin"})
    rules = {
        "FREQ=WEEKLY;BYDAY=MO,TH": {"due_at": "2030-07-01T07:00:00Z"},
        "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=7": {"due_date": "2030-01-31"},
        "FREQ=DAILY;INTERVAL=3": {"due_date": "2030-01-31", "recurrence_from": "completion"},
        "FREQ=DAILY;UNTIL=20301231": {"due_date": "2030-01-31"},
        "FREQ=YEARLY;UNTIL=20401231T120000Z": {"due_at": "2030-07-01T22:30:00Z"},
    }
    for rule, values in rules.items():
        assert owner.post("/api/v1/tasks", json={"title": rule, "recurrence": rule, **values}).status_code == 201
    file = owner.get(f"{EXPORT}.ics").text
    tasks, warnings = imported(other, file.replace("\r\n", "\n"))
    assert warnings == []
    kept = ("due_date", "due_at", "recurrence", "recurrence_from")
    assert {title: [task[name] for name in kept] for title, task in tasks.items()} == {
        task["title"]: [task[name] for name in kept] for task in export_tasks(owner)
    }
    assert other.get(f"{EXPORT}.ics").text.count("RRULE:") == file.count("RRULE:")


@needs("exports", "recurrence")
@pytest.mark.parametrize(
    ("timezone", "due", "rule"),
    [
        ("Europe/Berlin", "2026-10-25T01:30:00Z", "FREQ=DAILY"),
        ("Australia/Sydney", "2027-04-03T16:30:00Z", "FREQ=WEEKLY;BYDAY=SU"),  # a Sunday there, a Saturday in UTC
    ],
)
def test_import_of_our_own_calendar_keeps_a_repeated_hour(owner, other, timezone, due, rule):
    owner.patch("/api/v1/me", json={"timezone": timezone})
    assert owner.post("/api/v1/tasks", json={"title": "x", "due_at": due, "recurrence": rule}).status_code == 201
    tasks, warnings = imported(other, owner.get(f"{EXPORT}.ics").text.replace("\r\n", "\n"), timezone)
    assert (tasks["x"]["due_at"], tasks["x"]["recurrence"], warnings) == (due, rule, [])


@needs("exports", "recurrence", "reminders")
def test_import_of_our_own_calendar_leaves_out_what_the_page_says(owner, other):
    owner.patch("/api/v1/me", json={"timezone": "Europe/Berlin"})
    instant = "2030-01-30T08:00:00Z"
    recurring = {"recurrence": "FREQ=DAILY;UNTIL=20301231", "due_at": "2030-01-31T08:00:00Z", "reminders": ["PT1H"]}
    rows = {
        "done": {**recurring, "status": "done"},
        "cancelled": {**recurring, "status": "cancelled"},
        "undated": {"reminders": ["P1D", instant]},
        "day": {"recurrence": "FREQ=DAILY;BYHOUR=2;BYMINUTE=30;UNTIL=20301231T230000Z", "due_date": "2030-01-31"},
        "instant": recurring,
    }
    for title, values in rows.items():
        assert owner.post("/api/v1/tasks", json={"title": title, **values}).status_code == 201
    tasks, warnings = imported(other, owner.get(f"{EXPORT}.ics").text.replace("\r\n", "\n"))
    assert {title: (task["recurrence"], task["reminders"]) for title, task in tasks.items()} == {
        "done": (None, []),
        "cancelled": (None, []),
        "undated": (None, [instant]),
        "day": ("FREQ=DAILY;UNTIL=20310101", []),
        "instant": ("FREQ=DAILY;UNTIL=20301231T225959Z", ["PT1H"]),
    }
    assert warnings == []


def test_source_is_the_application(owner):
    assert import_ics(owner, APPLE).json["source"] == {"application": "-//Apple Inc.//iOS 17.0//EN"}


@needs("exports")
def test_import_of_our_own_calendar_keeps_all_but_projects(owner, other):
    add_examples(owner)
    file = owner.get(f"{EXPORT}.ics").data
    response = import_ics(other, file)
    assert (response.json["created"], response.json["warnings"]) == (4, [])

    def kept(client):
        tasks = without_ids(export_tasks(client))
        cut = {"created_at", "completed_at", "due_at"}
        return [
            {name: value[:19] if name in cut and value else value for name, value in task.items()} | {"project": None}
            for task in tasks
        ]

    assert kept(other) == kept(owner)
    Calendar.from_ical(file)


@pytest.mark.parametrize(
    ("name", "expected", "warned"),
    [
        ("Europe/Berlin", "2030-01-31T08:00:00Z", False),
        ('"Europe/Berlin"', "2030-01-31T08:00:00Z", False),
        ("/freeassociation.sourceforge.net/America/New_York", "2030-01-31T14:00:00Z", False),
        ("W. Europe Standard Time", "2030-01-31T08:00:00Z", False),
        ("Custom", "2030-01-31T00:00:00Z", False),
        ("Nowhere/At All", "2030-01-31T08:00:00Z", True),
        ("../../etc/passwd", "2030-01-31T08:00:00Z", True),
        ("x" * 500, "2030-01-31T08:00:00Z", True),
    ],
)
def test_time_zones(owner, name, expected, warned):
    zone = "BEGIN:VTIMEZONE\nTZID:Custom\nX-LIC-LOCATION:Asia/Tokyo\nEND:VTIMEZONE\n"
    text = calendar(f"UID:1\nSUMMARY:x\nDUE;TZID={name}:20300131T090000").replace(
        "BEGIN:VTODO", f"{zone}BEGIN:VTODO", 1
    )
    tasks, warnings = imported(owner, text)
    assert tasks["x"]["due_at"] == expected
    assert bool(warnings) == warned


def test_due_dates_of_start_and_duration(owner):
    text = calendar(
        "SUMMARY:a\nDTSTART:20300131T080000Z\nDURATION:PT90M",
        "SUMMARY:b\nDTSTART;VALUE=DATE:20300131",
        "SUMMARY:c\nDTSTART:20300131T080000Z\nDURATION:P99999999999D",
        "SUMMARY:d\nDUE:soon",
        "SUMMARY:e\nDUE:20301399",
    )
    tasks, warnings = imported(owner, text)
    assert [task["due_at"] or task["due_date"] for task in tasks.values()] == [
        "2030-01-31T09:30:00Z",
        "2030-01-31",
        "2030-01-31T08:00:00Z",
        None,
        None,
    ]
    assert [row for row, _ in warnings] == [3, 4]


def test_titles_that_do_not_fit_and_other_components(owner):
    event = "BEGIN:VEVENT\nSUMMARY:Party\nDTSTART:20300101T000000Z\nEND:VEVENT\n"
    text = calendar("DESCRIPTION:only", f"SUMMARY:{'x' * 300}").replace("BEGIN:VTODO", f"{event}BEGIN:VTODO", 1)
    tasks, warnings = imported(owner, text)
    assert [*tasks] == ["Untitled", "x" * 199 + "…"]
    assert tasks["x" * 199 + "…"]["description"] == "x" * 300
    assert [row for row, _ in warnings] == [0, 1, None]
    assert warnings[2][1] == "Components that are not imported: 1 VEVENT."


def test_invalid_to_dos_are_reported_by_index(owner):
    long = ",".join(f"label{number}" for number in range(21))
    text = calendar("SUMMARY:a", f"SUMMARY:b\nCATEGORIES:{long}", "SUMMARY:c\nDESCRIPTION:a\x01")
    errors = row_errors(import_ics(owner, text))
    assert {index: [*fields] for index, fields in errors.items()} == {"1": ["labels"], "2": ["description"]}
    assert list_tasks(owner) == []


def test_other_lines_and_unknown_properties_are_ignored(owner):
    text = calendar("SUMMARY:a\n\nX-FOO;A=b:1\nno property\n;:\nSTATUS:WHATEVER\nPRIORITY:high")
    tasks, _ = imported(owner, text)
    assert (tasks["a"]["status"], tasks["a"]["priority"]) == ("todo", "none")


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "BEGIN:VTODO\nSUMMARY:a\nEND:VTODO\n", "BEGIN:VCALENDAR\n", "BEGIN:VCALENDAR\nBEGIN:VTODO\n",
        "BEGIN:VCALENDAR\nEND:VTODO\n", calendar("SUMMARY:a").replace("END:VTODO", "END:VEVENT"),
        b"BEGIN:VCALENDAR\r\nX:\xff\r\nEND:VCALENDAR\r\n", "BEGIN:VCALENDAR\n" + "BEGIN:X\n" * 9, "END:VCALENDAR\n",
        "BEGIN:VCALENDAR\nX:" + "x" * 600_000, "BEGIN:VCALENDAR\nX:" + "a\n " * 600_000,
        "BEGIN:VCALENDAR\n" + "X:y\n" * 500_001, calendar("ATTACH:x\n" * 10_001),
        calendar(f"DESCRIPTION:{'x' * 200_000}\n" * 3),
    ],
    ids=[
        "empty", "text", "no calendar", "open calendar", "open to-do", "wrong end", "other end", "not UTF-8", "deep",
        "only an end", "a huge line", "a line of many folds", "many lines", "many properties", "a huge to-do",
    ],
)  # fmt: skip
def test_malformed_calendar_is_400(owner, text):
    response = import_ics(owner, text)
    assert (response.status_code, response.json["code"]) == (400, "malformed_ics")


def test_calendar_without_to_dos_adds_nothing(owner):
    assert import_ics(owner, "BEGIN:VCALENDAR\nEND:VCALENDAR\n").json["created"] == 0


@pytest.mark.slow
def test_too_many_to_dos_are_rejected(owner):
    assert [*row_errors(import_ics(owner, calendar(*["SUMMARY:a"] * 20_001)))] == ["tasks"]


@pytest.mark.parametrize(
    "lines",
    [
        "SUMMARY:" + "\\,\\;" * 120_000, "CATEGORIES:" + "," * 500_000, "CATEGORIES:" + "\\" * 500_000,
        "CATEGORIES:" + "a," * 250_000, "DUE:" + "9" * 500_000, "DUE;TZID=" + "a/" * 400 + ":20300101T000000",
        "SUMMARY;" + "A=B;" * 120_000 + "C=D:x", "SUMMARY;X=" + '"' * 500_000, ":" * 500_000,
        "DURATION:P" + "1D" * 200_000, "SUMMARY:a\nRRULE:FREQ=SECONDLY;COUNT=999999999\nDTSTART:20300101T000000Z",
        "RELATED-TO;" + "X=" + "," * 900 + ":a", "STATUS:" + "x" * 500_000, "PRIORITY:" + "9" * 500_000,
        "SUMMARY:&lol9;\nDESCRIPTION:<!ENTITY a 'aaa'>", "\n ".join(["SUMMARY:x"] + ["y"] * 150_000),
    ],
)  # fmt: skip
def test_hostile_to_dos_take_no_time(owner, lines):
    started = time.process_time()
    response = import_ics(owner, calendar(lines))
    assert response.status_code in {200, 400, 422}
    assert time.process_time() - started < 5


def test_calendar_can_be_the_file_of_a_form_and_other_types_are_415(owner):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.ics"\r\n\r\n'
    body = head + calendar("SUMMARY:a").encode() + b"\r\n--x--\r\n"
    assert owner.post(IMPORT_ICS, data=body, content_type="multipart/form-data; boundary=x").json["created"] == 1
    assert import_ics(owner, calendar("SUMMARY:a"), "text/csv").status_code == 415
