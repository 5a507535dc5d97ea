"""The web client when tokens expire, sessions end, or several tabs are open."""

import re
import secrets
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from conftest import PASSWORD
from playwright.sync_api import expect
from web_client import add, expire, row, saved

from taskapi.database import db, rls_user
from taskapi.resources.models import ChangeCounter
from taskapi.tasks.models import Task
from taskapi.users.models import User

pytestmark = pytest.mark.slow

TASKS = "/api/v1/tasks"


@pytest.fixture
def task(user):
    """A task of the user."""
    return user.post(TASKS, json={"title": "Water the plants"}).json


def end_other_sessions(user):
    """End the session of the browser from another device, which gets a new session."""
    tokens = user.delete("/api/v1/auth/sessions").json
    user.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {tokens['access_token']}"


@pytest.fixture
def refreshes(context):
    """The refresh requests of all tabs."""
    seen = []
    context.on("request", lambda request: seen.append(request) if request.url.endswith("/auth/refresh") else None)
    return seen


def test_change_is_shown_in_the_other_tab(visit, task):
    one, other = visit("all"), visit("all")
    add(one, "Buy bulbs")
    expect(row(other, "Buy bulbs")).to_have_count(1)
    other.get_by_role("checkbox", name="Water the plants").click()
    expect(row(one, "Water the plants")).to_have_count(0)


def open_new_task(page, title):
    """Open a task that is not saved yet. Returns its pane."""
    page.get_by_role("link", name=title, exact=True).click()
    expect(page).to_have_url(re.compile(r"\?task=new-"))
    return page.get_by_role("complementary")


def test_task_saved_by_another_tab_can_be_edited(user, visit, busy):
    one, other = visit("inbox"), visit("inbox")
    add(one, "Buy bulbs")
    pane = open_new_task(other, "Buy bulbs")
    pane.get_by_label("Description").fill("Of tulips")
    busy(one)
    saved(one)
    task = user.get(TASKS).json["items"][0]
    expect(other).to_have_url(re.compile(rf"\?task={task['id']}$"))
    expect(row(other, "Buy bulbs")).to_have_count(1)
    pane.get_by_label("Description").press_sequentially(" and lilies")
    pane.get_by_label("Description").blur()
    pane.get_by_label("Priority").select_option("high")
    saved(other)
    now = user.get(f"{TASKS}/{task['id']}").json
    assert (now["description"], now["priority"]) == ("Of tulips and lilies", "high")
    assert user.get(TASKS).json["items"] == [now]


def test_input_for_a_task_discarded_in_another_tab_is_reported(visit, busy):
    one, other = visit("inbox"), visit("inbox")
    add(one, "Buy bulbs")
    pane = open_new_task(other, "Buy bulbs")
    one.get_by_role("button", name="1 waiting").click()
    one.get_by_role("button", name="Discard").click()
    expect(row(other, "Buy bulbs")).to_have_count(0)
    pane.get_by_label("Description").fill("Of tulips")
    pane.get_by_label("Description").blur()
    expect(other.get_by_text("The resource does not exist.")).to_be_visible()
    expect(pane).to_be_hidden()


def test_link_to_an_unknown_new_task_shows_a_message(visit):
    page = visit("inbox?task=new-mdx0k2a1-000001-abc-def")
    expect(page.get_by_text("The resource does not exist.")).to_be_visible()
    expect(page.get_by_role("complementary")).to_be_hidden()


def test_change_of_another_device_is_shown_on_focus(user, visit, task):
    page = visit("all")
    user.patch(f"{TASKS}/{task['id']}", json={"title": "Water the roses"})
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(row(page, "Water the roses")).to_have_count(1)


def test_restored_backup_is_loaded_once(user, app, visit, task):
    """The statements are those of `flask restore`; the row is older than the one that the page has."""
    page = visit(f"all?task={task['id']}")
    title = page.get_by_role("complementary").get_by_label("Title", exact=True)
    user.patch(f"{TASKS}/{task['id']}", json={"title": "Water the roses"})
    with page.expect_response(is_list):
        look(page)
    expect(title).to_have_value("Water the roses")
    requests = []
    page.on("request", lambda request: requests.append(urlsplit(request.url)))
    with app.app_context():
        owner = db.session.scalar(sa.select(User.id).where(User.username == user.username))
        with rls_user(owner):
            counters = sa.update(ChangeCounter).where(ChangeCounter.owner_id == owner)
            ahead = ChangeCounter.value + 1_000_000_000
            db.session.execute(counters.values(purged=ahead, value=ahead))
            rows = sa.update(Task).where(Task.owner_id == owner)
            db.session.execute(rows.values(title="Water the plants", version=task["version"]))
            db.session.commit()
    look(page)
    expect(row(page, "Water the plants")).to_have_count(1)
    expect(title).to_have_value("Water the plants")
    for _ in range(3):
        with page.expect_response(lambda response: "/changes" in response.url):
            look(page)
    assert len([each for each in requests if each.path == TASKS and "sort=-created_at" in each.query]) == 1
    assert [each.query for each in requests if each.path.endswith("/changes")].count("since=now") == 1
    user.patch(f"{TASKS}/{task['id']}", json={"title": "Water the cactus"})
    look(page)
    expect(title).to_have_value("Water the cactus")
    expect(row(page, "Water the cactus")).to_have_count(1)


def is_list(response):
    """Whether a response is the list of the view "All tasks"."""
    parts = urlsplit(response.url)
    return parts.path == TASKS and "sort=-created_at" in parts.query


def look(page):
    """Make a page read the change feed."""
    page.evaluate("window.dispatchEvent(new Event('focus'))")


def test_sidebar_counts_are_updated(user, visit, task):
    page = visit("today")
    link = page.get_by_role("navigation", name="Lists").get_by_role("link", name="Today")
    expect(link).to_have_text("Today")
    add(page, "Buy bulbs")
    expect(link).to_have_text("Today1 open")
    page.get_by_role("checkbox", name="Buy bulbs").click()
    expect(link).to_have_text("Today")


def test_expired_token_is_refreshed_once_for_all_tabs(context, visit, task, refreshes):
    pages = [visit("all"), visit("all")]
    expire(context)
    for page in pages:  # several requests at once
        page.evaluate("location.hash = '#/today'; window.dispatchEvent(new Event('focus'))")
        page.evaluate("location.hash = '#/completed'")
        page.evaluate("location.hash = '#/all'")
    for page in pages:
        add(page, "Buy bulbs")
        saved(page)
    expect(row(pages[0], "Buy bulbs")).to_have_count(2)
    assert len(refreshes) == 1
    assert not pages[0].get_by_role("dialog").count()


def test_expired_token_loses_no_input(user, context, visit, task, refreshes):
    page = visit(f"all?task={task['id']}")
    page.get_by_label("Description").fill("The ones on the balcony")
    expire(context)
    page.get_by_label("Description").blur()
    saved(page)
    assert user.get(f"{TASKS}/{task['id']}").json["description"] == "The ones on the balcony"
    assert len(refreshes) == 1


def test_ended_session_asks_for_the_password_in_a_dialog(user, visit, task):
    page = visit(f"all?task={task['id']}")
    page.get_by_label("Add a task").fill("Half a thought")
    end_other_sessions(user)
    page.get_by_label("Description").fill("The ones on the balcony")
    page.get_by_label("Description").blur()
    dialog = page.get_by_role("dialog", name="Sign in again")
    dialog.get_by_label("Password").fill("wrong, this one")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert")).to_contain_text("wrong")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_have_count(0)
    saved(page)
    assert user.get(f"{TASKS}/{task['id']}").json["description"] == "The ones on the balcony"
    assert page.get_by_label("Add a task").input_value() == "Half a thought"


def test_sign_in_in_one_tab_reaches_the_other(user, visit, task):
    pages = [visit("all"), visit("all")]
    end_other_sessions(user)
    for page in pages:
        page.evaluate("window.dispatchEvent(new Event('focus'))")
        page.get_by_role("dialog", name="Sign in again").wait_for()
    pages[0].get_by_label("Password").fill(PASSWORD)
    pages[0].get_by_role("button", name="Sign in").click()
    for page in pages:
        expect(page.get_by_role("dialog")).to_have_count(0)
    add(pages[1], "Buy bulbs")
    saved(pages[1])


def test_failed_refresh_does_not_sign_out(context, visit, task):
    page = visit("all")
    context.route("**/api/v1/auth/refresh", lambda route: route.fulfill(status=503, json={"code": "unavailable"}))
    expire(context)
    add(page, "Buy bulbs")
    expect(row(page, "Buy bulbs")).to_contain_text("Not saved yet")
    assert not page.get_by_role("dialog").count()
    context.unroute("**/api/v1/auth/refresh")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    saved(page)


RECORD_RESPONSES = """
const real = fetch;
window.fetch = async (...call) => {
    const response = await real(...call);
    responses.push(await response.clone().text());
    return response;
};
window.responses = [];
"""
READABLE = "document.cookie + JSON.stringify([{...localStorage}, {...sessionStorage}, responses])"


def test_scripts_cannot_read_tokens(context, page, site):
    page.add_init_script(RECORD_RESPONSES)
    page.goto(site)
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("Username").fill(f"user-{secrets.token_hex(6)}")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("heading", name="Today").wait_for()
    read = page.evaluate(READABLE)
    expire(context)
    page.reload()
    page.get_by_role("heading", name="Today").wait_for()
    read += page.evaluate(READABLE)
    tokens = [each["value"] for each in context.cookies() if each["httpOnly"] and each["name"] != "device"]
    assert len(tokens) == 2
    assert read.count("refresh_expires_in") == 2  # responses of a sign-in and a refresh
    assert not [token for token in tokens if token in read]
    assert "eyJ" not in read
