"""The React example in a browser, on another origin than the API, with tokens and with cookies."""

import re
import subprocess

import httpx
import pytest
from browser import violations
from conftest import PASSWORD, ROOT, node_package, program
from front_ends import expire_cookie, serve_example
from playwright.sync_api import expect
from servers import connects, free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

TASKS = "/api/v1/tasks"


@pytest.fixture(scope="module")
def with_tokens(make_app, tmp_path_factory):
    """The example with tokens in memory."""
    servers = serve_example("react", "bearer", make_app, tmp_path_factory)
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def with_cookies(make_app, tmp_path_factory):
    """The example with cookies."""
    servers = serve_example("react", "cookies", make_app, tmp_path_factory)
    yield servers
    servers.stop()


@pytest.fixture(params=["with_tokens", "with_cookies"])
def servers(request):
    """Either of them."""
    return request.getfixturevalue(request.param)


def sign_in(context, servers, username):
    """Sign in on the page, in a new tab."""
    page = context.new_page()
    page.goto(servers.page)
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("list", name="Tasks").wait_for(state="attached")
    return page


def create(user, **fields):
    """Create a task on another device."""
    return user.post(TASKS, json=fields).json


def hold(page, pattern):
    """Hold the requests to a path; returns the list of them."""
    held = []

    def keep(route):
        held.append(route)

    page.route(re.compile(pattern), keep)
    return held


def titles(page):
    """Return the tasks of the page."""
    return page.get_by_role("list", name="Tasks").locator(".title")


def item(page, title):
    """Return the task of the page."""
    return page.get_by_role("listitem", name=title, exact=True)


def test_user_creates_an_account_and_a_task(context, servers, user):
    page = context.new_page()
    page.goto(servers.page)
    page.get_by_label("Username").fill(f"{user.username}-two")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create an account").click()
    expect(page.get_by_role("alert")).to_contain_text("password")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create an account").click()
    expect(page.get_by_text("No task matches the filters.")).to_be_visible()
    page.get_by_label("New task").fill("Water the plants")
    page.keyboard.press("Enter")
    expect(titles(page)).to_have_text(["Water the plants"])
    expect(page.get_by_label("New task")).to_have_value("")


def test_wrong_password_shows_the_error(context, servers, user):
    page = context.new_page()
    page.goto(servers.page)
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def test_list_loads_more_tasks_when_it_is_scrolled(context, servers, user):
    for number in range(45):
        create(user, title=f"Task {number}")
    page = sign_in(context, servers, user.username)
    expect(titles(page)).to_have_count(20)
    page.mouse.wheel(0, 10_000)
    expect(titles(page)).to_have_count(40)
    page.mouse.wheel(0, 10_000)
    expect(titles(page)).to_have_text([f"Task {number}" for number in reversed(range(45))])
    expect(page.get_by_role("button", name="Load more")).to_have_count(0)


def test_filters_select_tasks(context, servers, user):
    create(user, title="Water the plants", priority="high")
    create(user, title="Feed the cat", due_date="2030-06-01")
    create(user, title="Buy bread", status="done")
    page = sign_in(context, servers, user.username)
    expect(titles(page)).to_have_text(["Feed the cat", "Water the plants"])
    page.get_by_label("Done", exact=True).check()
    expect(titles(page)).to_have_text(["Buy bread", "Feed the cat", "Water the plants"])
    page.get_by_label("Order").select_option("By title")
    expect(titles(page)).to_have_text(["Buy bread", "Feed the cat", "Water the plants"])
    page.get_by_label("Priority").select_option("High")
    expect(titles(page)).to_have_text(["Water the plants"])
    page.get_by_label("Priority").select_option("Any priority")
    page.get_by_label("Search").fill("cat")
    expect(titles(page)).to_have_text(["Feed the cat"])


def test_change_is_shown_before_the_response_and_undone_on_an_error(context, servers, user):
    create(user, title="Water the plants")
    page = sign_in(context, servers, user.username)
    done = page.get_by_label("Done: Water the plants")
    held = hold(page, f"{TASKS}/")
    done.click()
    expect(done).to_be_checked()
    wait_until(lambda: page.wait_for_timeout(20) or held)
    next(route for route in held if route.request.method == "PATCH").abort()
    expect(done).not_to_be_checked()
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.unroute_all()
    done.click()
    expect(titles(page)).to_have_count(0)  # the list shows open tasks


def test_quick_changes_of_one_task_are_saved_in_order(context, servers, user):
    task = create(user, title="Water the plants")
    url = f"{TASKS}/{task['id']}"
    page = sign_in(context, servers, user.username)
    page.get_by_label("Done", exact=True).check()
    done = page.get_by_label("Done: Water the plants")
    done.click()
    done.click()
    done.click()
    wait_until(lambda: user.get(url).json["version"] == task["version"] + 3)
    assert user.get(url).json["status"] == "done"
    expect(done).to_be_checked()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_list_of_former_filters_cannot_be_changed(context, servers, user):
    task = create(user, title="Water the plants")
    url = f"{TASKS}/{task['id']}"
    page = sign_in(context, servers, user.username)
    done = page.get_by_label("Done: Water the plants")
    box = done.bounding_box()
    changes = []
    page.on("request", lambda request: changes.append(request) if request.method == "PATCH" else None)
    held = hold(page, rf"{TASKS}\?")
    page.get_by_label("Done", exact=True).check()
    wait_until(lambda: page.wait_for_timeout(20) or held)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(done).not_to_be_checked()
    for route in held:
        route.continue_()
    page.unroute_all()
    done.click()
    wait_until(lambda: user.get(url).json["version"] > task["version"])
    assert (user.get(url).json["status"], len(changes)) == ("done", 1)


def test_conflict_offers_both_sides(context, servers, user):
    task = create(user, title="Water the plants")
    page = sign_in(context, servers, user.username)
    expect(titles(page)).to_have_text(["Water the plants"])
    user.patch(f"{TASKS}/{task['id']}", json={"title": "Water the ferns"})
    page.get_by_label("Done: Water the plants").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("It is now “Water the ferns”")
    expect(page.get_by_label("Done: Water the ferns")).not_to_be_checked()
    alert.get_by_role("button", name="Keep the other one").click()
    expect(alert).to_have_count(0)
    assert user.get(f"{TASKS}/{task['id']}").json["status"] == "todo"
    user.patch(f"{TASKS}/{task['id']}", json={"title": "Water the roses"})
    page.get_by_label("Done: Water the ferns").click()
    alert.get_by_role("button", name="Apply my change").click()
    expect(titles(page)).to_have_count(0)
    saved = user.get(f"{TASKS}/{task['id']}").json
    assert (saved["title"], saved["status"]) == ("Water the roses", "done")


def test_form_saves_only_the_changed_fields(context, servers, user):
    task = create(user, title="Water the plants", priority="low")
    page = sign_in(context, servers, user.username)
    page.get_by_role("button", name="Edit").click()
    form = item(page, "Water the plants")
    form.get_by_label("Title").fill("Water the ferns")
    form.get_by_label("Due date").fill("2030-06-01")
    form.get_by_role("button", name="Save").click()
    expect(item(page, "Water the ferns").locator("time")).to_have_text("1 Jun 2030")
    expect(item(page, "Water the ferns")).to_contain_text("Low")
    # The version is that of the task when the form opened, although the list was read again
    page.get_by_role("button", name="Edit").click()
    user.patch(f"{TASKS}/{task['id']}", json={"priority": "urgent"})
    page.get_by_label("New task").fill("Feed the cat")
    page.keyboard.press("Enter")
    expect(item(page, "Water the ferns")).to_contain_text("Urgent")
    item(page, "Water the ferns").get_by_label("Title").fill("Water the roses")
    item(page, "Water the ferns").get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Urgent")
    page.get_by_role("button", name="Apply my change").click()
    expect(item(page, "Water the roses")).to_contain_text("Urgent")


def test_sign_out_everywhere_ends_all_sessions(browser, context, servers, user):
    page = sign_in(context, servers, user.username)
    device = browser.new_context()
    other = sign_in(device, servers, user.username)
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_label("Username")).to_be_visible()
    other.get_by_label("Priority").select_option("High")
    expect(other.get_by_label("Username")).to_be_visible()
    device.close()


def test_sign_out_deletes_the_data_of_the_page(context, servers, user, signed_in):
    create(user, title="My secret plan")
    other = signed_in()
    page = sign_in(context, servers, user.username)
    expect(titles(page)).to_have_text(["My secret plan"])
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_label("Username")).to_be_visible()
    hold(page, TASKS)
    page.get_by_label("Username").fill(other.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("New task").wait_for()
    assert titles(page).count() == 0
    page.unroute_all()


def test_reload_keeps_the_session_with_cookies_only(context, servers, with_cookies, user):
    page = sign_in(context, servers, user.username)
    page.reload()
    if servers is with_cookies:
        expect(page.get_by_label("New task")).to_be_visible()
    else:
        expect(page.get_by_label("Username")).to_be_visible()


def test_expired_token_is_refreshed_without_a_notice(context, with_cookies, user):
    page = sign_in(context, with_cookies, user.username)
    expire_cookie(context, with_cookies.api)
    with page.expect_response(re.compile("/auth/refresh")) as response:
        page.get_by_label("New task").fill("Water the plants")
        page.keyboard.press("Enter")
    assert response.value.status == 200
    expect(titles(page)).to_have_text(["Water the plants"])


@pytest.mark.parametrize("width", [390, 1280])
def test_page_is_accessible(context, with_cookies, user, width):
    """Check with axe in both color schemes; the page is not wider than the screen."""
    context.add_init_script(path=node_package("axe-core") / "axe.min.js")
    task = create(user, title="Water the plants on the balcony " * 4, priority="urgent", due_date="2030-06-01")
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(with_cookies.page)
    assert violations(page) == []
    page = sign_in(context, with_cookies, user.username)
    page.set_viewport_size({"width": width, "height": 844})
    page.get_by_role("button", name="Edit").click()
    user.patch(f"{TASKS}/{task['id']}", json={"priority": "low"})
    page.get_by_label("Done: ").click()
    page.get_by_role("alert").wait_for()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_proxy_of_the_front_end_guide_forwards_requests(with_tokens, tmp_path):
    guide = (ROOT / "docs" / "frontend.md").read_text(encoding="utf-8")
    [config] = re.findall(r"```ts\n(export default .*?)```", guide, re.DOTALL)
    (tmp_path / "vite.config.ts").write_text(config.replace("http://127.0.0.1:8000", with_tokens.api))
    (tmp_path / "index.html").write_text("<title>Page</title>")
    vite, port = node_package("vite") / "bin" / "vite.js", free_port()
    command = [program("node"), str(vite), "--host", "127.0.0.1", "--port", str(port), "--strictPort"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: connects(port))
            response = httpx.get(f"http://127.0.0.1:{port}{TASKS}")
            assert (response.status_code, response.json()["code"]) == (401, "token_missing")
        finally:
            server.terminate()
