"""The generated methods that the flows do not use: their paths, bodies and results."""

import os
import threading
from datetime import date
from uuid import UUID

import httpx
import pytest
from conftest import ADDRESS, PASSWORD
from forging import decode_token, sign

from taskapi_client import NotFound, ProblemError, SignedOut, TaskApi


def needs(resource, method):
    """Skip a test of an extension that was removed from the API."""
    if not hasattr(resource, method):
        pytest.skip(f"the API has no {method}")


@pytest.fixture
def admin(api, store):
    """The client, with the role of an administrator in its token."""
    needs(api, "users")
    tokens = store.load()
    header, claims = decode_token(tokens["access_token"])
    store.save({**tokens, "access_token": sign(header, {**claims, "roles": ["admin"]}, secret=os.environ["SECRET"])})
    return api


def test_personal_token(api, relay):
    needs(api, "tokens")
    created = api.tokens.create(name="Script", permissions=["task:read"], expires_in_days=1)
    with TaskApi(relay.url, token=created.token) as script:
        assert script.tasks.summary().overdue == 0
        with pytest.raises(ProblemError) as denied:
            script.tasks.create(title="Water the plants")
        assert (denied.value.code, script.is_signed_in) == ("permission_denied", True)
        assert [token.hint for token in api.tokens.list()] == [created.token[:8]]
        api.tokens.delete(created.id)
        with pytest.raises(SignedOut) as revoked:
            script.tasks.summary()
    assert revoked.value.code == "token_revoked"
    assert relay.count("POST /auth/refresh") == 0
    api.tokens.delete_all()


def test_account(api, username):
    assert api.account.update(name="Ada King", timezone="Europe/Berlin").timezone == "Europe/Berlin"
    account = api.account.get()
    assert (account.username, account.name, account.email, account.roles) == (username, "Ada King", None, ["editor"])
    assert [entry.event for entry in api.account.activity(limit=1)][-1] == "created"
    api.account.delete()
    with pytest.raises(ProblemError) as error:
        api.login(username, PASSWORD)
    assert error.value.code == "invalid_credentials"


def test_sessions(api, username):
    api.login(username, PASSWORD)
    [current, other] = api.sessions.list()
    assert (current.current, other.current) == (True, False)
    api.sessions.end(other)
    assert [session.id for session in api.sessions.list()] == [current.id]


def test_summary(api):
    api.tasks.create(title="Water the plants", due_date=date(2000, 1, 1))
    summary = api.tasks.summary()
    assert (summary.by_status.todo, summary.overdue) == (1, 1)


def test_project_of_tasks(api):
    project = api.projects.create(name="Garden", color="#3366ff")
    task = api.tasks.create(title="Water the plants", project_id=project.id)
    assert [found.id for found in api.tasks.list(project_id=project.id)] == [task.id]
    assert list(api.tasks.list(without="project")) == []
    assert api.projects.get(project).task_counts.todo == 1
    api.projects.delete(project)
    assert api.projects.restore(project.id, name="The old garden").name == "The old garden"
    assert api.projects.update(project.id, archived=True).archived


def test_changes(api):
    needs(api, "changes")
    task = api.tasks.create(title="Water the plants")
    label = api.labels.create(name="home")
    changes = api.changes.list()
    assert [(change.type, change.id) for change in changes.changes] == [("task", task.id), ("label", label.id)]
    api.tasks.delete(task)
    [change] = api.changes.list(since=changes.cursor).changes
    assert (change.deleted, change.data) == (True, None)


def test_changes_are_followed_by_the_stream(username, store):
    with TaskApi(ADDRESS, store=store) as api:
        needs(api, "changes")
        needs(api.changes, "stream")
        api.login(username, PASSWORD)
        cursors = api.follow_changes(poll_seconds=60)
        first = next(cursors)
        timer = threading.Timer(0.5, api.tasks.create, kwargs={"title": "Water the plants"})
        timer.start()
        second = next(cursors)
        timer.join()
        assert [change.data.title for change in api.changes.list(since=first).changes] == ["Water the plants"]
        assert api.changes.list(since=second).changes == []


def test_changes_are_followed_after_an_end_of_the_stream_and_polled_without_one(api, relay):
    needs(api, "changes")
    needs(api.changes, "stream")
    asked = []
    with httpx.Client(event_hooks={"request": [lambda request: asked.append(str(request.url))]}) as http:
        follower = TaskApi(relay.url, store=api.store, http_client=http)
        events = {"Content-Type": "text/event-stream"}
        relay.reply(200, {"Content-Type": "application/json"}, {"cursor": "5"})
        relay.reply(200, events, b"retry: 2000\n\nid: 6\ndata: {}\n\n")
        relay.reply(200, {"Content-Type": "application/json"}, {"cursor": "6"})
        relay.reply(503, {"Retry-After": "60"}, {"code": "stream_unavailable"})
        cursors = follower.follow_changes(since="4", poll_seconds=0.1)
        assert [next(cursors), next(cursors)] == ["5", "6"]
        current = next(cursors)
        assert current == api.changes.list(since="now").cursor
        api.tasks.create(title="Water the plants")
        assert next(cursors) != current
        cursors.close()
    streams = [url.partition("?")[2] for url in asked if "/stream" in url]
    assert streams == ["since=5", "since=6"]


def test_export_and_import(api):
    needs(api.tasks, "export_json")
    needs(api.tasks, "import_json")
    task = api.tasks.create(title="Water the plants", labels=["home"])
    file = api.tasks.export_json()
    assert [each.title for each in file.tasks] == [task.title]
    assert "Water the plants" in api.tasks.export_csv()
    assert api.tasks.export_ics().startswith("BEGIN:VCALENDAR")
    assert api.account.export().model_extra["tasks"][0]["id"] == str(task.id)
    assert api.tasks.import_json(**file.model_dump(mode="json"), dry_run=True).created == 1
    assert api.tasks.import_csv("title\nFeed the cat\n").created == 1
    with pytest.raises(ProblemError) as error:
        api.tasks.import_csv("titel\nFeed the cat\n", dry_run=True)
    assert "csv" in error.value.errors
    calendar = "BEGIN:VCALENDAR\nBEGIN:VTODO\nSUMMARY:Buy milk\nEND:VTODO\nEND:VCALENDAR\n"
    assert api.tasks.import_ics(calendar).created == 1
    assert sorted(each.title for each in api.tasks.list()) == ["Buy milk", "Feed the cat", "Water the plants"]


def test_administration(admin, username):
    user = admin.users.create(username=f"{username}-2", password=PASSWORD, roles=["viewer"])
    assert isinstance(user.id, UUID)
    assert [found.id for found in admin.users.list(q=user.username, role="viewer", active=True)] == [user.id]
    assert admin.users.update(user, roles=["editor"]).roles == ["editor"]
    admin.users.sign_out(user)
    assert admin.users.get(user.id).username == user.username
    assert next(iter(admin.admin.audit(subject=user.id))).subject_id == user.id
    assert admin.admin.stats().users > 1
    admin.users.delete(user)
    with pytest.raises(NotFound):
        admin.users.get(user)
