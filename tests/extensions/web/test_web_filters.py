"""The web client: sort order and filters of a list, which the URL contains."""

import pytest
from playwright.sync_api import expect
from web_client import add, row

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

TASKS = "/api/v1/tasks"


@pytest.fixture
def tasks(user):
    """Tasks that differ in title, priority, due date, status and labels; the last one is the newest."""
    rows = [
        {"title": "Call", "priority": "high", "due_date": "2031-03-02", "labels": ["home"]},
        {"title": "Book", "priority": "urgent", "due_date": "2031-03-01", "status": "in_progress"},
        {"title": "Dig", "priority": "high", "due_date": "2031-03-01", "labels": ["garden", "home"]},
        {"title": "Ask", "status": "done"},
    ]
    return [user.post(TASKS, json=each).json for each in rows]


def titles(page):
    """Return the titles of the list."""
    return page.locator(".row .title")


def open_controls(page):
    """Show the controls."""
    page.get_by_role("button", name="Sort and filter").click()
    return page.get_by_role("form", name="Sort and filter")


@pytest.mark.usefixtures("tasks")
def test_list_is_sorted_in_both_directions(visit):
    page = visit("all?done=1")
    expect(titles(page)).to_have_text(["Ask", "Dig", "Book", "Call"])
    controls = open_controls(page)
    for name, order in {
        "Title": ["Ask", "Book", "Call", "Dig"],
        "Due date": ["Book", "Dig", "Call", "Ask"],
        "Priority": ["Book", "Dig", "Call", "Ask"],
        "Created": ["Ask", "Dig", "Book", "Call"],
        "Completed": ["Ask"],
    }.items():
        controls.get_by_label("Sort by").select_option(name)
        expect(titles(page).first).to_have_text(order[0])
        expect(titles(page)).to_contain_text(order)
    controls.get_by_label("Sort by").select_option("Title")
    controls.get_by_role("button", name="Ascending").click()
    expect(titles(page)).to_have_text(["Dig", "Call", "Book", "Ask"])
    expect(controls.get_by_role("button", name="Descending")).to_be_focused()
    controls.get_by_label("Sort by").select_option("Usual order")
    expect(titles(page)).to_have_text(["Ask", "Dig", "Book", "Call"])


@pytest.mark.usefixtures("tasks")
def test_filters_survive_reload_and_back(visit):
    page = visit("all")
    controls = open_controls(page)
    controls.get_by_role("checkbox", name="High").check()
    expect(titles(page)).to_have_text(["Dig", "Call"])
    controls.get_by_label("Label").select_option("garden")
    expect(titles(page)).to_have_text(["Dig"])
    button = page.get_by_role("button", name="Sort and filter")
    expect(button).to_have_accessible_description("2 active")
    page.reload()
    expect(titles(page)).to_have_text(["Dig"])
    open_controls(page)
    expect(controls.get_by_label("Label")).to_have_value("garden")
    page.go_back()
    expect(titles(page)).to_have_text(["Dig", "Call"])
    expect(controls.get_by_label("Label")).to_have_value("")
    expect(controls.get_by_role("checkbox", name="High")).to_be_checked()
    page.go_back()
    expect(titles(page)).to_have_text(["Dig", "Book", "Call"])
    expect(controls.get_by_role("checkbox", name="High")).not_to_be_checked()


@pytest.mark.usefixtures("tasks")
def test_open_task_keeps_the_filters(visit):
    page = visit("all?priority=high&sort=title")
    page.get_by_role("link", name="Dig").click()
    expect(page.get_by_role("complementary").get_by_label("Title", exact=True)).to_have_value("Dig")
    page.get_by_role("button", name="Close task").click()
    expect(titles(page)).to_have_text(["Call", "Dig"])


@pytest.mark.usefixtures("tasks")
def test_status_filter_offers_what_the_view_can_have(visit):
    page = visit("all?status=done&status=in_progress")
    expect(titles(page)).to_have_text(["Ask", "Book"])
    status = open_controls(page).get_by_role("group", name="Status")
    expect(status.get_by_role("checkbox")).to_have_count(4)
    page.get_by_role("link", name="Upcoming").click()
    expect(titles(page)).to_have_count(3)  # another list starts without filters
    expect(status.get_by_role("checkbox")).to_have_count(2)
    status.get_by_role("checkbox", name="To do").check()
    expect(titles(page)).to_have_text(["Dig", "Call"])
    status.get_by_role("checkbox", name="To do").uncheck()
    expect(titles(page)).to_have_count(3)


@pytest.mark.usefixtures("tasks")
def test_sorted_list_has_no_headings(visit):
    page = visit("upcoming")
    expect(page.locator(".rows h2")).to_have_count(2)
    expect(row(page, "Call")).not_to_contain_text("2 Mar")
    open_controls(page).get_by_label("Sort by").select_option("Title")
    expect(titles(page)).to_have_text(["Book", "Call", "Dig"])
    expect(page.locator(".rows h2")).to_have_count(0)
    expect(row(page, "Call")).to_contain_text("2 Mar")


@pytest.mark.usefixtures("tasks")
def test_unknown_values_in_the_url_are_ignored(visit):
    page = visit("all?sort=constructor&status=lost&priority=%3Cb%3E&label=garden")
    expect(titles(page)).to_have_text(["Dig"])


@pytest.mark.usefixtures("tasks")
def test_filters_without_a_match_can_be_cleared(visit):
    page = visit("all?priority=low")
    expect(page.get_by_text("No tasks match the filters.")).to_be_visible()
    add(page, "Eat")
    expect(page.get_by_role("status").filter(has_text="The filters hide it.")).to_be_visible()
    add(page, "Feed !low")
    expect(titles(page)).to_have_text(["Feed"])
    page.goto(page.url.replace("low", "none&status=in_progress"))
    page.get_by_role("button", name="Clear filters").click()
    expect(titles(page)).to_have_text(["Feed", "Eat", "Dig", "Book", "Call"])
    expect(page.get_by_role("heading", level=1)).to_be_focused()
