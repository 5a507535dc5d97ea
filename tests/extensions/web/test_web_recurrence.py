"""The web client: recurring tasks in quick add, the list and the form, and the undo of a completion."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect
from servers import wait_until
from web_client import row, saved

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

TASKS = "/api/v1/tasks"


@pytest.fixture
def weekly(user):
    """A task for every Thursday, in the far future."""
    body = {"title": "Water the plants", "due_date": "2090-01-05", "recurrence": "FREQ=WEEKLY;BYDAY=TH"}
    return user.post(TASKS, json=body).json


def stored(user, task):
    now = user.get(f"{TASKS}/{task['id']}").json
    return now["recurrence"], now["recurrence_from"], now["due_date"]


def open_pane(visit, task):
    page = visit(f"all?task={task['id']}")
    return page, page.get_by_role("complementary")


def test_quick_add_adds_a_recurring_task(user, visit):
    page = visit("all")
    page.get_by_label("Add a task").fill("Water the plants every! 2 weeks on Monday 9am @home")
    chips = page.get_by_role("group", name="Recognized").locator(".chip")
    expect(chips.last).to_contain_text("Every 2 weeks on Mon after completion")
    page.keyboard.press("Enter")
    expect(row(page, "Water the plants").locator(".repeat")).to_have_text(
        "Repeats: Every 2 weeks on Mon after completion"
    )
    saved(page)
    [task] = user.get(TASKS).json["items"]
    assert (task["title"], task["recurrence"]) == ("Water the plants", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO")
    assert (task["recurrence_from"], task["labels"]) == ("completion", ["home"])
    due = datetime.fromisoformat(task["due_at"])
    assert (due.weekday(), due.hour, due > datetime.now(UTC)) == (0, 9, True)


def test_words_of_repetition_can_stay_in_the_title(user, visit):
    page = visit("all")
    page.get_by_label("Add a task").fill("Write the report weekly")
    page.get_by_role("button", name="Keep “weekly” in the title").click()
    page.get_by_label("Add a task").press("Enter")
    saved(page)
    [task] = user.get(TASKS).json["items"]
    assert (task["title"], task["recurrence"], task["due_date"]) == ("Write the report weekly", None, None)


def test_completion_shows_the_next_task_and_undo_removes_it(user, visit, weekly):
    page = visit("all")
    row(page, "Water the plants").get_by_role("checkbox").click()
    expect(row(page, "Water the plants")).to_contain_text("12 Jan 2090")
    expect(row(page, "Water the plants")).to_have_count(1)
    saved(page)
    assert len(user.get(TASKS).json["items"]) == 2
    page.get_by_role("button", name="Undo").click()
    expect(row(page, "Water the plants")).to_contain_text("5 Jan 2090")
    expect(row(page, "Water the plants")).to_have_count(1)
    saved(page)
    [task] = user.get(TASKS).json["items"]
    assert (task["id"], task["status"], task["due_date"]) == (weekly["id"], "todo", "2090-01-05")


def test_form_offers_simple_rules(user, visit, weekly):
    page, pane = open_pane(visit, weekly)
    field = pane.get_by_label("Repeat", exact=True)
    expect(field).to_have_value("FREQ=WEEKLY;BYDAY=TH")
    expect(field.locator("option:checked")).to_have_text("Every week on Thu")
    field.select_option("Every 2 weeks")
    saved(page)
    wait_until(lambda: stored(user, weekly)[0] == "FREQ=WEEKLY;INTERVAL=2")
    pane.get_by_label("Next date").select_option("after completion")
    wait_until(lambda: stored(user, weekly)[1] == "completion")
    expect(row(page, "Water the plants").locator(".repeat")).to_have_text("Repeats: Every 2 weeks after completion")
    field.select_option("Never")
    wait_until(lambda: stored(user, weekly)[0] is None)
    expect(pane.get_by_label("Next date")).to_be_hidden()
    expect(row(page, "Water the plants").locator(".repeat")).to_have_count(0)


@pytest.mark.parametrize(
    ("typed", "rule"),
    [("every 3 days", "FREQ=DAILY;INTERVAL=3"), ("rrule:freq=monthly;byday=2mo", "FREQ=MONTHLY;BYDAY=2MO")],
)
def test_form_accepts_other_rules_as_text(user, visit, weekly, typed, rule):
    page, pane = open_pane(visit, weekly)
    pane.get_by_label("Repeat", exact=True).select_option("Other …")
    text = pane.get_by_label("Rule, such as every 2 weeks, or a rule of RFC 5545")
    expect(text).to_be_focused()
    text.fill("soon")
    page.wait_for_timeout(1200)  # an edit is saved after a second
    assert text.evaluate("element => element.validationMessage") != ""
    text.fill(typed)
    text.press("Enter")
    text.blur()
    wait_until(lambda: stored(user, weekly)[0] == rule)
    saved(page)
    expect(pane.get_by_label("Repeat", exact=True)).to_have_value(rule)
    expect(text).to_be_hidden()


def test_rule_that_the_server_refuses_is_reported(user, visit, weekly):
    _, pane = open_pane(visit, weekly)
    pane.get_by_label("Repeat", exact=True).select_option("Other …")
    text = pane.get_by_label("Rule, such as every 2 weeks, or a rule of RFC 5545")
    text.fill("FREQ=HOURLY")
    text.blur()
    expect(pane).to_contain_text("FREQ must be one of: DAILY, WEEKLY, MONTHLY, YEARLY.")
    assert stored(user, weekly)[0] == "FREQ=WEEKLY;BYDAY=TH"


def test_rule_for_a_task_without_due_date_makes_it_due_today(user, visit):
    task = user.post(TASKS, json={"title": "Water the plants"}).json
    page, pane = open_pane(visit, task)
    pane.get_by_label("Repeat", exact=True).select_option("Every day")
    wait_until(lambda: stored(user, task)[0] == "FREQ=DAILY")
    assert stored(user, task)[2] in {
        f"{datetime.now(UTC):%Y-%m-%d}",
        page.evaluate("new Date().toISOString().slice(0, 10)"),
    }


def test_removing_the_due_date_removes_the_rule(user, visit, weekly):
    page, pane = open_pane(visit, weekly)
    pane.get_by_role("button", name="Clear due date").click()
    pane.get_by_label("Title", exact=True).focus()
    wait_until(lambda: stored(user, weekly) == (None, "due", None))
    saved(page)
    expect(row(page, "Water the plants").locator(".repeat")).to_have_count(0)
