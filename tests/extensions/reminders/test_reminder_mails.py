"""Each reminder is mailed once: to whom, when, about what, and by several senders."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import sqlalchemy as sa

from taskapi.database import db, reader, rls_user
from taskapi.extensions.account_mail.models import VerifiedEmail
from taskapi.extensions.mail import outbox, service
from taskapi.extensions.mail.models import OutgoingMail
from taskapi.extensions.mail.outbox import Message
from taskapi.extensions.mail.smtp import build_mail
from taskapi.extensions.reminders import service as reminders
from taskapi.extensions.reminders.models import ReminderTime
from taskapi.users.models import User
from tests.extensions.reminders.reminding import (
    EMAIL,
    TASKS,
    ada,
    add,
    at,
    change,
    change_at,
    id_of,
    mails,
    queued,
    rendered,
    times,
)  # fmt: skip

__all__ = ["ada"]  # a fixture

BEFORE, TIME, AFTER = "2090-01-31T08:29:59Z", "2090-01-31T08:30:00Z", "2090-01-31T08:30:01Z"


def rows_of(client):
    """Return the number of stored times of a user."""
    user_id = id_of(client)
    with client.application.app_context(), rls_user(user_id):
        count = sa.select(sa.func.count()).select_from(ReminderTime).where(ReminderTime.owner_id == user_id)
        found = reader().execute(count).scalar_one()
        db.session.rollback()
        return found


def test_due_reminder_is_mailed_once_with_the_title_alone(ada):
    add(ada, "PT30M", title="Call <Ada>", description="Secret", labels=["private"])
    assert mails(ada, BEFORE) == []
    [mail] = mails(ada, TIME)
    assert (mail.to, mail.subject) == (EMAIL, "Reminder: Call <Ada>")
    assert mail.text == "- Call <Ada>\n\nhttp://127.0.0.1:8000\n"
    assert mails(ada, TIME) == mails(ada, AFTER) == []
    assert rows_of(ada) == 0


def test_each_reminder_of_a_task_is_mailed(ada):
    add(ada, "PT30M", "P1D", "PT0S", "2090-01-31T08:30:00Z")
    assert times(ada) == ["2090-01-30T09:00:00Z", "2090-01-31T08:30:00Z", "2090-01-31T09:00:00Z"]
    moments = ["2090-01-30T09:00:00Z", TIME, "2090-01-31T09:00:00Z", "2090-01-31T09:00:01Z"]
    assert [len(mails(ada, moment)) for moment in moments] == [1, 1, 1, 0]


def test_reminders_of_the_same_time_are_one_mail(ada):
    for number in range(reminders.MAX_TITLES + 5):
        add(ada, "PT30M", title=f"Task {number:02}")
    [mail] = mails(ada, TIME)
    assert mail.subject == "Reminder of 25 tasks"
    lines = mail.text.splitlines()
    assert len([line for line in lines if line.startswith("- Task ")]) == 20
    assert "and 5 more" in lines


@pytest.mark.parametrize(("late", "count"), [("2090-02-01T08:30:00Z", 1), ("2090-02-01T08:30:01Z", 0)])
def test_reminder_is_mailed_up_to_24_hours_late(ada, late, count):
    add(ada, "PT30M")
    assert len(mails(ada, late)) == count
    assert rows_of(ada) == 0


@pytest.mark.parametrize("status", ["done", "cancelled"])
def test_finished_task_has_no_reminder_until_it_is_reopened(ada, status):
    task = add(ada, "PT30M", "PT0S")
    change(ada, task, status=status)
    assert (times(ada), mails(ada, TIME)) == ([], [])
    change(ada, task, status="todo")  # now, before both
    with at("2090-01-31T08:45:00Z"), ada.application.app_context():
        reminders.queue_due()  # the first one, which counts
    assert len(mails(ada, "2090-01-31T09:00:00Z")) == 2


def test_reopened_task_has_only_reminders_to_come_although_no_sender_ran(ada):
    task = add(ada, "PT30M", "PT0S")
    change(ada, task, status="done")
    change_at(ada, "2090-01-31T08:45:00Z", task, status="todo")
    assert len(mails(ada, "2090-01-31T08:46:00Z")) == 0
    assert len(mails(ada, "2090-01-31T09:00:00Z")) == 1


def test_change_of_the_text_keeps_a_reminder_that_is_due(ada):
    task = add(ada, "PT30M")
    change_at(ada, AFTER, task, title="Call Charles")
    assert [mail.subject for mail in mails(ada, AFTER)] == ["Reminder: Call Charles"]


def test_deleted_task_has_no_reminder_and_a_restored_one_has_those_to_come(ada):
    task = add(ada, "PT30M", "PT0S")
    ada.delete(f"{TASKS}/{task['id']}")
    assert (times(ada), mails(ada, TIME)) == ([], [])
    assert ada.post(f"{TASKS}/{task['id']}/restore").status_code == 200
    assert times(ada) == ["2090-01-31T09:00:00Z"]
    assert (len(mails(ada, AFTER)), len(mails(ada, "2090-01-31T09:00:00Z"))) == (0, 1)
    ada.delete(f"{TASKS}/{task['id']}?permanent=true")
    assert rows_of(ada) == 0


def test_task_of_an_archived_project_has_no_reminder(ada):
    project = ada.post("/api/v1/projects", json={"name": "Garden"}).json
    add(ada, "PT30M", project_id=project["id"])
    ada.patch(f"/api/v1/projects/{project['id']}", json={"archived": True})
    assert (times(ada), mails(ada, TIME)) == ([], [])


def test_mail_is_dropped_if_the_task_is_finished_before_it_is_sent(ada):
    task = add(ada, "PT30M")
    [data] = queued(ada, TIME)
    assert data == {"owner": str(id_of(ada)), "tasks": [task["id"]], "more": 0}  # no text
    change(ada, task, status="done")
    assert rendered(ada, data) is None


def test_changed_due_date_moves_durations(ada):
    task = add(ada, "PT30M", "2090-06-01T12:00:00Z")
    change(ada, task, due_at="2090-03-01T09:00:00Z")
    assert times(ada) == ["2090-03-01T08:30:00Z", "2090-06-01T12:00:00Z"]
    change(ada, task, due_at=None)
    assert times(ada) == ["2090-06-01T12:00:00Z"]
    change(ada, task, due_date="2090-03-01", reminders=["PT0S"])
    assert times(ada) == ["2090-03-01T09:00:00Z"]
    change(ada, task, reminders=[])
    assert (times(ada), mails(ada, "2090-03-01T09:00:00Z")) == ([], [])


def test_changed_time_zone_moves_reminders_of_days(ada, other):
    add(ada, "PT0S", "P1D", due="2090-01-31")
    add(ada, "PT30M", title="At an instant")
    assert times(ada) == ["2090-01-30T09:00:00Z", "2090-01-31T08:30:00Z", "2090-01-31T09:00:00Z"]
    ada.patch("/api/v1/me", json={"timezone": "Asia/Tokyo"})
    assert times(ada) == ["2090-01-30T00:00:00Z", "2090-01-31T00:00:00Z", "2090-01-31T08:30:00Z"]


def test_reminders_in_the_past_are_not_mailed(ada):
    add(ada, "P1D", "2020-01-01T00:00:00Z", due="2020-01-31T09:00:00Z")
    assert (times(ada), rows_of(ada)) == ([], 0)


@pytest.mark.parametrize("reason", ["unverified", "another address", "deactivated", "no address"])
def test_mail_goes_only_to_the_verified_address_of_an_active_account(app, ada, reason):
    add(ada, "PT30M", "PT0S")
    user_id = id_of(ada)
    [data] = queued(ada, TIME)
    with app.app_context():
        if reason == "unverified":
            db.session.execute(sa.delete(VerifiedEmail).where(VerifiedEmail.user_id == user_id))
        values = {
            "another address": {"email": "eve@example.org"},
            "deactivated": {"active": False},
            "no address": {"email": None},
        }
        if reason in values:
            db.session.execute(sa.update(User).where(User.id == user_id).values(**values[reason]))
        db.session.commit()
        assert reminders.render_reminder(data) is None
        with at("2090-01-31T09:00:00Z"):
            reminders.queue_due()
        mine = sa.select(OutgoingMail.id).where(OutgoingMail.user_id == user_id)
        assert db.session.scalars(mine).all() == []
        db.session.rollback()


def test_user_gets_a_limited_number_of_mails_in_a_day(app, ada, monkeypatch):
    monkeypatch.setattr(reminders, "settings_of", lambda _: type("S", (), {"max_reminder_mails": 2}))
    add(ada, *(f"PT{number}M" for number in range(5)), due="2090-01-31T12:00:00Z")
    add(ada, "PT0S", due="2090-02-01T00:00:00Z")
    found = [len(mails(ada, f"2090-01-31T11:{minute}:00Z")) for minute in (56, 57, 58, 59)]
    assert found == [1, 1, 0, 0]
    assert len(mails(ada, "2090-02-01T00:00:00Z")) == 1  # with the one at 12:00, which is late


def test_each_reminder_is_in_one_mail_of_parallel_senders(app, ada):
    for number in range(8):
        add(ada, "PT30M", title=f"Task {number}")
    user_id = id_of(ada)

    def look(_):
        with app.app_context():
            reminders.queue_due()

    with at(TIME), ThreadPoolExecutor(4) as threads:
        [*threads.map(look, range(8))]
    [data] = queued(ada, TIME)
    assert (len(data["tasks"]), data["owner"]) == (8, str(user_id))


class Crash(BaseException):
    """The process ends."""


@pytest.mark.parametrize("step", ["queue_mail", "_count_mail"])
def test_crash_loses_and_repeats_nothing(app, ada, monkeypatch, step):
    add(ada, "PT30M")

    def crash(*_, **__):
        raise Crash

    with monkeypatch.context() as patched, at(TIME), app.app_context():
        patched.setattr(reminders, step, crash)
        with pytest.raises(Crash):
            reminders.queue_due()
    assert rows_of(ada) == 1
    assert (len(mails(ada, TIME)), len(mails(ada, TIME))) == (1, 0)


def test_look_is_bounded_and_the_next_one_takes_the_rest(ada, monkeypatch):
    monkeypatch.setattr(reminders, "ROWS_AT_ONCE", 3)
    for number in range(5):
        add(ada, "PT30M", title=f"Task {number}")
    assert [len(data["tasks"]) for moment in (TIME, TIME, TIME) for data in queued(ada, moment)] == [3, 2]


def test_reminders_wait_while_the_outbox_is_full(ada, monkeypatch):
    add(ada, "PT30M")
    monkeypatch.setattr(outbox, "MAX_WAITING", 1)
    with ada.application.app_context():
        db.session.execute(sa.delete(OutgoingMail))
        outbox.queue_mail("test")
        db.session.commit()
    assert queued(ada, TIME) == []
    with ada.application.app_context():
        db.session.execute(sa.delete(OutgoingMail).where(OutgoingMail.kind == "test"))
        db.session.commit()
    assert len(queued(ada, AFTER)) == 1


def test_sender_of_mails_queues_reminders_and_survives_their_failure(ada, monkeypatch, caplog):
    add(ada, "PT30M")
    called = []
    monkeypatch.setattr(service, "FILLS", [lambda: 1 / 0, lambda: called.append(1)])
    with ada.application.app_context():
        service.send_due(lambda: True)
    assert called == [1]
    assert "the outbox was not filled" in caplog.text
    monkeypatch.undo()
    assert reminders.queue_due in service.FILLS


@pytest.mark.parametrize(
    "title", ["=?utf-8?q?a=0D=0ABcc:_eve=40example.org?=", "=?utf-8?b?DQpCY2M6IGV2ZQ==?=", "Ärger =?x?="]
)
@pytest.mark.one_database
def test_title_cannot_change_the_header(title):
    mail = build_mail(uuid4(), "tasks@example.org", Message(EMAIL, f"Reminder: {title}", ""))
    assert mail["Subject"] == f"Reminder: {title.replace('=?', '= ?')}"
    head = mail.as_bytes().split(b"\r\n\r\n")[0]
    assert b"\nBcc" not in head
    assert {line.split(b":")[0] for line in head.split(b"\r\n") if line[:1] not in {b" ", b"\t"}} >= {b"Subject", b"To"}


def test_deleted_account_leaves_no_reminder(app, ada):
    add(ada, "PT30M")
    user_id = id_of(ada)
    assert ada.delete("/api/v1/me").status_code == 204
    with at(TIME), app.app_context(), rls_user(user_id):
        reminders.queue_due()
        count = sa.select(sa.func.count()).select_from(ReminderTime).where(ReminderTime.owner_id == user_id)
        assert db.session.scalar(count) == 0
        db.session.rollback()
