"""The web client: the trash, and how long tasks stay in it."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect
from web_client import hide_route, row, saved

from taskapi.database import db, now, rls_user
from taskapi.extensions import NAMES
from taskapi.tasks.models import Task
from taskapi.users.models import User

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

TASKS = "/api/v1/tasks"


def trashed(user, title, **values):
    """Return a task in the trash."""
    task = user.post(TASKS, json={"title": title, **values}).json
    user.delete(f"{TASKS}/{task['id']}")
    return task


def age(app, user, task, **ago):
    """Change the time when a task was moved to the trash."""
    with app.app_context():
        owner = db.session.scalar(sa.select(User.id).where(User.username == user.username))
        with rls_user(owner):
            rows = sa.update(Task).where(Task.owner_id == owner, Task.title == task["title"])
            db.session.execute(rows.values(deleted_at=now() - timedelta(**ago)))
            db.session.commit()


def test_trash_shows_the_days_that_are_left(app, user, visit):
    for title, ago in {"New": {"minutes": 1}, "Old": {"days": 28, "hours": 1}, "Late": {"days": 31}}.items():
        age(app, user, trashed(user, title), **ago)
    page = visit("trash")
    expect(page.locator("header.heading")).to_contain_text("Deleted permanently after 30 days")
    for title, text in {"New": "30 days left", "Old": "2 days left", "Late": "Deleted soon"}.items():
        expect(row(page, title)).to_contain_text(text)


@pytest.fixture
def without_bulk(context, site):
    """Serve the page as without the extension `bulk`: the trash is emptied task by task."""
    if "bulk" in NAMES:
        hide_route(context, site, "/tasks/bulk")


def empty(page):
    """Empty the trash."""
    page.get_by_role("button", name="Empty trash").click()
    page.get_by_role("dialog", name="Empty the trash?").get_by_role("button", name="Empty trash").click()


def test_focus_stays_on_the_button_that_empties_the_trash(user, visit):
    trashed(user, "Old")
    page = visit("trash")
    button = page.get_by_role("button", name="Empty trash")
    button.press("Enter")
    page.get_by_role("dialog", name="Empty the trash?").wait_for()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    empty(page)
    expect(page.locator(".row")).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="The trash is empty.")).to_be_visible()
    expect(button).to_be_focused()


def test_empty_trash_asks_and_deletes_all_pages(user, visit):
    operations = [{"op": "create", "data": {"title": f"Task {i}"}} for i in range(100)]
    results = user.post(f"{TASKS}/batch", json={"operations": operations}).json["results"]
    deletions = [{"op": "delete", "id": each["id"]} for each in results]
    user.post(f"{TASKS}/batch", json={"operations": deletions})
    kept = user.post(TASKS, json={"title": "Water the plants"}).json
    parent = user.post(TASKS, json={"title": "Plan the party"}).json
    user.post(TASKS, json={"title": "Buy lanterns", "parent_id": parent["id"]})
    user.delete(f"{TASKS}/{parent['id']}")
    page = visit("trash")
    page.get_by_role("button", name="Empty trash").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(row(page, "Plan the party")).to_have_count(1)
    empty(page)
    expect(page.get_by_role("status").filter(has_text="The trash is empty.")).to_be_visible()
    expect(page.locator(".row")).to_have_count(0)
    assert user.get(f"{TASKS}?deleted=true").json["items"] == []
    assert [each["id"] for each in user.get(TASKS).json["items"]] == [kept["id"]]


@pytest.mark.usefixtures("without_bulk")
def test_empty_trash_keeps_a_task_that_is_restored_meanwhile(user, context, visit):
    task = trashed(user, "Water the plants")
    page = visit("trash")

    def restore(route):
        user.post(f"{TASKS}/{task['id']}/restore")
        route.continue_()

    context.route(f"**{TASKS}/{task['id']}?permanent=true", restore)
    empty(page)
    expect(row(page, "Water the plants")).to_have_count(0)
    assert user.get(f"{TASKS}/{task['id']}").json["deleted_at"] is None


@pytest.mark.usefixtures("without_bulk")
def test_empty_trash_keeps_a_task_whose_restoration_waits(user, context, visit):
    task = trashed(user, "Water the plants")
    trashed(user, "Old lamp")
    page = visit("trash")
    busy = {"status": 503, "json": {"code": "unavailable"}}
    context.route("**/restore", lambda route: route.fulfill(**busy))
    row(page, "Water the plants").get_by_role("button", name="Restore").click()
    empty(page)
    expect(row(page, "Old lamp")).to_have_count(0)
    context.unroute("**/restore")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    saved(page)
    assert user.get(f"{TASKS}/{task['id']}").json["deleted_at"] is None


def test_viewer_cannot_empty_the_trash(signed_in, visit):
    page = visit("trash", who=signed_in("viewer"))
    expect(page.get_by_role("heading", name="Trash")).to_be_visible()
    expect(page.get_by_role("button", name="Empty trash")).to_have_count(0)
