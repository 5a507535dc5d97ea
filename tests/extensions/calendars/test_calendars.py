"""Calendar addresses: their files, how they are revoked, and that their secrets stay secret."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from conftest import PASSWORD
from icalendar import Calendar
from sqlalchemy import event, select, update
from surface import needs

from taskapi.database import db
from taskapi.extensions.calendars import service
from taskapi.extensions.calendars.models import CalendarAddress
from taskapi.security.tokens import MARK
from taskapi.users.models import User
from tests.extensions.calendars.calendar_client import CALENDARS, components, create, path_of, read

TASKS = "/api/v1/tasks"
NOWHERE = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def anyone(app):
    """A client that is not signed in."""
    return app.test_client()


def test_calendar_has_the_tasks_of_its_user(owner, other, anyone):
    other.post(TASKS, json={"title": "Of another user"})
    milk = owner.post(TASKS, json={"title": "Milk", "due_date": "2030-01-31", "labels": ["shop"]}).json
    owner.post(TASKS, json={"title": "Oat milk", "parent_id": milk["id"]})
    gone = owner.post(TASKS, json={"title": "Gone"}).json
    owner.delete(f"{TASKS}/{gone['id']}")
    calendar = create(owner, name="My; tasks")
    assert (calendar["kind"], calendar["project_id"], calendar["last_used_at"]) == ("VTODO", None, None)
    response = read(anyone, calendar)
    assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'inline; filename="tasks.ics"'
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in response.headers
    parsed = Calendar.from_ical(response.data)
    assert r"X-WR-CALNAME:My\; tasks" in response.text
    todos = {str(todo["SUMMARY"]): todo for todo in parsed.walk("VTODO")}
    assert [*todos] == ["Milk", "Oat milk"]
    assert todos["Oat milk"]["RELATED-TO"] == milk["id"]
    assert not parsed.walk("VEVENT")
    assert [*components(anyone, create(other), "VTODO")] == ["Of another user"]


def test_calendar_of_a_project_has_its_tasks(owner, anyone):
    garden = owner.post("/api/v1/projects", json={"name": "Garden"}).json
    owner.post(TASKS, json={"title": "Plants", "project_id": garden["id"]})
    owner.post(TASKS, json={"title": "Milk"})
    calendar, everything = create(owner, project_id=garden["id"]), create(owner)
    assert [*components(anyone, calendar, "VTODO")] == ["Plants"]
    assert [*components(anyone, everything, "VTODO")] == ["Plants", "Milk"]
    owner.patch(f"/api/v1/projects/{garden['id']}", json={"archived": True})
    assert [*components(anyone, calendar, "VTODO")] == []
    assert [*components(anyone, everything, "VTODO")] == ["Milk"]
    owner.delete(f"/api/v1/projects/{garden['id']}")
    assert [*components(anyone, calendar, "VTODO")] == []


def test_project_of_another_user_is_as_unknown(owner, other):
    theirs = other.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    answers = [owner.post(CALENDARS, json={"name": "x", "project_id": each}) for each in (theirs, NOWHERE)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json["errors"] == answers[1].json["errors"]


def test_calendar_of_events_has_tasks_with_a_due_date(owner, anyone):
    owner.post(TASKS, json={"title": "Milk", "due_date": "2030-01-31"})
    owner.post(TASKS, json={"title": "Call", "due_at": "2030-01-31T09:00:00+01:00", "status": "done"})
    owner.post(TASKS, json={"title": "Last", "due_date": "9999-12-31", "status": "cancelled", "description": "a\nb"})
    owner.post(TASKS, json={"title": "Some day"})
    calendar = create(owner, kind="VEVENT")
    events = components(anyone, calendar, "VEVENT")
    assert [*events] == ["Milk", "✓ Call", "Last"]
    milk, call, last = events.values()
    assert (str(milk.decoded("DTSTART")), str(milk.decoded("DTEND"))) == ("2030-01-31", "2030-02-01")
    assert call.decoded("DTSTART") == datetime(2030, 1, 31, 8, tzinfo=UTC)
    assert (last["STATUS"], last["DESCRIPTION"], "DTEND" in last) == ("CANCELLED", "a\nb", False)
    assert {event["TRANSP"] for event in events.values()} == {"TRANSPARENT"}
    assert max(map(len, read(anyone, calendar).data.split(b"\r\n"))) <= 75


@needs("recurrence")
def test_event_repeats_if_the_next_dates_are_known(owner, anyone):
    owner.patch("/api/v1/me", json={"timezone": "Europe/Berlin"})
    weekly = {"recurrence": "FREQ=WEEKLY;BYDAY=MO;COUNT=3", "due_at": "2030-07-01T07:00:00Z"}
    rows = {
        "Monday": weekly,
        "Monthly": {"recurrence": "FREQ=MONTHLY;UNTIL=20301231T120000Z", "due_date": "2030-01-31"},
        "Postponed": {**weekly, "due_at": "2030-07-02T07:00:00Z"},
        "Completion": {**weekly, "recurrence_from": "completion"},
        "Done": {**weekly, "status": "cancelled"},
        "Last": {"recurrence": "FREQ=DAILY;BYDAY=MO", "due_date": "9999-12-31"},
    }
    for title, values in rows.items():
        assert owner.post(TASKS, json={"title": title, **values}).status_code == 201
    calendar = create(owner, kind="VEVENT")
    events = components(anyone, calendar, "VEVENT")
    assert {title for title, event in events.items() if "RRULE" in event} == {"Monday", "Monthly"}
    monday, monthly = events["Monday"], events["Monthly"]
    assert (str(monday["DTSTART"].params["TZID"]), monday["RRULE"]["COUNT"]) == ("Europe/Berlin", [3])
    assert monday.decoded("DTSTART").hour == 9
    assert str(monthly["RRULE"]["UNTIL"][0]) == "2030-12-31"
    assert events["Postponed"].decoded("DTSTART") == datetime(2030, 7, 2, 7, tzinfo=UTC)
    assert read(anyone, calendar).text.count("BEGIN:VTIMEZONE") == 1


@needs("recurrence")
@pytest.mark.parametrize(
    ("rule", "due", "repeats"),
    [
        ("FREQ=DAILY", "2026-10-25T00:30:00Z", True),
        ("FREQ=DAILY", "2026-10-25T01:30:00Z", False),  # the second 2:30, which no rule has
        ("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "2027-04-01", True),
        ("FREQ=DAILY", "2027-06-14T07:00:00.250Z", True),
        ("FREQ=DAILY;UNTIL=20270614", "2027-06-14", True),
        ("FREQ=DAILY;UNTIL=20270613", "2027-06-14", False),  # postponed beyond the end
        ("FREQ=DAILY;UNTIL=20270613T220000Z", "2027-06-14", True),  # in Berlin, 14 June
        ("FREQ=DAILY;UNTIL=20270613T215959Z", "2027-06-14", False),
        ("FREQ=DAILY;UNTIL=20270614T070000Z", "2027-06-14T07:00:00Z", True),
        ("FREQ=DAILY;UNTIL=20270614T065959Z", "2027-06-14T07:00:00Z", False),
        ("FREQ=DAILY;UNTIL=20270614", "2027-06-14T21:59:59Z", True),
        ("FREQ=DAILY;UNTIL=20270614", "2027-06-14T22:00:00Z", False),  # in Berlin, 15 June
    ],
)
def test_event_repeats_if_its_rule_has_the_due_date(owner, anyone, rule, due, repeats):
    owner.patch("/api/v1/me", json={"timezone": "Europe/Berlin"})
    values = {"due_at" if "T" in due else "due_date": due, "recurrence": rule}
    assert owner.post(TASKS, json={"title": "Milk", **values}).status_code == 201
    event = components(anyone, create(owner, kind="VEVENT"), "VEVENT")["Milk"]
    start = event.decoded("DTSTART")
    if "T" in due:
        assert start.astimezone(UTC) == datetime.fromisoformat(due).replace(microsecond=0)
    else:
        assert str(start) == due
    assert ("RRULE" in event) == repeats


def test_unchanged_calendar_is_304(owner, anyone):
    owner.post(TASKS, json={"title": "Milk"})
    calendar = create(owner)
    first = read(anyone, calendar)
    etag, changed = first.headers["ETag"], first.headers["Last-Modified"]
    for headers in ({"If_None_Match": etag}, {"If_Modified_Since": changed}):
        again = read(anyone, calendar, **headers)
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    owner.post(TASKS, json={"title": "Bread"})
    for headers in ({"If_None_Match": etag}, {"If_Modified_Since": changed}):
        assert b"Bread" in read(anyone, calendar, **headers).data
    assert read(anyone, calendar).headers["ETag"] != etag
    head = anyone.head(path_of(calendar))
    assert (head.status_code, head.data) == (200, b"")


def test_every_change_is_seen_by_date(owner, anyone):
    """Two changes in one second have different dates."""
    calendar = create(owner)
    changed = read(anyone, calendar).headers["Last-Modified"]
    for number in range(3):
        owner.post(TASKS, json={"title": f"Task {number}"})
        response = read(anyone, calendar, If_Modified_Since=changed)
        assert (response.status_code, response.headers["Last-Modified"] != changed) == (200, True)
        changed = response.headers["Last-Modified"]


@needs("recurrence")
def test_new_time_zone_is_seen_by_date(owner, anyone):
    """The events of recurring tasks are in the time zone of the account."""
    owner.post(TASKS, json={"title": "Milk", "due_at": "2030-07-01T07:00:00Z", "recurrence": "FREQ=DAILY"})
    calendar = create(owner, kind="VEVENT")
    changed = read(anyone, calendar).headers["Last-Modified"]
    assert read(anyone, calendar, If_Modified_Since=changed).status_code == 304
    assert owner.patch("/api/v1/me", json={"timezone": "Europe/Berlin"}).status_code == 200
    response = read(anyone, calendar, If_Modified_Since=changed)
    assert response.status_code == 200
    assert "DTSTART;TZID=Europe/Berlin:20300701T090000" in response.text
    assert read(anyone, calendar, If_Modified_Since=response.headers["Last-Modified"]).status_code == 304


def test_unchanged_calendar_is_cheap(owner, anyone, statements):
    owner.post(TASKS, json={"title": "Milk"})
    calendar = create(owner)
    etag = read(anyone, calendar).headers["ETag"]
    statements.clear()
    assert read(anyone, calendar, If_None_Match=etag).status_code == 304
    assert [each for each in statements if "FROM tasks" in each] == []
    assert len(statements) <= 2


@pytest.fixture
def statements(app):
    """The statements of all engines, as they run."""
    seen = []

    def see(_connection, _cursor, statement, *_):
        seen.append(statement)

    with app.app_context():
        engines = [*db.engines.values()]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", see)
    yield seen
    for engine in engines:
        event.remove(engine, "before_cursor_execute", see)


def test_secret_is_shown_once_and_stored_as_a_digest(app, owner, anyone):
    calendar = create(owner)
    secret = re.fullmatch(r"http://localhost/calendars/([A-Za-z0-9_-]{43})\.ics", calendar["url"])[1]
    listed = owner.get(CALENDARS)
    assert listed.json["items"] == [{key: value for key, value in calendar.items() if key != "url"}]
    mine = CalendarAddress.id == UUID(calendar["id"])
    with app.app_context():
        row = dict(db.session.execute(select(CalendarAddress.__table__).where(mine)).mappings().one())
    assert secret not in repr(row)
    if "exports" in app.blueprints:
        assert secret not in owner.get("/api/v1/me/export").text
    assert secret not in owner.get("/api/v1/me/activity").text
    assert read(anyone, calendar).status_code == 200
    assert owner.get(CALENDARS).json["items"][0]["last_used_at"]


def test_rotated_calendar_has_a_new_address(owner, other, anyone):
    calendar = create(owner, name="Work")
    assert other.post(f"{CALENDARS}/{calendar['id']}/rotate").status_code == 404
    rotated = owner.post(f"{CALENDARS}/{calendar['id']}/rotate")
    assert (rotated.status_code, rotated.json["id"], rotated.json["name"]) == (200, calendar["id"], "Work")
    assert rotated.json["url"] != calendar["url"]
    assert (read(anyone, calendar).status_code, read(anyone, rotated.json).status_code) == (404, 200)


def test_deleted_calendar_is_not_found(owner, other, anyone):
    calendar = create(owner)
    assert other.delete(f"{CALENDARS}/{calendar['id']}").status_code == 404
    assert read(anyone, calendar).status_code == 200
    assert owner.delete(f"{CALENDARS}/{calendar['id']}").status_code == 204
    assert read(anyone, calendar).status_code == 404
    assert owner.delete(f"{CALENDARS}/{calendar['id']}").status_code == 404


def test_all_reasons_for_404_look_the_same(app, owner, anyone):
    deactivated, restored = create(owner), create(owner)
    mine = update(User).where(User.username == owner.username)
    with app.app_context():
        db.session.execute(mine.values(active=False))
        db.session.commit()
    gone = read(anyone, deactivated)
    with app.app_context():
        db.session.execute(mine.values(active=True, epoch=User.epoch + MARK))
        db.session.commit()
    answers = [gone, read(anyone, restored), anyone.get(f"/calendars/{'x' * 43}.ics"), anyone.get("/calendars/x.ics")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({re.sub(r'"request_id":"[^"]*"', "", answer.text) for answer in answers}) == 1
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


def test_account_deletion_removes_the_calendars(app, owner, anyone):
    calendar = create(owner)
    assert owner.delete("/api/v1/me").status_code == 204
    assert read(anyone, calendar).status_code == 404
    with app.app_context():
        found = select(CalendarAddress.id).where(CalendarAddress.id == UUID(calendar["id"]))
        assert db.session.execute(found).all() == []


def test_calendar_survives_sign_out_and_a_new_password(owner, anyone):
    calendar = create(owner)
    body = {"current_password": PASSWORD, "new_password": "another password of 1843"}
    assert owner.put("/api/v1/me/password", json=body).status_code in {200, 204}
    assert read(anyone, calendar).status_code == 200


@pytest.mark.usefixtures("stopped_clock")
def test_calendars_are_limited_in_number_and_requests(make_app, new_user):
    app = make_app(MAX_CALENDARS=2, CALENDAR_REQUESTS_PER_HOUR=3, RATELIMIT_ENABLED=True)
    user, anyone = app.test_client(), app.test_client()
    token = user.post("/api/v1/auth/login", json={"username": new_user(), "password": PASSWORD}).json["access_token"]
    user.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    first, second = create(user), create(user)
    full = user.post(CALENDARS, json={"name": "x"})
    assert (full.status_code, full.json["code"]) == (409, "quota_exceeded")
    assert [read(anyone, first).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert read(anyone, first).headers["Retry-After"]
    assert read(anyone, second).status_code == 200


@pytest.mark.usefixtures("stopped_clock")
def test_requests_of_an_address_are_limited(make_app):
    app = make_app(CALENDAR_REQUESTS_PER_HOUR_OF_ADDRESS=3, RATELIMIT_ENABLED=True)
    anyone = app.test_client()
    assert [anyone.get("/calendars/x.ics").status_code for _ in range(4)] == [404, 404, 404, 429]


def test_secret_is_in_no_log(make_app, new_user, capfd, monkeypatch):
    app = make_app(LOG_LEVEL="info")
    owner, anyone = app.test_client(), app.test_client()
    token = owner.post("/api/v1/auth/login", json={"username": new_user(), "password": PASSWORD}).json["access_token"]
    owner.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    calendar = create(owner)
    secret = path_of(calendar).rpartition("/")[2].removesuffix(".ics")
    read(anyone, calendar)
    anyone.get(f"{path_of(calendar)}?x=1")
    anyone.post(path_of(calendar))
    monkeypatch.setattr(service, "refresh_calendar", lambda _: 1 / 0)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert read(anyone, calendar).status_code == 500
    logged = "".join(capfd.readouterr())
    assert "/calendars/<secret>.ics" in logged
    assert "ZeroDivisionError" in logged
    assert secret not in logged
    assert secret not in anyone.get("/metrics").text


@needs("personal_tokens")
def test_personal_token_cannot_create_an_address(app, owner):
    body = {"name": "Script", "permissions": ["account:read", "task:read"]}
    token = owner.post("/api/v1/me/tokens", json=body).json["token"]
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    assert client.get(CALENDARS).status_code == 200
    assert client.post(CALENDARS, json={"name": "x"}).status_code == 403


def test_use_is_stored_once_a_minute(app, owner, anyone, monkeypatch):
    calendar = create(owner)
    moment = service.now()
    monkeypatch.setattr(service, "now", lambda: moment)
    read(anyone, calendar)
    used = owner.get(CALENDARS).json["items"][0]["last_used_at"]
    monkeypatch.setattr(service, "now", lambda: moment + timedelta(seconds=30))
    read(anyone, calendar)
    assert owner.get(CALENDARS).json["items"][0]["last_used_at"] == used
    monkeypatch.setattr(service, "now", lambda: moment + timedelta(seconds=61))
    read(anyone, calendar)
    assert owner.get(CALENDARS).json["items"][0]["last_used_at"] != used
