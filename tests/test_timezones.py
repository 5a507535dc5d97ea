"""The time zones of accounts, and the days in them."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from conftest import PASSWORD, program
from surface import needs

from taskapi.api.fields import timezone_names
from taskapi.tasks.days import day_of, end_of_day, start_of_day

ME, TASKS = "/api/v1/me", "/api/v1/tasks"
IN_A_BROWSER = """
const names = JSON.parse(require("fs").readFileSync(0));
const refused = names.filter((timeZone) => {
  try { new Intl.DateTimeFormat("en", { timeZone }); return false; } catch { return true; }
});
console.log(JSON.stringify({ refused, supported: Intl.supportedValuesOf("timeZone") }));
"""


def titles(client, **query):
    response = client.get(TASKS, query_string=query)
    assert response.status_code == 200, response.text
    return [item["title"] for item in response.json["items"]]


def move(client, zone):
    assert client.patch(ME, json={"timezone": zone}).status_code == 200


def test_browsers_and_python_know_every_accepted_zone():
    names = sorted(timezone_names())
    done = subprocess.run(
        [program("node"), "-e", IN_A_BROWSER], input=json.dumps(names), capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["refused"] == []
    assert set(found["supported"]) - set(names) == set()
    assert [name for name in names if ZoneInfo(name).key != name] == []


@pytest.mark.parametrize(
    "name",
    [
        "localtime", "Factory", "posixrules", "posix/Europe/Berlin", "right/Europe/Berlin", "SystemV/EST5",
        "Etc/Unknown", "../Europe/Berlin", "/etc/localtime", "europe/berlin", "tzdata.zi", "CEST",
    ],
)  # fmt: skip
def test_time_zone_unknown_to_browsers_is_422(owner, name):
    response = owner.patch(ME, json={"timezone": name})
    assert (response.status_code, list(response.json["errors"]["json"])) == (422, ["timezone"])


@pytest.mark.parametrize("name", ["Europe/Berlin", "Asia/Calcutta", "US/Pacific", "Etc/GMT+5", "UTC", "EST5EDT"])
def test_names_of_the_iana_database_are_accepted(owner, name):
    assert owner.patch(ME, json={"timezone": name}).json["timezone"] == name


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("America/Santiago", "2030-09-08", "2030-09-08T04:00:00Z"),  # midnight is skipped: 01:00
        ("America/Havana", "2030-03-10", "2030-03-10T05:00:00Z"),
        ("America/Havana", "2030-11-03", "2030-11-03T04:00:00Z"),  # midnight is there twice: the first
        ("America/Santiago", "2030-04-07", "2030-04-07T04:00:00Z"),
        ("Australia/Lord_Howe", "2030-10-07", "2030-10-06T13:00:00Z"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),  # there is no such day
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),
        ("America/St_Johns", "2009-11-01", "2009-11-01T02:30:00Z"),  # clocks went back at 00:01
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00Z"),  # clocks went from 23:30 to 00:30
    ],
)
def test_day_starts_at_its_first_instant(zone, day, start):
    there = ZoneInfo(zone)
    first = start_of_day(date.fromisoformat(day), there)
    assert first == datetime.fromisoformat(start)
    assert day_of(first, there) >= date.fromisoformat(day)
    assert day_of(first - timedelta(seconds=1), there) < date.fromisoformat(day)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "UTC"])
def test_days_at_either_end_of_time_have_a_start_and_an_end(zone):
    for day in (date(1970, 1, 1), date(9999, 12, 31)):
        there = ZoneInfo(zone)
        assert start_of_day(day, there) < end_of_day(day, there)
        assert day_of(start_of_day(day, there), there) == day


def test_late_task_is_due_on_its_local_day(owner):
    move(owner, "America/Los_Angeles")
    owner.post(TASKS, json={"title": "14 July, 20:00", "due_at": "2030-07-15T03:00:00Z"})
    assert titles(owner, due_after="2030-07-14", due_before="2030-07-15") == ["14 July, 20:00"]
    assert titles(owner, due_after="2030-07-15") == []


def test_days_and_instants_sort_by_local_days(owner):
    move(owner, "Asia/Tokyo")
    owner.post(TASKS, json={"title": "14 July, 06:00", "due_at": "2030-07-13T21:00:00Z"})
    owner.post(TASKS, json={"title": "13 July", "due_date": "2030-07-13"})
    assert titles(owner, sort="due") == ["13 July", "14 July, 06:00"]
    move(owner, "UTC")
    assert titles(owner, sort="due") == ["14 July, 06:00", "13 July"]


@pytest.mark.parametrize("name", ["created", "updated", "completed"])
def test_every_instant_can_be_compared_with_a_day(owner, name):
    task = owner.post(TASKS, json={"title": "Milk", "status": "done"}).json
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
        move(owner, zone)
        today = datetime.fromisoformat(task[f"{name}_at"]).astimezone(ZoneInfo(zone)).date()
        assert titles(owner, **{f"{name}_after": today.isoformat()}) == ["Milk"]
        assert titles(owner, **{f"{name}_after": (today + timedelta(days=1)).isoformat()}) == []


@needs("changes")
def test_time_zone_change_keeps_versions_and_other_users(owner, other):
    for client in (owner, other):
        client.post(TASKS, json={"title": "13 July", "due_date": "2030-07-13"})
    before = owner.get(TASKS).json
    cursor = owner.get("/api/v1/changes").json["cursor"]
    move(owner, "Asia/Tokyo")
    assert owner.get(TASKS).json == before
    assert owner.get("/api/v1/changes").json["cursor"] == cursor
    assert titles(owner, due_before="2030-07-13T15:00:00Z") == ["13 July"]
    assert titles(other, due_before="2030-07-13T15:00:00Z") == []


def test_tasks_added_during_a_time_zone_change_use_the_new_zone(app, owner):
    def client():
        made = app.test_client()
        made.environ_base.update(owner.environ_base)
        return made

    def add(number):
        assert client().post(TASKS, json={"title": f"{number}", "due_date": "2030-07-13"}).status_code == 201

    def travel(number):
        move(client(), ["Pacific/Kiritimati", "Etc/GMT+12"][number % 2])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: (travel if number % 4 == 0 else add)(number), range(48)))
    assert len(titles(owner, due_after="2030-07-13", due_before="2030-07-14", limit=100)) == 36


def test_time_zone_changes_at_most_20_times_an_hour(make_app):
    app = make_app(RATELIMIT_ENABLED=True)
    client = app.test_client()
    credentials = {"username": f"traveller-{datetime.now(UTC):%H%M%S%f}", "password": PASSWORD}
    assert client.post("/api/v1/auth/register", json=credentials).status_code == 201
    token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    zones = ["Asia/Tokyo", "Europe/Berlin"] * 10
    assert {client.patch(ME, json={"timezone": zone}).status_code for zone in zones} == {200}
    assert client.patch(ME, json={"timezone": "Europe/Berlin", "name": "Ada"}).status_code == 200
    refused = client.patch(ME, json={"timezone": "UTC"})
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_requests")
    assert client.get(ME).json["timezone"] == "Europe/Berlin"
