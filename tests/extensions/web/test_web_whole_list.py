"""The web client: changes of all tasks of a list, which the server makes past the outbox."""

import pytest
from browser import violations
from conftest import node_package
from playwright.sync_api import expect
from surface import needs
from task_files import add_tasks
from web_client import hide_route, row

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

TASKS = "/api/v1/tasks"
TRASH = "/api/v1/trash"


def titles(user, query=""):
    """Return the titles of a list, the oldest first."""
    return [task["title"] for task in user.get(f"{TASKS}?sort=created_at&limit=100&{query}").json["items"]]


def ask(page):
    """Open the dialog by keyboard. Return it."""
    page.get_by_role("button", name="Select tasks").press("Enter")
    page.get_by_role("button", name="Change the whole list…").press("Enter")
    return page.get_by_role("dialog")


def message(page, text):
    """Return the toast with a text."""
    return page.locator(".toasts[role=status]").filter(has_text=text)


@needs("bulk")
def test_all_tasks_of_a_filter_are_changed_with_their_number(user, visit, context):
    add_tasks(user, [{"title": f"Task {i}", "labels": ["home"]} for i in range(60)] + [{"title": "Call"}])
    context.add_init_script(path=node_package("axe-core") / "axe.min.js")
    page = visit("all?label=home")
    expect(page.locator(".row")).to_have_count(50)
    dialog = ask(page)
    expect(dialog).to_have_accessible_name("Change all tasks of “All tasks”")
    expect(dialog.get_by_role("status")).to_have_text("The list has 60 tasks.")
    expect(dialog.get_by_label("Change", exact=True)).to_be_focused()
    expect(dialog.get_by_label("Label")).to_be_hidden()
    assert violations(page) == []
    dialog.get_by_role("button", name="Change 60 tasks").press("Enter")
    expect(message(page, "Completed 60 tasks.")).to_be_visible()
    expect(page.get_by_role("heading", name="All tasks")).to_be_focused()
    expect(page.locator(".row")).to_have_count(0)
    assert titles(user, "status=todo") == ["Call"]


@needs("bulk")
def test_label_and_project_are_changed_and_errors_are_shown(user, visit):
    add_tasks(user, [{"title": "Wash"}, {"title": "Iron", "labels": ["home"]}])
    garden = user.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    page = visit("all")
    dialog = ask(page)
    dialog.get_by_label("Change", exact=True).select_option("Add a label")
    dialog.get_by_role("button", name="Change 2 tasks").press("Enter")
    expect(dialog.get_by_label("Label")).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_label("Label")).to_be_focused()
    dialog.get_by_label("Label").fill("@dull")
    page.keyboard.press("Enter")
    expect(message(page, "Labelled 2 tasks.")).to_be_visible()
    assert titles(user, "label=dull") == ["Wash", "Iron"]
    dialog = ask(page)
    dialog.get_by_label("Change", exact=True).select_option("Move to a project")
    dialog.get_by_label("Project").select_option("Garden")
    user.delete(f"/api/v1/projects/{garden}")
    dialog.get_by_role("button", name="Change 2 tasks").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("nothing was changed: There is no such project.")
    user.post(f"/api/v1/projects/{garden}/restore")
    dialog.get_by_role("button", name="Change 2 tasks").press("Enter")
    expect(message(page, "Moved 2 tasks.")).to_be_visible()
    assert titles(user, f"project_id={garden}") == ["Wash", "Iron"]


@needs("bulk")
def test_other_number_is_shown_before_anything_changes(user, visit):
    add_tasks(user, [{"title": "Wash"}, {"title": "Iron"}])
    page = visit("all")
    dialog = ask(page)
    dialog.get_by_label("Change", exact=True).select_option("Delete")
    button = dialog.get_by_role("button", name="Change 2 tasks")
    button.wait_for()
    add_tasks(user, [{"title": "Cook"}])
    button.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing was changed. Check the new number.")
    expect(dialog.get_by_role("status")).to_have_text("The list has 3 tasks.")
    assert titles(user) == ["Wash", "Iron", "Cook"]
    dialog.get_by_role("button", name="Change 3 tasks").press("Enter")
    expect(message(page, "Deleted 3 tasks.")).to_be_visible()
    assert (titles(user), len(titles(user, "deleted=true"))) == ([], 3)


@needs("bulk")
def test_nothing_is_changed_or_queued_offline_or_while_changes_wait(user, visit, context):
    add_tasks(user, [{"title": "Wash"}, {"title": "Iron"}])
    page = visit("all")
    dialog = ask(page)
    dialog.get_by_role("button", name="Change 2 tasks").wait_for()
    context.set_offline(True)
    dialog.get_by_role("button", name="Change 2 tasks").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing waits to be sent: try again later.")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Change the whole list…").press("Enter")
    expect(message(page, "You are offline.")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Escape")
    row(page, "Wash").get_by_role("checkbox").click()  # this one waits in the outbox
    context.route("**/tasks/*", lambda route: route.fulfill(status=503, json={"code": "unavailable"}))
    context.set_offline(False)
    expect(page.get_by_role("button", name="1 waiting")).to_be_visible()
    ask(page)
    expect(message(page, "Some changes of this device are not saved yet.")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert titles(user, "status=todo") == ["Wash", "Iron"]


@needs("bulk")
def test_lost_response_changes_the_tasks_once(user, visit, context):
    add_tasks(user, [{"title": "Wash"}, {"title": "Iron"}])
    page = visit("all")

    def lose(route):
        route.fetch()
        route.abort()

    context.route("**/tasks/bulk?*", lose, times=1)
    dialog = ask(page)
    dialog.get_by_role("button", name="Change 2 tasks").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    dialog.get_by_role("button", name="Change 2 tasks").press("Enter")  # the filter finds no task any more
    expect(message(page, "Completed 2 tasks.")).to_be_visible()


@needs("bulk")
def test_trash_is_restored_and_emptied_with_its_number(user, visit, context):
    garden = user.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    add_tasks(user, [{"title": "Wash"}, {"title": "Rake", "project_id": garden}])
    for task in user.get(TASKS).json["items"]:
        user.delete(f"{TASKS}/{task['id']}")
    user.delete(f"/api/v1/projects/{garden}")
    page = visit("trash")
    dialog = ask(page)
    expect(dialog.get_by_label("Change", exact=True).get_by_role("option")).to_have_text(["Restore"])
    dialog.get_by_role("button", name="Change 2 tasks").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("“Rake” cannot be changed, so nothing was changed:")
    assert titles(user) == []
    user.post(f"/api/v1/projects/{garden}/restore")
    dialog.get_by_role("button", name="Change 2 tasks").press("Enter")
    expect(message(page, "Restored 2 tasks.")).to_be_visible()
    assert titles(user) == ["Wash", "Rake"]
    user.delete(f"/api/v1/projects/{garden}")
    page.reload()
    requests = []
    context.on("request", lambda request: requests.append(request) if request.method == "DELETE" else None)
    page.get_by_role("button", name="Empty trash").press("Enter")
    dialog = page.get_by_role("dialog", name="Empty the trash?")
    expect(dialog).to_contain_text("1 task in the trash, and all projects and labels in it, are deleted permanently.")
    dialog.get_by_role("button", name="Empty trash").press("Enter")
    expect(message(page, "The trash is empty.")).to_be_visible()
    assert [request.url.rpartition("/api")[2] for request in requests] == [TRASH.removeprefix("/api")]
    assert titles(user, "deleted=true") == []
    assert user.get(f"/api/v1/projects/{garden}").status_code == 404


@needs("bulk")
def test_without_the_extension_there_is_no_change_of_a_whole_list(user, visit, context, site):
    hide_route(context, site, "/tasks/bulk")
    add_tasks(user, [{"title": "Wash"}])
    page = visit("all")
    page.get_by_role("button", name="Select tasks").click()
    expect(page.get_by_role("button", name="Select all")).to_be_visible()
    expect(page.get_by_role("button", name="Change the whole list…")).to_be_hidden()
