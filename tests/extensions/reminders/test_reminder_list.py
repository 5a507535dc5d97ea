"""GET /reminders: what is next, page by page; and what tasks without reminders cost."""

from sqlalchemy import Engine, event
from surface import needs

from taskapi.database import PreparedStatement
from tests.extensions.reminders.declarations import REMINDERS
from tests.extensions.reminders.reminding import TASKS, add, times


def test_list_has_times_and_titles_in_order(owner, other):
    later = add(owner, "PT0S", title="Later")
    first = add(owner, "P1D", title="First")
    add(other, "P1D", title="Of another user")
    shown = owner.get(REMINDERS)
    assert shown.json == {
        "items": [
            {"at": "2090-01-30T09:00:00Z", "task_id": first["id"], "title": "First"},
            {"at": "2090-01-31T09:00:00Z", "task_id": later["id"], "title": "Later"},
        ],
        "next_cursor": None,
    }
    assert owner.get(REMINDERS, headers={"If-None-Match": shown.headers["ETag"]}).status_code == 304


def test_pages_have_each_reminder_once(owner):
    for number in range(3):
        add(owner, "PT0S", "PT1H", title=f"Task {number}")
    found, cursor = [], ""
    while cursor is not None:
        page = owner.get(f"{REMINDERS}?limit=4{cursor and f'&cursor={cursor}'}").json
        found += [(each["at"], each["task_id"]) for each in page["items"]]
        cursor = page["next_cursor"]
    assert (len(found), found) == (6, sorted({*found}))


def test_reminders_of_the_last_hours_of_all_time(owner):
    """East of Greenwich they are in year 10000."""
    for zone in ("UTC", "Pacific/Kiritimati"):
        assert owner.patch("/api/v1/me", json={"timezone": zone}).status_code == 200
        add(owner, "PT0S", "P1D", due="9999-12-31T23:00:00Z")
    assert times(owner) == ["9999-12-30T23:00:00Z"] * 2 + ["9999-12-31T23:00:00Z"] * 2


@needs("batch", "bulk")
def test_batches_and_bulk_changes_set_reminders(owner):
    operation = {"op": "create", "data": {"title": "A", "due_date": "2090-01-31", "reminders": ["PT0S"]}}
    assert owner.post(f"{TASKS}/batch", json={"operations": [operation]}).status_code == 200
    assert times(owner) == ["2090-01-31T09:00:00Z"]
    update = {"op": "update", "count": 1, "data": {"due_date": "2090-02-01"}}
    assert owner.post(f"{TASKS}/bulk", json={"change": update}).status_code == 200
    assert times(owner) == ["2090-02-01T09:00:00Z"]


@needs("imports")
def test_imported_tasks_have_reminders(owner):
    rows = [{"title": f"Task {number}", "due_date": "2090-01-31", "reminders": ["PT0S"]} for number in range(3)]
    assert owner.post(f"{TASKS}/import.json", json={"tasks": rows}).status_code == 200
    assert times(owner) == ["2090-01-31T09:00:00Z"] * 3


@needs("recurrence")
def test_next_task_has_reminders(owner):
    task = add(owner, "PT0S", due="2090-01-31", recurrence="FREQ=DAILY")
    owner.patch(f"{TASKS}/{task['id']}", json={"status": "done"})
    assert times(owner) == ["2090-02-01T09:00:00Z"]
    owner.patch(f"{TASKS}/{task['id']}", json={"status": "todo"})
    assert times(owner) == ["2090-01-31T09:00:00Z"]


def test_tasks_without_reminders_cost_nothing(owner, monkeypatch):
    statements = []
    listener = lambda *call: statements.append(call[2])  # noqa: E731
    compiled_for = PreparedStatement.compiled_for

    def noted(statement, dialect):
        form = compiled_for(statement, dialect)
        statements.append(form.sql)
        return form

    monkeypatch.setattr(PreparedStatement, "compiled_for", noted)
    event.listen(Engine, "before_cursor_execute", listener)
    try:
        task = add(owner, due="2090-01-31")
        owner.patch(f"{TASKS}/{task['id']}", json={"due_date": "2090-02-01", "status": "done"})
        assert [sql for sql in statements if "reminder_" in sql] == []
        add(owner, "PT0S")
        assert [sql for sql in statements if "reminder_" in sql] != []
    finally:
        event.remove(Engine, "before_cursor_execute", listener)
