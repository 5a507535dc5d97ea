"""The web client: actions on several tasks at once, also offline and in conflict with other edits."""

import pytest
from playwright.sync_api import expect
from web_client import row, saved

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

TASKS = "/api/v1/tasks"
BATCH = f"**{TASKS}/batch"


@pytest.fixture
def tasks(user):
    """Four tasks by title; the newest is listed first."""
    return {title: user.post(TASKS, json={"title": title}).json for title in ("One", "Two", "Three", "Four")}


@pytest.fixture
def batches(context):
    """The operations of each batch that the server answered."""
    seen = []
    context.on(
        "requestfinished",
        lambda request: (
            seen.append(request.post_data_json["operations"]) if request.url.endswith("/tasks/batch") else None
        ),
    )
    return seen


def select(page, *titles):
    """Select tasks by mouse."""
    if not bar(page).is_visible():
        page.get_by_role("button", name="Select tasks").click()
    for title in titles:
        page.get_by_role("checkbox", name=f"Select “{title}”").check()


def bar(page):
    """Return the bar with the actions."""
    return page.get_by_role("toolbar", name="Actions on the selected tasks")


def act(page, action):
    """Press a button of the bar."""
    bar(page).get_by_role("button", name=action).click()


def now(user, tasks, name):
    """Return a field of each task, in the order of the titles."""
    return [user.get(f"{TASKS}/{task['id']}").json[name] for task in tasks.values()]


@pytest.mark.usefixtures("tasks")
def test_keys_select_tasks(visit):
    page = visit("all")
    for key in ("j", "x", "j", "j", "X"):
        page.keyboard.press(key)
    expect(bar(page).get_by_role("status")).to_have_text("3 selected")
    expect(page.locator(".row .title:focus")).to_have_text("Two")
    expect(page.get_by_role("checkbox", name="Select “One”")).not_to_be_checked()
    page.keyboard.press("Space")
    expect(bar(page).get_by_role("status")).to_have_text("2 selected")
    page.keyboard.press("Escape")
    expect(bar(page)).to_be_hidden()
    expect(page.locator(".row .title:focus")).to_have_text("Four")
    expect(page.get_by_role("checkbox", name="Complete “Four”")).not_to_be_checked()


@pytest.mark.usefixtures("tasks")
def test_shift_selects_a_range(visit):
    page = visit("all")
    select(page, "Four")
    page.get_by_role("checkbox", name="Select “Two”").click(modifiers=["Shift"])
    expect(page.locator(".row[data-selected] .title")).to_have_text(["Four", "Three", "Two"])
    page.get_by_role("link", name="Three").click()  # a click on the row selects, too
    expect(page.locator(".row[data-selected] .title")).to_have_text(["Four", "Two"])
    act(page, "Select all")
    expect(bar(page).get_by_role("status")).to_have_text("4 selected")
    page.get_by_role("link", name="Today").click()
    expect(bar(page)).to_be_hidden()


def test_completion_is_one_request_and_can_be_undone(user, visit, tasks, batches):
    page = visit("all")
    select(page, "One", "Three")
    act(page, "Complete")
    expect(page.get_by_role("status").filter(has_text="Completed 2 tasks.")).to_be_visible()
    saved(page)
    assert now(user, tasks, "status") == ["done", "todo", "done", "todo"]
    sent = {(each["op"], each["id"], each["if_match"]) for each in batches[0]}
    assert sent == {("update", tasks[title]["id"], tasks[title]["version"]) for title in ("One", "Three")}
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".row .title")).to_have_text(["Four", "Three", "Two", "One"])
    saved(page)
    assert now(user, tasks, "status") == ["todo"] * 4
    assert len(batches) == 2


def test_move_label_and_due_date(user, visit, tasks):
    project = user.post("/api/v1/projects", json={"name": "Garden"}).json
    user.patch(f"{TASKS}/{tasks['One']['id']}", json={"labels": ["home"], "due_at": "2031-01-01T10:00:00Z"})
    page = visit("all")
    dialog = page.get_by_role("dialog")
    select(page, "One", "Two")
    act(page, "Move to a project")
    dialog.get_by_label("Project").select_option("Garden")
    dialog.get_by_role("button", name="Move").click()
    select(page, "One", "Two")
    act(page, "Add a label")
    dialog.get_by_label("Label").fill("errands")
    dialog.get_by_role("button", name="Add").click()
    select(page, "One", "Two")
    act(page, "Set the due date")
    dialog.get_by_label("Due date").fill("2031-03-01")
    dialog.get_by_role("button", name="Set").click()
    saved(page)
    assert now(user, tasks, "project_id") == [project["id"], project["id"], None, None]
    assert now(user, tasks, "labels") == [["errands", "home"], ["errands"], [], []]
    assert now(user, tasks, "due_date") == ["2031-03-01", "2031-03-01", None, None]
    page.get_by_role("button", name="Undo").click()
    saved(page)
    assert now(user, tasks, "due_date") == [None] * 4
    assert now(user, tasks, "due_at")[0] == "2031-01-01T10:00:00Z"


def test_deletion_of_a_parent_with_its_subtask_can_be_undone(user, visit, batches):
    parent = user.post(TASKS, json={"title": "Plan", "due_date": "2020-01-02"}).json
    child = user.post(TASKS, json={"title": "Buy", "parent_id": parent["id"], "due_date": "2020-01-01"}).json
    page = visit("overdue")
    expect(page.locator(".row .title")).to_have_text(["Buy", "Plan"])
    select(page, "Buy", "Plan")
    page.keyboard.press("Delete")
    expect(page.locator(".row")).to_have_count(0)
    saved(page)
    assert [each["id"] for each in batches[0]] == [parent["id"], child["id"]]
    assert user.get(TASKS).json["items"] == []
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".row .title")).to_have_text(["Buy", "Plan"])
    saved(page)
    restored = {each["title"]: each["parent_id"] for each in user.get(TASKS).json["items"]}
    assert restored == {"Plan": None, "Buy": parent["id"]}


def test_subtasks_move_with_their_parent(user, visit):
    project = user.post("/api/v1/projects", json={"name": "Garden"}).json
    parent = user.post(TASKS, json={"title": "Plan", "due_date": "2031-01-01"}).json
    child = user.post(TASKS, json={"title": "Buy", "parent_id": parent["id"], "due_date": "2031-01-01"}).json
    page = visit("upcoming")
    select(page, "Buy", "Plan")
    act(page, "Move to a project")
    page.get_by_role("dialog").get_by_label("Project").select_option("Garden")
    page.get_by_role("dialog").get_by_role("button", name="Move").click()
    saved(page)
    moved = user.get(f"{TASKS}/{child['id']}").json
    assert (moved["project_id"], moved["parent_id"]) == (project["id"], parent["id"])


def test_conflict_is_reported_at_its_task(user, context, visit, tasks, batches):
    page = visit("all?done=1")
    context.set_offline(True)
    select(page, "One", "Two", "Three")
    act(page, "Set the due date")
    page.get_by_role("dialog").get_by_label("Due date").fill("2031-03-01")
    page.get_by_role("dialog").get_by_role("button", name="Set").click()
    user.patch(f"{TASKS}/{tasks['Two']['id']}", json={"due_date": "2032-01-01"})  # conflicts
    user.patch(f"{TASKS}/{tasks['Three']['id']}", json={"priority": "high"})  # can be merged
    context.set_offline(False)
    expect(row(page, "Two")).to_contain_text("Needs review")
    expect(row(page, "One")).not_to_contain_text("Not saved yet")
    expect(row(page, "Three")).not_to_contain_text("Not saved yet")
    expect(page.get_by_text("Needs review")).to_have_count(1)
    assert len(batches) == 1
    assert now(user, tasks, "due_date") == ["2031-03-01", "2032-01-01", "2031-03-01", None]
    assert now(user, tasks, "priority")[2] == "high"


def test_offline_actions_are_sent_later_and_once(user, context, visit, tasks, batches):
    page = visit("all")
    context.set_offline(True)
    select(page, "One", "Two")
    act(page, "Complete")
    select(page, "Three", "Four")
    act(page, "Delete")
    expect(page.locator(".row")).to_have_count(2)
    expect(page.get_by_role("button", name="Offline")).to_contain_text("4 waiting")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".row")).to_have_count(4)
    page.close()
    batches.clear()
    context.set_offline(False)
    page = visit("all")
    saved(page)
    assert now(user, tasks, "status") == ["done", "done", "todo", "todo"]
    assert now(user, tasks, "deleted_at") == [None] * 4
    assert [[each["op"] for each in batch] for batch in batches] == [["update", "update"]]


@pytest.mark.parametrize("action", ["Complete", "Delete"])
def test_lost_response_is_repeated_without_harm(user, context, visit, tasks, action):
    page = visit("all")

    def lose(route):
        route.fetch()
        route.abort()

    context.route(BATCH, lose, times=1)
    select(page, "One", "Two")
    act(page, action)
    expect(page.locator(".row")).to_have_count(2)
    saved(page)
    expect(page.get_by_text("Needs review")).to_have_count(0)
    done = user.get(f"{TASKS}?status=done").json["items"]
    deleted = user.get(f"{TASKS}?deleted=true").json["items"]
    titles = {each["title"] for each in (done if action == "Complete" else deleted)}
    assert (titles, len(done) + len(deleted)) == ({"One", "Two"}, 2)


def test_busy_server_gets_the_batch_again(user, context, visit, tasks, batches):
    page = visit("all")
    busy = {"status": 503, "headers": {"Retry-After": "1"}, "json": {"code": "unavailable"}}
    context.route(BATCH, lambda route: route.fulfill(**busy), times=1)
    select(page, "One", "Two")
    act(page, "Complete")
    saved(page)
    assert now(user, tasks, "status") == ["done", "done", "todo", "todo"]
    assert len(batches) == 2


def test_label_is_removed_from_the_selected_tasks(user, visit):
    for title, labels in {"One": ["home", "dull"], "Two": ["home"], "Three": ["garden"], "Four": ["home"]}.items():
        user.post(TASKS, json={"title": title, "labels": labels})
    page = visit("all")
    select(page, "One", "Two")
    act(page, "Remove a label")
    dialog = page.get_by_role("dialog", name="Remove a label")
    expect(dialog.get_by_label("Label").get_by_role("option")).to_have_text(["dull", "home"])
    dialog.get_by_label("Label").select_option("home")
    dialog.get_by_role("button", name="Remove").click()
    saved(page)
    labels = {task["title"]: task["labels"] for task in user.get(TASKS).json["items"]}
    assert labels == {"One": ["dull"], "Two": [], "Three": ["garden"], "Four": ["home"]}


def test_selected_tasks_of_the_trash_are_restored(user, visit, tasks):
    for task in tasks.values():
        user.delete(f"{TASKS}/{task['id']}")
    page = visit("trash")
    select(page, "One", "Three")
    expect(bar(page).get_by_role("button", name="Delete")).to_be_hidden()
    page.keyboard.press("Delete")
    act(page, "Restore")
    expect(page.locator(".row")).to_have_count(2)
    saved(page)
    assert {task["title"] for task in user.get(TASKS).json["items"]} == {"One", "Three"}


def test_viewer_has_no_selection(signed_in, visit):
    page = visit("all", who=signed_in("viewer"))
    page.keyboard.press("x")
    expect(page.get_by_role("heading", name="All tasks")).to_be_visible()
    expect(page.get_by_role("button", name="Select tasks")).to_have_count(0)
    expect(bar(page)).to_be_hidden()
