"""Days are days in the account's time zone: lists, summary and pages against a plain model, across changes of zone.

The model knows local dates of instants alone. The application works with the instants at which days start.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cmp_to_key
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
import time_machine
from conftest import PASSWORD
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from surface import needs
from task_files import import_tasks

pytestmark = pytest.mark.slow

TASKS = "/api/v1/tasks"
ZONES = [
    "UTC", "America/Los_Angeles", "Asia/Tokyo", "America/Santiago", "America/Havana", "Australia/Lord_Howe",
    "Pacific/Apia", "Pacific/Auckland", "Pacific/Kiritimati", "Europe/Berlin", "Asia/Kathmandu", "Africa/Casablanca",
]  # fmt: skip
# Clocks change at midnight in Havana (10 March, 3 November) and Santiago (7 April, 8 September 2030), by half an hour
# on Lord Howe Island (7 April, 6 October); Apia has no 30 December 2011
CHANGES = [
    date(2030, 3, 10),
    date(2030, 4, 7),
    date(2030, 9, 8),
    date(2030, 10, 6),
    date(2030, 11, 3),
    date(2011, 12, 30),
]
STATUSES = ["todo", "in_progress", "done", "cancelled"]
near = st.integers(-2, 2)
half_hours = st.integers(-96, 96)
dues = st.one_of(st.none(), st.tuples(st.just("day"), near), st.tuples(st.just("instant"), half_hours))
borders = st.one_of(st.none(), st.tuples(st.just("day"), near), st.tuples(st.just("instant"), half_hours))


def local_date(moment, zone):
    return moment.astimezone(zone).date()


def real_day(day, zone):
    """Return a day, or the one before where the zone skipped it."""
    noon = datetime.combine(day, datetime.min.time(), zone).replace(hour=12)
    return day if local_date(noon.astimezone(UTC), zone) == day else day - timedelta(days=1)


def ends_before(due, border, zone):
    """Tell whether a due day or instant comes before a day or an instant."""
    if isinstance(due, datetime):
        return due < border if isinstance(border, datetime) else local_date(due, zone) < real_start(border, zone)
    if isinstance(border, datetime):
        return local_date(border, zone) > real_day(due, zone)
    return real_day(due, zone) < real_start(border, zone)


def real_start(day, zone):
    """Return a day, or the one after where the zone skipped it."""
    return day if real_day(day, zone) == day else day + timedelta(days=1)


class DaysMachine(RuleBasedStateMachine):
    """A user who travels."""

    def __init__(self, client):
        super().__init__()
        self.client = client
        self.zone = ZoneInfo("UTC")
        self.tasks = {}
        assert client.patch("/api/v1/me", json={"timezone": "UTC"}).status_code == 200

    @initialize(middle=st.sampled_from(CHANGES), zone=st.sampled_from(ZONES))
    def begin(self, middle, zone):
        self.middle = middle
        self.travel(zone)

    def moment(self, half_hours):
        return datetime.combine(self.middle, datetime.min.time(), UTC) + timedelta(minutes=30 * half_hours)

    def resolve(self, kind, number):
        return self.middle + timedelta(days=number) if kind == "day" else self.moment(number)

    def body(self, due):
        cleared = {"due_date": None, "due_at": None}
        if due is None:
            return cleared
        value = self.resolve(*due)
        return cleared | {"due_date" if due[0] == "day" else "due_at": value.isoformat()}

    @rule(due=dues, status=st.sampled_from(STATUSES))
    def add(self, due, status):
        response = self.client.post(TASKS, json={"title": "x", "status": status, **self.body(due)})
        assert response.status_code == 201, response.text
        self.tasks[response.json["id"]] = response.json

    @rule(dues=st.lists(dues, min_size=1, max_size=4))
    def import_tasks(self, dues):
        before = set(self.tasks)
        assert import_tasks(self.client, [{"title": "x", **self.body(due)} for due in dues]).status_code == 200
        for item in self.client.get(TASKS, query_string={"limit": 100}).json["items"]:
            self.tasks.setdefault(item["id"], item)
        assert len(self.tasks) == len(before) + len(dues)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), due=dues, named=st.booleans())
    def change(self, data, due, named):
        task_id = data.draw(st.sampled_from(sorted(self.tasks)))
        body = self.body(due) if named else {"priority": "high"}
        self.tasks[task_id] = self.client.patch(f"{TASKS}/{task_id}", json=body).json

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), zone=st.sampled_from(ZONES))
    def travel_while_in_the_trash(self, data, zone):
        task_id = data.draw(st.sampled_from(sorted(self.tasks)))
        assert self.client.delete(f"{TASKS}/{task_id}").status_code == 204
        self.travel(zone)
        self.tasks[task_id] = self.client.post(f"{TASKS}/{task_id}/restore").json

    @rule(zone=st.sampled_from(ZONES))
    def travel(self, zone):
        assert self.client.patch("/api/v1/me", json={"timezone": zone}).json["timezone"] == zone
        self.zone = ZoneInfo(zone)

    @rule(after=borders, before=borders, descending=st.booleans(), limit=st.integers(1, 4))
    def walk(self, after, before, descending, limit):
        after, before = (border and self.resolve(*border) for border in (after, before))
        query = {"sort": "-due" if descending else "due", "limit": limit}
        query |= {"due_after": after.isoformat()} if after else {}
        query |= {"due_before": before.isoformat()} if before else {}
        shown, cursor = [], {}
        while cursor is not None:
            response = self.client.get(TASKS, query_string={**query, **cursor})
            assert response.status_code == 200, response.text
            shown += response.json["items"]
            cursor = response.json["next_cursor"] and {"cursor": response.json["next_cursor"]}
        expected = [task for task in self.tasks.values() if self.matches(task, after, before)]
        assert shown == self.in_order(expected, descending)

    def matches(self, task, after, before):
        due = due_of(task)
        return (after is None or (due is not None and not ends_before(due, after, self.zone))) and (
            before is None or (due is not None and ends_before(due, before, self.zone))
        )

    def in_order(self, tasks, descending):
        """Sort by due, days behind the instants in them; those without come last."""
        with_due = sorted((task for task in tasks if due_of(task)), key=cmp_to_key(self.compare), reverse=descending)
        rest = sorted((task for task in tasks if not due_of(task)), key=lambda task: task["id"], reverse=descending)
        return with_due + rest

    def compare(self, one, other):
        a, b = due_of(one), due_of(other)
        if isinstance(a, datetime) == isinstance(b, datetime):
            a, b = (due if isinstance(due, datetime) else real_day(due, self.zone) for due in (a, b))
            return -1 if (a, one["id"]) < (b, other["id"]) else 1
        if isinstance(a, datetime):
            return 1 if ends_before(b, a, self.zone) else -1
        return -1 if ends_before(a, b, self.zone) else 1

    @rule(zone=st.sampled_from(ZONES), query=st.sampled_from(["sort=due", "sort=-due", "created_after=2020-01-01"]))
    def go_on_elsewhere(self, zone, query):
        url = f"{TASKS}?{query}&limit=1"
        cursor = self.client.get(url).json["next_cursor"]
        before = self.zone
        self.travel(zone)
        if cursor:
            response = self.client.get(f"{url}&cursor={cursor}")
            assert response.status_code == (200 if before == self.zone else 400), response.text
            assert response.status_code == 200 or response.json["code"] == "invalid_cursor"

    @rule(half_hours=half_hours)
    def look(self, half_hours):
        """Compare the list of overdue tasks and the summary, as they are at a moment."""
        moment = self.moment(half_hours)
        with time_machine.travel(moment, tick=False):
            credentials = {"username": self.client.username, "password": PASSWORD}
            token = self.client.post("/api/v1/auth/login", json=credentials).json["access_token"]
            bearer = {"Authorization": f"Bearer {token}"}
            listed = self.client.get(f"{TASKS}?overdue=true&limit=100", headers=bearer).json["items"]
            summary = self.client.get(f"{TASKS}/summary", headers=bearer).json
        todo = [task for task in self.tasks.values() if task["status"] in STATUSES[:2]]
        overdue = {task["id"] for task in todo if due_of(task) and ends_before(due_of(task), moment, self.zone)}
        today = local_date(moment, self.zone)
        rest = [task for task in todo if due_of(task) and task["id"] not in overdue]
        due_today = sum(1 for task in rest if self.day_of(due_of(task)) == today)
        assert {task["id"] for task in listed} == overdue
        assert (summary["overdue"], summary["due_today"]) == (len(overdue), due_today)

    def day_of(self, due):
        return local_date(due, self.zone) if isinstance(due, datetime) else real_day(due, self.zone)


def due_of(task):
    if task["due_at"]:
        return datetime.fromisoformat(task["due_at"])
    return date.fromisoformat(task["due_date"]) if task["due_date"] else None


@needs("changes", "imports")
def test_days_follow_the_time_zone(signed_in):
    run_state_machine_as_test(
        lambda: DaysMachine(signed_in()),
        settings=settings(
            max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
