"""The browser client: tasks, as somebody at a keyboard or a mouse keeps them."""

import pytest
from playwright.sync_api import expect
from servers import wait_until

TASKS = "/api/v1/tasks"


@pytest.fixture
def task(person):
    """A task of theirs."""
    return person.post(TASKS, json={"title": "Water the plants"}).json


def add(page, line):
    """Write a line into quick add."""
    page.get_by_label("Add a task").fill(line)
    page.keyboard.press("Enter")


def row(page, title):
    """The row of a task."""
    return page.locator(".row", has=page.get_by_role("link", name=title, exact=True))


def saved(page):
    """Wait until the server has everything."""
    waiting = "Object.keys(localStorage).some(key => key.startsWith('taskapi.outbox'))"
    wait_until(lambda: not page.evaluate(waiting), 10)


def test_quick_add_takes_priority_label_project_and_day_from_a_line(person, visit):
    page = visit("all")
    add(page, "Buy bulbs !high #home #errands @Garden 2031-03-01")
    expect(row(page, "Buy bulbs")).to_contain_text("Garden")
    saved(page)
    [task] = person.get(TASKS).json["items"]
    assert (task["title"], task["priority"], task["labels"]) == ("Buy bulbs", "high", ["errands", "home"])
    assert task["due_date"] == "2031-03-01"
    assert person.get(f"/api/v1/projects/{task['project_id']}").json["name"] == "Garden"


def test_a_click_on_the_circle_completes(person, visit, task):
    page = visit("all")
    page.get_by_role("checkbox", name="Water the plants").click()
    expect(row(page, "Water the plants")).to_have_count(0)
    assert person.get(f"{TASKS}/{task['id']}").json["status"] == "done"


def test_what_was_deleted_can_be_brought_back_at_once(person, visit, task):
    page = visit("all")
    page.get_by_role("link", name="Water the plants").focus()
    page.keyboard.press("Delete")
    expect(row(page, "Water the plants")).to_have_count(0)
    saved(page)
    assert person.get(f"{TASKS}/{task['id']}").json["deleted_at"]
    page.get_by_role("button", name="Undo").click()
    expect(row(page, "Water the plants")).to_have_count(1)
    saved(page)
    assert person.get(f"{TASKS}/{task['id']}").json["deleted_at"] is None
