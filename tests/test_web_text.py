"""The browser client's own rules, tried in a browser: quick add, days where a person lives, edits that meet."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from taskapi.web.routes import RELEASE

NOON = "2030-06-12T12:00:00Z"  # a Wednesday

LINES = {
    "Milk": {"title": "Milk"},
    "Milk !high": {"title": "Milk", "priority": "high"},
    "!u Milk": {"title": "Milk", "priority": "urgent"},
    "Milk !nonsense": {"title": "Milk !nonsense"},
    "Milk!": {"title": "Milk!"},
    "Milk #home #far away": {"title": "Milk away", "labels": ["home", "far"]},
    'Milk #"far away"': {"title": "Milk", "labels": ["far away"]},
    'Milk @"The Shop" #home': {"title": "Milk", "labels": ["home"], "project": "The Shop"},
    "Write to ada@example.org": {"title": "Write to ada@example.org"},
    "Issue #": {"title": "Issue #"},
    "Milk today": {"title": "Milk", "due_date": "2030-06-12"},
    "Milk tomorrow": {"title": "Milk", "due_date": "2030-06-13"},
    "Milk on Friday": {"title": "Milk", "due_date": "2030-06-14"},
    "Milk wed": {"title": "Milk", "due_date": "2030-06-19"},
    "Milk next week": {"title": "Milk", "due_date": "2030-06-17"},
    "Milk in 3 days": {"title": "Milk", "due_date": "2030-06-15"},
    "Milk in 2 weeks #home": {"title": "Milk", "labels": ["home"], "due_date": "2030-06-26"},
    "Milk 2031-01-31": {"title": "Milk", "due_date": "2031-01-31"},
    "Milk 2031-02-31": {"title": "Milk 2031-02-31"},
    "Milk tomorrow at 6pm": {"title": "Milk", "due_at": "2030-06-13T16:00:00Z"},
    "Milk 18:30": {"title": "Milk", "due_at": "2030-06-12T16:30:00Z"},
    "Milk 25:00": {"title": "Milk 25:00"},
    "Chapter 12": {"title": "Chapter 12"},
    "Tomorrow": {"title": "Tomorrow"},
    "Monday is a song": {"title": "Monday is a song"},
    "<b>Milk</b> & co": {"title": "<b>Milk</b> & co"},
}


@pytest.fixture
def run(site, page):
    """Run an expression in which a module of the client is `m`, on a Wednesday, for somebody in Berlin."""
    page.clock.set_fixed_time(NOON)
    page.goto(site)

    def run(module, expression, given=None):
        days = f"/static/{RELEASE}/text/days.js"
        script = f"""async given => {{
            (await import('{days}')).setZone('Europe/Berlin');
            const m = await import('/static/{RELEASE}/{module}');
            return {expression};
        }}"""
        return page.evaluate(script, given)

    return run


def test_quick_add_reads_a_line(run, subtests):
    read = run("text/quickadd.js", "given.map(m.parse)", [*LINES])
    for line, found in zip(LINES, read, strict=True):
        with subtests.test(line=line):
            assert found == LINES[line]


def test_a_word_that_is_begun_can_be_finished(run):
    finish = "m.finish(given[0], given[1], m.wordAt(given[0], given[1]), given[2])"
    assert run("text/quickadd.js", finish, ["Milk #ho now", 8, "home"]) == {"line": "Milk #home now", "cursor": 11}
    assert run("text/quickadd.js", finish, ["Milk @", 6, "The Shop"])["line"] == 'Milk @"The Shop" '
    assert run("text/quickadd.js", "m.wordAt('a@b', 3)") is None


INSTANTS = {
    "2030-06-11T22:00:00Z": ("2030-06-12", "00:00"),
    "2030-12-11T23:00:00Z": ("2030-12-12", "00:00"),
    "2030-03-31T00:59:00Z": ("2030-03-31", "01:59"),
    "2030-03-31T01:00:00Z": ("2030-03-31", "03:00"),
    "2030-10-27T11:00:00Z": ("2030-10-27", "12:00"),
}


def test_a_time_of_day_is_an_instant_of_the_persons_zone(run):
    expression = "given.map(([day, time]) => m.instantOf(day, time))"
    assert run("text/days.js", expression, [*INSTANTS.values()]) == [*INSTANTS]
    read = run("text/days.js", "given.map(at => [m.dayOf(at), m.timeOf(at)])", [*INSTANTS])
    assert [tuple(each) for each in read] == [*INSTANTS.values()]


SKIPPED = {  # times that the clock skips, and what they become; a day without a midnight starts at the first instant
    ("America/New_York", "2027-03-14", "02:30"): "2027-03-14T07:30:00Z",
    ("Europe/Berlin", "2027-03-28", "02:00"): "2027-03-28T01:00:00Z",
    ("Australia/Lord_Howe", "2026-10-04", "02:15"): "2026-10-03T15:45:00Z",
    ("Pacific/Apia", "2011-12-30", "12:00"): "2011-12-30T22:00:00Z",
    ("America/Santiago", "2026-09-06", "00:00"): "2026-09-06T04:00:00Z",
    ("America/Havana", "2026-03-08", "00:00"): "2026-03-08T05:00:00Z",
    ("Asia/Beirut", "2026-03-29", "00:00"): "2026-03-28T22:00:00Z",
    ("Africa/Cairo", "2026-04-24", "00:00"): "2026-04-23T22:00:00Z",
}
IN_ZONES = "given.map(([zone, day, time]) => (m.setZone(zone), m.instantOf(day, time)))"


def test_skipped_times_move_forward(run, subtests):
    for asked, found in zip(SKIPPED, run("text/days.js", IN_ZONES, [*SKIPPED]), strict=True):
        with subtests.test(asked=asked):
            assert found == SKIPPED[asked]


ZONES = (
    "UTC", "America/New_York", "America/Santiago", "America/Havana", "America/St_Johns", "America/Sao_Paulo",
    "America/Caracas", "Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Asia/Gaza", "Asia/Kathmandu", "Asia/Tehran",
    "Asia/Tokyo", "Atlantic/Azores", "Australia/Adelaide", "Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin",
    "Europe/Volgograd", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati", "Antarctica/Troll",
)  # fmt: skip


def days_of_change(zone, years):
    """Return the days around each change of the clock of a zone."""
    half_days = range(0, 24 * 366 * len(years), 12)
    shown = [(datetime(years.start, 1, 1, tzinfo=UTC) + timedelta(hours=hour)).astimezone(zone) for hour in half_days]
    changes = [later.date() for earlier, later in pairwise(shown) if earlier.utcoffset() != later.utcoffset()]
    return {day + timedelta(days=ahead) for day in changes for ahead in (-1, 0, 1)}


def test_times_of_days_agree_with_python(run):
    """The model is Python's zoneinfo: of two instants the first, and a skipped time by the offset before the change."""
    asked, expected = [], []
    for name in ZONES:
        for day in days_of_change(ZoneInfo(name), range(2011, 2025)):
            for minutes in range(0, 4 * 60, 45):
                shown = datetime.combine(day, time(*divmod(minutes, 60)), ZoneInfo(name))
                asked.append((name, day.isoformat(), f"{shown:%H:%M}"))
                expected.append(f"{shown.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    assert len(asked) > 3_000
    found = run("text/days.js", IN_ZONES, asked)
    assert [each for each in zip(asked, found, expected, strict=True) if each[1] != each[2]] == []


def test_days_without_a_midnight_start_at_their_first_instant(run):
    """The model looks at the clock minute by minute."""
    found = {}
    for name in ("America/Santiago", "America/Havana", "Asia/Beirut", "Africa/Cairo", "America/Sao_Paulo", "Asia/Gaza"):
        zone = ZoneInfo(name)
        for day in days_of_change(zone, range(2008, 2025)):
            minute = datetime.combine(day, time(), UTC) - timedelta(hours=8)
            while minute.astimezone(zone).date() < day:
                minute += timedelta(minutes=1)
            found[name, day.isoformat(), "00:00"] = f"{minute:%Y-%m-%dT%H:%M:%SZ}"
    assert dict(zip(found, run("text/days.js", IN_ZONES, [*found]), strict=True)) == found


def test_a_zone_that_the_browser_does_not_know_becomes_utc(run):
    expression = "given.map(name => [m.setZone(name), m.instantOf('2030-06-12', '12:00')])"
    unknown = ["localtime", "posix/Europe/Berlin", "", "Mars/Olympus_Mons"]
    assert run("text/days.js", expression, unknown) == [[False, NOON]] * len(unknown)
    assert run("text/days.js", expression, ["Asia/Tokyo"]) == [[True, "2030-06-12T03:00:00Z"]]


DUE = [
    ({"due_date": "2030-06-12"}, "Today", False),
    ({"due_date": "2030-06-11"}, "Yesterday", True),
    ({"due_date": "2030-06-16"}, "Sunday", False),
    ({"due_date": "2031-01-01"}, "1 Jan 2031", False),
    ({"due_at": "2030-06-12T11:00:00Z"}, "Today, 13:00", True),
    ({"due_at": "2030-06-12T22:30:00Z"}, "Tomorrow, 00:30", False),
]


def test_a_due_day_is_near_or_far_as_seen_from_where_the_person_lives(run, subtests):
    tasks = [{"status": "todo", "due_date": None, "due_at": None, **due} for due, _, _ in DUE]
    read = run("text/days.js", "given.map(task => [m.describeDue(task), m.isOverdue(task)])", tasks)
    for (due, words, overdue), found in zip(DUE, read, strict=True):
        with subtests.test(due=due):
            assert found == [words, overdue]


BASE = {"title": "Milk", "priority": "none", "labels": ["a"], "due_date": None, "due_at": None, "description": ""}
EDITS = [
    ({"title": "Oats"}, {}, []),
    ({"title": "Oats"}, {"priority": "high"}, []),
    ({"title": "Oats"}, {"title": "Oats"}, []),
    ({"title": "Oats"}, {"title": "Rice"}, ["title"]),
    ({"labels": ["b", "a"]}, {"labels": ["A", "B"]}, []),
    ({"due_date": "2030-01-01", "due_at": None}, {"due_at": "2030-01-01T00:00:00Z"}, ["due"]),
    ({"due_date": "2030-01-01"}, {"title": "Rice"}, []),
    ({"title": "Oats", "priority": "low"}, {"title": "Rice", "priority": "high"}, ["title", "priority"]),
]


def test_two_edits_clash_in_the_fields_that_both_changed_and_not_to_the_same(run, subtests):
    edits = [[BASE, mine, {**BASE, **theirs}] for mine, theirs, _ in EDITS]
    read = run("data/merge.js", "given.map(edits => m.conflicts(...edits))", edits)
    for (mine, theirs, clash), found in zip(EDITS, read, strict=True):
        with subtests.test(mine=mine, theirs=theirs):
            assert found == clash
