"""The web client: rows show how many subtasks are done."""

import pytest
from playwright.sync_api import expect
from web_client import row, saved

pytestmark = pytest.mark.slow

TASKS = "/api/v1/tasks"


def test_rows_show_the_progress_of_subtasks(user, visit):
    parent = user.post(TASKS, json={"title": "Plan the party"}).json
    user.post(TASKS, json={"title": "Call"})
    for title, status in {"Choose a day": "done", "Buy lanterns": "todo", "Invite all": "todo"}.items():
        user.post(TASKS, json={"title": title, "status": status, "parent_id": parent["id"]})
    page = visit("all")
    progress = row(page, "Plan the party").locator(".progress")
    expect(progress).to_contain_text("1/3")
    expect(page.get_by_role("link", name="Plan the party")).to_have_accessible_description("1 of 3 subtasks done")
    expect(row(page, "Call").locator(".progress")).to_have_count(0)
    row(page, "Plan the party").get_by_role("link").click()
    page.get_by_role("complementary").get_by_role("checkbox", name="Buy lanterns").click()
    saved(page)
    expect(progress).to_contain_text("2/3")


def test_list_is_shown_while_counts_are_unavailable(user, visit, context):
    user.post(TASKS, json={"title": "Call"})
    busy = {"status": 503, "json": {"code": "unavailable", "detail": "Try again later."}}
    context.route("**/subtask-counts?*", lambda route: route.fulfill(**busy))
    page = visit("all")
    expect(row(page, "Call")).to_have_count(1)
    expect(page.get_by_text("Try again later.")).to_have_count(0)
