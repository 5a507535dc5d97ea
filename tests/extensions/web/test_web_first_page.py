"""The web client for a new visitor: the first page, registration, and the demo."""

import pytest
from playwright.sync_api import expect
from web_client import row, saved, serve

pytestmark = [pytest.mark.slow, pytest.mark.one_database]


@pytest.fixture
def closed(make_app):
    """The URL of a server where nobody can register."""
    with serve(make_app(REGISTRATION_ENABLED=False)) as url:
        yield url


def test_first_page_leads_to_the_documentation(site, page):
    page.goto(site)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your private task list")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_label("Username")).to_be_focused()
    page.get_by_role("link", name="API documentation").click()
    page.wait_for_url(f"{site}/docs/")


def test_demo_account_has_tasks_and_can_sign_in_again(site, page, browser):
    page.goto(site)
    page.get_by_role("button", name="Try the demo").click()
    dialog = page.get_by_role("dialog", name="Your demo account")
    name, password = (dialog.get_by_label(label).input_value() for label in ("Username", "Password"))
    page.keyboard.press("Escape")  # the values are shown once, so no key may close the dialog by mistake
    dialog.get_by_role("button", name="Show my tasks").click()
    page.get_by_role("link", name="All tasks").click()
    expect(row(page, "Plan the summer party")).to_contain_text("Home")
    page.get_by_role("checkbox", name="Call Grandma").click()
    saved(page)
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert password not in stored
    again = browser.new_context().new_page()
    again.goto(site)
    again.get_by_label("Username").fill(name)
    again.get_by_label("Password").fill(password)
    again.get_by_role("button", name="Sign in").click()
    again.get_by_role("heading", name="Today", level=1).wait_for()
    expect(row(again, "Water the seedlings")).to_have_count(1)
    expect(row(again, "Call Grandma")).to_have_count(0)
    again.context.close()


def test_demo_reports_why_it_did_not_start(site, page, context):
    page.goto(site)
    busy = {"status": 429, "json": {"code": "too_many_requests", "detail": "Too many requests. Try again later."}}
    context.route("**/auth/register", lambda route: route.fulfill(**busy), times=1)
    page.get_by_role("button", name="Try the demo").click()
    expect(page.get_by_role("alert")).to_have_text("Too many requests. Try again later.")
    page.get_by_role("button", name="Try the demo").click()
    expect(page.get_by_role("dialog", name="Your demo account")).to_be_visible()


def test_closed_registration_offers_only_sign_in(closed, page):
    page.goto(closed)
    expect(page.get_by_role("button")).to_have_text(["Sign in"])
    expect(page.get_by_text("Registration is closed.")).to_be_visible()


def samples(page):
    """Return the sample tasks."""
    return page.get_by_role("region", name="Three things to try")


def test_samples_explain_a_new_account(user, visit):
    page = visit("today")
    expect(samples(page).get_by_role("listitem")).to_have_count(3)
    expect(page.get_by_text("No more tasks for today.")).to_have_count(0)
    expect(samples(page)).to_contain_text("Deleted tasks stay in the trash for 30 days.")
    samples(page).get_by_role("button", name="Try it").click()
    expect(page.get_by_label("Add a task")).to_be_focused()
    expect(page.get_by_role("group", name="Recognized")).to_contain_text("New project “Garden”")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Task added.")).to_be_visible()
    saved(page)
    assert [task["title"] for task in user.get("/api/v1/tasks").json["items"]] == ["Water the plants"]
    expect(samples(page)).to_be_visible()  # the other two are still to be read
    page.reload()
    page.get_by_role("link", name="All tasks").click()
    expect(row(page, "Water the plants")).to_have_count(1)
    expect(samples(page)).to_be_hidden()


def test_dismissed_samples_never_come_back(user, visit):
    page = visit("all")
    samples(page).get_by_role("button", name="Dismiss").click()
    expect(samples(page)).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.get_by_text("No tasks yet.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("No tasks yet.")).to_be_visible()
    expect(samples(page)).to_be_hidden()


def test_samples_are_not_shown_where_tasks_were_deleted(user, visit):
    task = user.post("/api/v1/tasks", json={"title": "Water the plants"}).json
    user.delete(f"/api/v1/tasks/{task['id']}?permanent=true")
    page = visit("all")
    expect(page.get_by_text("No tasks yet.")).to_be_visible()
    expect(samples(page)).to_be_hidden()
