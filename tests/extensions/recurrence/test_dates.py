"""The due dates of a recurring task: calendars, time zones, and completions that are early or late."""

from zoneinfo import ZoneInfo

import pytest

from tests.extensions.recurrence.recurring import BERLIN, TASKS, add, change, complete, instant, local, next_dues

DAYS = [
    ("FREQ=DAILY", "2030-01-30", ["2030-01-31", "2030-02-01"]),
    ("FREQ=DAILY;INTERVAL=3", "2030-01-30", ["2030-02-02", "2030-02-05"]),
    ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "2030-01-31", ["2030-02-01", "2030-02-04"]),
    ("FREQ=WEEKLY", "2030-01-31", ["2030-02-07", "2030-02-14"]),
    ("FREQ=WEEKLY;BYDAY=MO,TH", "2030-01-31", ["2030-02-04", "2030-02-07", "2030-02-11"]),
    ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", "2030-01-28", ["2030-01-31", "2030-02-11", "2030-02-14"]),
    ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU", "2030-01-29", ["2030-02-03", "2030-02-12", "2030-02-17"]),
    ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU", "2030-01-29", ["2030-02-10", "2030-02-12", "2030-02-24"]),
    ("FREQ=MONTHLY", "2030-01-15", ["2030-02-15", "2030-03-15"]),
    ("FREQ=MONTHLY", "2030-01-31", ["2030-03-31", "2030-05-31", "2030-07-31"]),
    ("FREQ=MONTHLY;BYMONTHDAY=31", "2030-01-31", ["2030-03-31", "2030-05-31"]),
    ("FREQ=MONTHLY;BYMONTHDAY=-1", "2030-01-31", ["2030-02-28", "2030-03-31", "2030-04-30"]),
    ("FREQ=MONTHLY;BYMONTHDAY=1,15", "2030-01-10", ["2030-01-15", "2030-02-01", "2030-02-15"]),
    ("FREQ=MONTHLY;BYDAY=2MO", "2030-01-14", ["2030-02-11", "2030-03-11"]),
    ("FREQ=MONTHLY;BYDAY=-1FR", "2030-01-25", ["2030-02-22", "2030-03-29"]),
    ("FREQ=MONTHLY;BYDAY=5TH", "2030-01-31", ["2030-05-30", "2030-08-29"]),
    ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2030-02-28", ["2030-03-29", "2030-04-30"]),
    ("FREQ=MONTHLY;INTERVAL=12", "2028-02-29", ["2032-02-29"]),
    ("FREQ=YEARLY", "2030-06-01", ["2031-06-01", "2032-06-01"]),
    ("FREQ=YEARLY", "2028-02-29", ["2032-02-29", "2036-02-29"]),
    ("FREQ=YEARLY", "2096-02-29", ["2104-02-29"]),
    ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1", "2028-02-29", ["2029-02-28", "2030-02-28"]),
    ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2030-02-01", ["2032-02-29", "2036-02-29"]),
    ("FREQ=YEARLY;BYMONTH=5;BYDAY=2SU", "2030-05-12", ["2031-05-11", "2032-05-09"]),
    ("FREQ=YEARLY;BYMONTH=2;BYDAY=5MO", "2030-02-01", ["2044-02-29", "2072-02-29"]),
    ("FREQ=YEARLY;INTERVAL=10", "2028-02-29", ["2048-02-29"]),
    ("FREQ=WEEKLY;UNTIL=20300212", "2030-01-31", ["2030-02-07"]),
    ("FREQ=WEEKLY;UNTIL=20300214", "2030-01-31", ["2030-02-07", "2030-02-14"]),
    ("FREQ=WEEKLY;UNTIL=20300213T230000Z", "2030-01-31", ["2030-02-07"]),
    ("FREQ=WEEKLY;COUNT=3", "2030-01-31", ["2030-02-07", "2030-02-14"]),
    ("FREQ=DAILY;COUNT=1", "2030-01-31", []),
    ("FREQ=YEARLY;INTERVAL=10", "9990-06-01", []),
]
# A local time, and those of the next due dates. `*` marks the second one of a time that occurs twice
TIMES = [
    # 09:00 in Berlin stays 09:00 on both days on which clocks change
    ("Europe/Berlin", "FREQ=DAILY", "2030-03-30 09:00", ["2030-03-31 09:00", "2030-04-01 09:00"]),
    ("Europe/Berlin", "FREQ=DAILY", "2030-10-26 09:00", ["2030-10-27 09:00", "2030-10-28 09:00"]),
    ("Europe/Berlin", "FREQ=WEEKLY;BYDAY=MO", "2030-03-25 00:30", ["2030-04-01 00:30", "2030-04-08 00:30"]),
    ("Europe/Berlin", "FREQ=MONTHLY;BYMONTHDAY=-1", "2030-02-28 23:30", ["2030-03-31 23:30", "2030-04-30 23:30"]),
    # A time that clocks skip moves by the hour they skip, and is back on the next day
    ("Europe/Berlin", "FREQ=DAILY", "2030-03-30 02:30", ["2030-03-31 03:30", "2030-04-01 02:30", "2030-04-02 02:30"]),
    ("Europe/Berlin", "FREQ=WEEKLY", "2030-03-24 02:30", ["2030-03-31 03:30", "2030-04-07 02:30"]),
    ("America/New_York", "FREQ=DAILY", "2030-03-09 02:15", ["2030-03-10 03:15", "2030-03-11 02:15"]),
    # The first of two equal times
    ("Europe/Berlin", "FREQ=DAILY", "2030-10-26 02:30", ["2030-10-27 02:30", "2030-10-28 02:30"]),
    ("Europe/Berlin", "FREQ=DAILY", "2030-10-27 02:30*", ["2030-10-28 02:30", "2030-10-29 02:30"]),
    # Midnight that is skipped, half an hour that is skipped or repeated, and a whole day that is skipped
    ("America/Havana", "FREQ=DAILY", "2030-03-09 00:00", ["2030-03-10 01:00", "2030-03-11 00:00"]),
    ("Australia/Lord_Howe", "FREQ=DAILY", "2030-10-05 02:15", ["2030-10-06 02:45", "2030-10-07 02:15"]),
    ("Australia/Lord_Howe", "FREQ=DAILY", "2030-04-06 01:45", ["2030-04-07 01:45", "2030-04-08 01:45"]),
    ("Pacific/Apia", "FREQ=DAILY", "2011-12-29 09:00", ["2011-12-31 09:00", "2012-01-01 09:00"]),
    # Weekdays are those of the zone, not of UTC
    ("Pacific/Kiritimati", "FREQ=WEEKLY;BYDAY=SA", "2030-02-02 08:00", ["2030-02-09 08:00"]),
    ("America/Los_Angeles", "FREQ=MONTHLY;BYDAY=1SU", "2030-03-03 20:00", ["2030-04-07 20:00"]),
    ("Europe/Berlin", "FREQ=DAILY;UNTIL=20300401", "2030-03-31 23:59", ["2030-04-01 23:59"]),
    ("Europe/Berlin", "FREQ=DAILY;UNTIL=20300401T215900Z", "2030-03-31 23:59", ["2030-04-01 23:59"]),
    ("Europe/Berlin", "FREQ=DAILY;UNTIL=20300401T215859Z", "2030-03-31 23:59", []),
    ("Europe/Berlin", "FREQ=DAILY;BYHOUR=7;BYMINUTE=15", "2030-01-30 09:00", ["2030-01-31 07:15", "2030-02-01 07:15"]),
]


def move_to(owner, zone):
    assert owner.patch("/api/v1/me", json={"timezone": zone}).status_code == 200


@pytest.mark.parametrize(("rule", "due", "expected"), DAYS)
def test_next_days_follow_the_rule(owner, rule, due, expected):
    count = len(expected) + (0 if expected and "COUNT" not in rule and "UNTIL" not in rule else 1)
    assert next_dues(owner, rule, due, count) == expected


@pytest.mark.parametrize(("zone", "rule", "due", "expected"), TIMES)
def test_time_of_day_is_that_of_the_time_zone(owner, zone, rule, due, expected):
    move_to(owner, zone)
    where = ZoneInfo(zone)
    count = len(expected) + ("UNTIL" in rule)
    assert next_dues(owner, rule, instant(due, where), count, where) == expected


def test_rule_has_the_time_only_while_clocks_skip_it(owner):
    move_to(owner, "Europe/Berlin")
    task = add(owner, "FREQ=DAILY", instant("2030-03-30 02:30", BERLIN))
    _, displaced = complete(owner, task, task["due_at"])
    assert displaced["recurrence"] == "FREQ=DAILY;BYHOUR=2;BYMINUTE=30"
    _, back = complete(owner, displaced, displaced["due_at"])
    assert (back["recurrence"], local(back["due_at"], BERLIN)) == ("FREQ=DAILY", "2030-04-01 02:30")


@pytest.mark.parametrize(
    ("rule", "due", "completed_at", "expected"),
    [
        # Early: the date after the due date
        ("FREQ=DAILY", "2030-01-31", "2030-01-29T12:00:00Z", "2030-02-01"),
        ("FREQ=WEEKLY;BYDAY=MO", "2030-02-04", "2030-01-30T12:00:00Z", "2030-02-11"),
        # Late: a day that is not past, which may be today; in steps of the interval
        ("FREQ=DAILY", "2030-01-31", "2030-02-03T12:00:00Z", "2030-02-03"),
        ("FREQ=DAILY;INTERVAL=2", "2030-01-31", "2030-02-03T12:00:00Z", "2030-02-04"),
        ("FREQ=WEEKLY;BYDAY=MO", "2030-01-07", "2030-01-30T12:00:00Z", "2030-02-04"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", "2030-01-07", "2030-02-01T12:00:00Z", "2030-02-04"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;WKST=SU", "2030-01-07", "2030-02-08T12:00:00Z", "2030-02-18"),
        ("FREQ=MONTHLY;INTERVAL=3", "2029-01-31", "2030-02-01T12:00:00Z", "2030-07-31"),
        ("FREQ=MONTHLY;BYDAY=-1FR;INTERVAL=2", "2030-01-25", "2030-06-01T12:00:00Z", "2030-07-26"),
        ("FREQ=YEARLY;INTERVAL=3", "2020-06-01", "2030-06-02T12:00:00Z", "2032-06-01"),
        ("FREQ=DAILY", "1970-01-01", "2030-06-02T12:00:00Z", "2030-06-02"),
        ("FREQ=DAILY;COUNT=4", "2030-01-31", "2030-02-03T12:00:00Z", "2030-02-03"),
        ("FREQ=DAILY;COUNT=3", "2030-01-31", "2030-02-03T12:00:00Z", None),
        ("FREQ=DAILY;UNTIL=20300202", "2030-01-31", "2030-02-03T12:00:00Z", None),
        # An instant that is later than the completion
        ("FREQ=DAILY", "2030-01-31T09:00:00Z", "2030-02-03T08:59:59Z", "2030-02-03T09:00:00Z"),
        ("FREQ=DAILY", "2030-01-31T09:00:00Z", "2030-02-03T09:00:00Z", "2030-02-04T09:00:00Z"),
        ("FREQ=DAILY", "2030-01-31T09:00:00Z", "2030-01-30T07:00:00Z", "2030-02-01T09:00:00Z"),
    ],
)
def test_early_and_late_completions(owner, rule, due, completed_at, expected):
    _, following = complete(owner, add(owner, rule, due), completed_at)
    assert (following and (following["due_date"] or following["due_at"])) == expected


@pytest.mark.parametrize(
    ("rule", "due", "completed_at", "expected"),
    [
        ("FREQ=DAILY;INTERVAL=3", "2030-01-31", "2030-02-03T12:00:00Z", "2030-02-06"),
        ("FREQ=DAILY;INTERVAL=3", "2030-01-31", "2030-01-29T12:00:00Z", "2030-02-01"),
        ("FREQ=DAILY;INTERVAL=3", "2030-01-31T09:00:00Z", "2030-01-29T20:00:00Z", "2030-02-01T09:00:00Z"),
        ("FREQ=DAILY", "2030-02-20T09:00:00Z", "2030-01-29T20:00:00Z", "2030-01-30T09:00:00Z"),
        ("FREQ=WEEKLY", "2030-01-31", "2030-02-03T12:00:00Z", "2030-02-10"),
        ("FREQ=WEEKLY;BYDAY=MO", "2030-01-31", "2030-02-03T12:00:00Z", "2030-02-04"),
        ("FREQ=MONTHLY", "2030-01-01", "2030-01-31T12:00:00Z", "2030-02-28"),
        ("FREQ=MONTHLY;BYMONTHDAY=1", "2030-01-01", "2030-01-31T12:00:00Z", "2030-02-01"),
        ("FREQ=YEARLY", "2028-01-01", "2028-02-29T12:00:00Z", "2029-02-28"),
        ("FREQ=DAILY;UNTIL=20300203", "2030-01-31", "2030-02-03T12:00:00Z", None),
    ],
)
def test_dates_after_completion(owner, rule, due, completed_at, expected):
    _, following = complete(owner, add(owner, rule, due, recurrence_from="completion"), completed_at)
    assert (following and (following["due_date"] or following["due_at"])) == expected


def test_count_is_reduced_by_skipped_dates_too(owner):
    task = add(owner, "FREQ=DAILY;COUNT=10", "2030-01-31")
    _, following = complete(owner, task, "2030-02-03T12:00:00Z")
    assert (following["due_date"], following["recurrence"]) == ("2030-02-03", "FREQ=DAILY;COUNT=7")
    task = add(owner, "FREQ=DAILY;COUNT=10", "2030-01-31", recurrence_from="completion")
    _, following = complete(owner, task, "2030-02-03T12:00:00Z")
    assert (following["due_date"], following["recurrence"]) == ("2030-02-04", "FREQ=DAILY;COUNT=9")


def test_due_day_is_that_of_the_time_zone_at_completion(owner):
    move_to(owner, "Pacific/Auckland")
    task = add(owner, "FREQ=DAILY", "2030-01-31")
    _, following = complete(owner, task, "2030-02-03T12:00:00Z")  # 4 February there
    assert following["due_date"] == "2030-02-04"


def test_changed_due_date_is_where_the_series_continues(owner):
    task = add(owner, "FREQ=WEEKLY;INTERVAL=2", "2030-01-31")
    change(owner, task, due_date="2030-02-02")
    _, following = complete(owner, task, "2030-02-02T12:00:00Z")
    assert following["due_date"] == "2030-02-16"


def test_completion_that_names_a_due_date_counts_from_it(owner):
    task = add(owner, "FREQ=DAILY", "2030-01-31")
    done = change(owner, task, "2030-01-31T12:00:00Z", status="done", due_date="2030-03-01")
    assert owner.get(f"{TASKS}/{done['next_id']}").json["due_date"] == "2030-03-02"
