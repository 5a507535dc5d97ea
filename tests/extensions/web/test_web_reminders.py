"""The web client: reminders in the form and the list, and when one is due while the page is open."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect
from servers import wait_until
from surface import needs
from web_client import row, saved

pytestmark = [pytest.mark.slow, pytest.mark.one_database, needs("reminders")]

TASKS = "/api/v1/tasks"
NOTE_NOTIFICATIONS = """() => {
  window.shown = [];
  window.Notification = class {
    static permission = "granted";
    constructor(title) { window.shown.push(title); }
    addEventListener() {}
  };
}"""


def stored(user, task):
    return user.get(f"{TASKS}/{task['id']}").json["reminders"]


def soon(seconds):
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def test_form_adds_and_removes_reminders(user, visit):
    task = user.post(TASKS, json={"title": "Call Ada", "due_at": "2090-01-31T09:00:00Z"}).json
    page = visit(f"all?task={task['id']}")
    pane = page.get_by_role("complementary", name="Task")
    field = pane.get_by_label("Reminders", exact=True)
    field.select_option("30 minutes before")
    wait_until(lambda: stored(user, task) == ["PT30M"])
    field.select_option("At a time …")
    moment = pane.get_by_label("Time of the reminder")
    expect(moment).to_be_focused()
    moment.fill("2090-01-30T18:15")
    moment.press("Enter")
    wait_until(lambda: stored(user, task) == ["PT30M", "2090-01-30T18:15:00Z"])
    saved(page)
    expect(row(page, "Call Ada").locator(".reminder")).to_contain_text("Reminders: 30 minutes before, ")
    pane.get_by_role("button", name="Remove reminder: 30 minutes before").click()
    wait_until(lambda: stored(user, task) == ["2090-01-30T18:15:00Z"])
    pane.get_by_label("Due time").fill("")
    pane.get_by_label("Title", exact=True).focus()
    wait_until(lambda: user.get(f"{TASKS}/{task['id']}").json["due_date"] == "2090-01-31")
    field.select_option("1 day before 9:00")
    wait_until(lambda: stored(user, task) == ["2090-01-30T18:15:00Z", "P1D"])


def test_reminder_appears_by_the_clock_of_the_server(user, visit):
    page = visit("today")
    page.add_init_script("const now = Date.now; Date.now = () => now() + 3_600_000;")  # an hour ahead
    user.post(TASKS, json={"title": "Later", "reminders": [soon(1800)]})
    user.post(TASKS, json={"title": "Now", "reminders": [soon(8)]})
    page.reload()
    region = page.locator(".reminders")
    expect(region).to_contain_text("Reminder: Now", timeout=20_000)
    page.wait_for_timeout(500)
    expect(region).not_to_contain_text("Later")


def test_open_page_shows_a_reminder_that_is_due_and_not_of_a_finished_task(user, visit):
    page = visit("today")
    page.evaluate(NOTE_NOTIFICATIONS)
    at = soon(5)
    task = user.post(TASKS, json={"title": "Call <b>Ada</b>", "reminders": [at]}).json
    done = user.post(TASKS, json={"title": "Done", "reminders": [at]}).json
    page.evaluate("window.dispatchEvent(new Event('focus'))")  # reads the change feed
    region = page.locator(".reminders")
    page.wait_for_timeout(1500)
    user.patch(f"{TASKS}/{done['id']}", json={"status": "done"})
    expect(region).to_contain_text("Reminder: Call <b>Ada</b>", timeout=20_000)
    page.wait_for_timeout(500)
    expect(region).not_to_contain_text("Done")
    assert page.evaluate("window.shown") == ["Call <b>Ada</b>"]
    region.get_by_role("button", name="Call <b>Ada</b>", exact=True).click()
    expect(page).to_have_url(f"{page.url.split('#')[0]}#/today?task={task['id']}")
    expect(region).to_be_empty()
