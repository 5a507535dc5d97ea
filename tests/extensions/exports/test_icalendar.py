"""Exports as iCalendar to-dos."""

from datetime import UTC, datetime

from icalendar import Calendar
from task_files import EXPORT, TASKS, add_examples, export_tasks


def calendar(client):
    return Calendar.from_ical(client.get(f"{EXPORT}.ics").data)


def test_calendar_has_a_to_do_for_each_task(owner):
    add_examples(owner)
    response = owner.get(f"{EXPORT}.ics")
    assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="tasks.ics"'
    assert response.text.startswith("BEGIN:VCALENDAR")  # reads it to its end, so that the next export may start
    tasks = export_tasks(owner)
    plants, call, formula, water = calendar(owner).walk("VTODO")
    assert [plants["UID"], water["RELATED-TO"]] == [tasks[0]["id"], tasks[0]["id"]]
    assert plants["CATEGORIES"].cats == ["green", "Home, sweet"]
    assert (water["STATUS"], water["PERCENT-COMPLETE"], str(water.decoded("DUE"))) == ("COMPLETED", 100, "2030-01-31")
    assert water.decoded("COMPLETED") == datetime.fromisoformat(tasks[3]["completed_at"]).replace(microsecond=0)
    assert (call.decoded("DUE"), call["PRIORITY"]) == (datetime(2030, 1, 31, 8, tzinfo=UTC), 1)
    assert (formula["DESCRIPTION"], formula["STATUS"]) == ("- one\n- “two”, 'three'\n", "CANCELLED")
    assert plants.decoded("CREATED") == datetime.fromisoformat(tasks[0]["created_at"]).replace(microsecond=0)


def test_text_cannot_add_lines_to_a_calendar(owner):
    owner.post(TASKS, json={"title": "END:VTODO", "description": "x\nEND:VTODO\nBEGIN:VEVENT\\nSUMMARY:y;z,\u2028a"})
    [todo] = calendar(owner).walk("VTODO")
    assert todo["DESCRIPTION"] == "x\nEND:VTODO\nBEGIN:VEVENT\\nSUMMARY:y;z,\u2028a"
    assert not calendar(owner).walk("VEVENT")
