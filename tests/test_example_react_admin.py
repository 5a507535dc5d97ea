"""The react-admin example in a browser, on another origin than the API, with tokens and with cookies."""

import re

import pytest
from conftest import PASSWORD
from front_ends import expire_cookie, serve_example
from playwright.sync_api import expect
from servers import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

TASKS = "/api/v1/tasks"


@pytest.fixture(scope="module", params=["bearer", "cookies"])
def servers(request, make_app, tmp_path_factory):
    """The example and the API."""
    servers = serve_example("react-admin", request.param, make_app, tmp_path_factory)
    servers.keeps_session = request.param == "cookies"
    yield servers
    servers.stop()


def sign_in(context, servers, username, path="tasks"):
    """Sign in on the page, in a new tab."""
    page = context.new_page()
    page.goto(f"{servers.page}/#/{path}")
    fill_in(page, username, PASSWORD)
    expect(page.get_by_role("button", name="Profile")).to_be_visible()
    return page


def fill_in(page, username, password):
    """Send the form of the sign-in page."""
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").first.fill(password)
    page.get_by_role("button", name="Sign in").click()


def create(user, path=TASKS, **fields):
    """Create something on another device."""
    response = user.post(path, json=fields)
    assert response.status_code == 201
    return response.json


def read(user, task):
    """Return the task as it is on the server."""
    return user.get(f"{TASKS}/{task['id']}").json


def titles(page):
    """Return the titles of the list."""
    return page.locator("tbody tr td:nth-child(2)")


def open_task(page, title):
    """Open the form of a task, and wait until it has what the server has."""
    with page.expect_response(re.compile(rf"{TASKS}/[0-9a-f-]+$")):
        titles(page).get_by_text(title).click()
    page.get_by_label("Title").wait_for()


def choose(page, label, option):
    """Choose an option in a list of options, and close the list."""
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")


def test_wrong_password_shows_the_error(context, servers, user):
    page = context.new_page()
    page.goto(servers.page)
    fill_in(page, user.username, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("password")


def test_list_has_pages_without_totals(context, servers, user):
    for number in range(22):
        create(user, title=f"Task {number}")
    newest_first = [f"Task {number}" for number in reversed(range(22))]
    page = sign_in(context, servers, user.username)
    expect(titles(page)).to_have_text(newest_first[:10])
    expect(page.get_by_text("1-10 of more than 10")).to_be_visible()
    page.get_by_role("button", name="Go to next page").click()
    expect(titles(page)).to_have_text(newest_first[10:20])
    page.get_by_role("button", name="Go to next page").click()
    expect(titles(page)).to_have_text(newest_first[20:])
    expect(page.get_by_text("21-22 of 22")).to_be_visible()
    expect(page.get_by_role("button", name="Go to next page")).to_be_disabled()
    page.get_by_role("button", name="Go to previous page").click()
    expect(titles(page)).to_have_text(newest_first[10:20])
    expect(page.get_by_text("11-20 of more than 20")).to_be_visible()


def test_page_of_an_address_is_reached_without_its_cursor(context, servers, user):
    for number in range(22):
        create(user, title=f"Task {number}")
    page = sign_in(context, servers, user.username, "tasks?page=3&perPage=10")
    expect(titles(page)).to_have_text(["Task 1", "Task 0"])


def test_filters_and_columns_select_and_sort_tasks(context, servers, user):
    garden = create(user, "/api/v1/projects", name="Garden")
    create(user, title="Water the plants", priority="high", project_id=garden["id"], labels=["home"])
    create(user, title="Feed the cat", due_date="2030-06-01", status="in_progress")
    create(user, title="Buy bread", status="done", due_date="2030-05-01")
    page = sign_in(context, servers, user.username)
    expect(titles(page)).to_have_text(["Buy bread", "Feed the cat", "Water the plants"])
    expect(page.get_by_role("row", name="Water the plants")).to_contain_text("Garden")
    expect(page.get_by_role("row", name="Water the plants")).to_contain_text("home")
    page.get_by_role("button", name="Sort by due").click()
    expect(titles(page)).to_have_text(["Buy bread", "Feed the cat", "Water the plants"])
    page.get_by_role("button", name="Sort by title ascending").click()
    page.get_by_role("button", name="Sort by title descending").click()
    expect(titles(page)).to_have_text(["Water the plants", "Feed the cat", "Buy bread"])
    page.get_by_role("textbox", name="Search").fill("the")
    expect(titles(page)).to_have_text(["Water the plants", "Feed the cat"])
    choose(page, "Status", "In progress")
    expect(titles(page)).to_have_text(["Feed the cat"])
    choose(page, "Status", "In progress")
    page.get_by_role("button", name="Add filter").click()
    page.get_by_role("menu").get_by_text("Project").click()
    choose(page, "Project", "Garden")
    expect(titles(page)).to_have_text(["Water the plants"])


def test_new_task_has_a_project_and_a_new_label(context, servers, user):
    garden = create(user, "/api/v1/projects", name="Garden")
    page = sign_in(context, servers, user.username, "tasks/create")
    page.get_by_label("Title").fill("x" * 201)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Must have 1 to 200 characters.")).to_be_visible()
    page.get_by_label("Title").fill("Water the plants")
    page.get_by_label("Due date").fill("2030-06-01")
    choose(page, "Project", "Garden")
    page.get_by_label("Labels").fill("home")
    page.get_by_role("option", name="Create home").click()
    page.get_by_role("button", name="Save").click()
    expect(titles(page)).to_have_text(["Water the plants"])
    [task] = user.get(TASKS).json["items"]
    expected = {"priority": "none", "project_id": garden["id"], "labels": ["home"], "due_date": "2030-06-01"}
    assert {name: task[name] for name in expected} == expected


def test_form_sends_only_changed_fields(context, servers, user):
    task = create(user, title="Water the plants", due_at="2030-06-01T10:00:00Z", labels=["home"])
    page = sign_in(context, servers, user.username)
    open_task(page, "Water the plants")
    page.get_by_label("Due date").fill("2030-07-01")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Element updated")).to_be_visible()
    # A request with both a day and an instant would be rejected
    expected = task | {"due_date": "2030-07-01", "due_at": None}
    changing = {"version", "updated_at"}
    assert {**read(user, task), **dict.fromkeys(changing)} == {**expected, **dict.fromkeys(changing)}


def test_conflict_is_shown_and_the_form_has_the_new_values(context, servers, user):
    task = create(user, title="Water the plants")
    page = sign_in(context, servers, user.username)
    open_task(page, "Water the plants")
    page.get_by_label("Description").fill("Those on the balcony too.")
    user.patch(f"{TASKS}/{task['id']}", json={"title": "Water the ferns", "description": "In the evening."})
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed this task")
    expect(page.get_by_label("Title")).to_have_value("Water the ferns")
    expect(page.get_by_label("Description")).to_have_value("Those on the balcony too.")
    assert read(user, task)["description"] == "In the evening."
    page.get_by_role("button", name="Save").click()
    expect(titles(page)).to_have_text(["Water the ferns"])
    saved = read(user, task)
    assert (saved["title"], saved["description"]) == ("Water the ferns", "Those on the balcony too.")


def test_deleted_tasks_move_to_the_trash(context, servers, user):
    tasks = [create(user, title=title) for title in ("Water the plants", "Feed the cat", "Buy bread")]
    page = sign_in(context, servers, user.username)
    open_task(page, "Buy bread")
    user.patch(f"{TASKS}/{tasks[2]['id']}", json={"priority": "high"})
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("has changed")
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("combobox", name="Priority")).to_have_text("High")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Confirm").click()
    expect(titles(page)).to_have_text(["Feed the cat", "Water the plants"])
    page.get_by_role("checkbox", name="Select all").check()
    page.get_by_role("button", name="Delete").click()
    wait_until(lambda: page.wait_for_timeout(100) or len(user.get(f"{TASKS}?deleted=true").json["items"]) == 3)


def test_sign_out_and_an_ended_session_lead_to_the_sign_in_page(context, servers, user):
    create(user, title="My secret plan")
    page = sign_in(context, servers, user.username)
    page.get_by_role("button", name="Profile").click()
    page.get_by_role("menuitem", name="Logout").click()
    expect(page.get_by_label("Username")).to_be_visible()
    fill_in(page, user.username, PASSWORD)
    expect(titles(page)).to_have_text(["My secret plan"])
    user.delete("/api/v1/auth/sessions?include_current=true")
    page.get_by_role("button", name="Sort by title").click()
    expect(page.get_by_label("Username")).to_be_visible()
    expect(page.get_by_text("My secret plan")).to_have_count(0)


def test_reload_keeps_the_session_with_cookies_only(context, servers, user):
    page = sign_in(context, servers, user.username)
    page.reload()
    if servers.keeps_session:
        expect(page.get_by_role("button", name="Profile")).to_be_visible()
    else:
        expect(page.get_by_label("Username")).to_be_visible()


@pytest.mark.parametrize("servers", ["cookies"], indirect=True)
def test_expired_token_is_refreshed_without_a_notice(context, servers, user):
    create(user, title="Water the plants")
    page = sign_in(context, servers, user.username)
    expect(titles(page)).to_have_text(["Water the plants"])
    expire_cookie(context, servers.api)
    with page.expect_response(re.compile("/auth/refresh")) as response:
        page.get_by_role("button", name="Sort by title").click()
    assert response.value.status == 200
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(titles(page)).to_have_text(["Water the plants"])
