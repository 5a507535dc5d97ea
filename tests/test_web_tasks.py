"""The browser client: tasks, as somebody at a keyboard or a mouse keeps them."""

import pytest
from playwright.sync_api import expect
from visiting import add, row, saved

TASKS = "/api/v1/tasks"


@pytest.fixture
def task(person):
    """A task of theirs."""
    return person.post(TASKS, json={"title": "Water the plants"}).json


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
