"""The web client: the manual order, by mouse, finger and keyboard."""

import pytest
from playwright.sync_api import expect
from web_client import add, row, saved

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

TASKS = "/api/v1/tasks"
LETTERS = ["A", "B", "C", "D"]


@pytest.fixture
def project(user):
    """A project with four tasks."""
    project = user.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    for title in LETTERS:
        user.post(TASKS, json={"title": title, "project_id": project})
    return project


@pytest.fixture
def parent(user):
    """A task with four subtasks."""
    parent = user.post(TASKS, json={"title": "Parent"}).json["id"]
    for title in LETTERS:
        user.post(TASKS, json={"title": title, "parent_id": parent})
    return parent


def stored(user, **group):
    """Return the titles of a group on the server, in order."""
    items = user.get(TASKS, query_string={"sort": "position", **group}).json["items"]
    return [item["title"] for item in items]


def titles(page):
    return page.locator(".row .title")


def handle(item):
    return item.locator(".handle")


def drag(page, item, onto, drop=True):
    """Drag an item by its handle to the middle of another one, with the mouse."""
    start, end = handle(item).bounding_box(), onto.bounding_box()
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(start["x"], (start["y"] + end["y"]) / 2, steps=4)
    page.mouse.move(start["x"], end["y"] + end["height"] / 2 + (2 if end["y"] > start["y"] else -2), steps=4)
    if drop:
        page.mouse.up()


def subtask(page, title):
    return page.locator(".subtasks li", has=page.get_by_role("link", name=title, exact=True))


def test_manual_order_is_chosen_in_projects_and_the_inbox(visit, project):
    page = visit(f"project/{project}")
    expect(titles(page)).to_have_text(LETTERS[::-1])
    expect(page.locator(".handle")).to_have_count(0)
    page.get_by_role("button", name="Sort and filter").click()
    sort = page.get_by_role("form", name="Sort and filter").get_by_label("Sort by")
    sort.select_option("Manual")
    expect(titles(page)).to_have_text(LETTERS)
    expect(page.locator(".handle")).to_have_count(4)
    expect(page.get_by_role("button", name="Ascending")).to_have_count(0)
    page.reload()
    expect(titles(page)).to_have_text(LETTERS)
    add(page, "E")
    expect(titles(page)).to_have_text([*LETTERS, "E"])
    inbox = visit("inbox?sort=position")
    expect(inbox.locator("main h1")).to_have_text("Inbox")
    inbox.get_by_role("button", name="Sort and filter").click()
    expect(inbox.get_by_label("Sort by")).to_have_value("position")
    everything = visit("all?sort=position")
    everything.get_by_role("button", name="Sort and filter").click()
    expect(everything.get_by_label("Sort by").get_by_role("option", name="Manual")).to_have_count(0)
    expect(everything.locator(".handle")).to_have_count(0)


def test_drag_moves_a_task_and_undo_moves_it_back(user, visit, project):
    page = visit(f"project/{project}?sort=position")
    drag(page, row(page, "A"), row(page, "C"))
    expect(titles(page)).to_have_text(["B", "C", "A", "D"])
    expect(page.get_by_role("status").filter(has_text="Moved “A” to place 3 of 4.")).to_be_visible()
    saved(page)
    assert stored(user, project_id=project) == ["B", "C", "A", "D"]
    drag(page, row(page, "D"), row(page, "B"))
    expect(titles(page)).to_have_text(["D", "B", "C", "A"])
    page.get_by_role("button", name="Undo").click()
    expect(titles(page)).to_have_text(["B", "C", "A", "D"])
    saved(page)
    assert stored(user, project_id=project) == ["B", "C", "A", "D"]


def test_buttons_move_a_task_without_a_drag(user, visit, project):
    page = visit(f"project/{project}?sort=position")
    handle(row(page, "A")).click()
    dialog = page.get_by_role("dialog", name="Move “A”")
    expect(dialog.get_by_role("status")).to_have_text("Place 1 of 4.")
    expect(dialog.get_by_role("button", name="Up")).to_have_attribute("aria-disabled", "true")
    expect(dialog.get_by_role("button", name="Down")).to_be_focused()
    dialog.get_by_role("button", name="Down").click()
    dialog.get_by_role("button", name="Down").press("Enter")
    expect(dialog.get_by_role("status")).to_have_text("Place 3 of 4.")
    expect(titles(page)).to_have_text(["B", "C", "A", "D"])
    dialog.get_by_role("button", name="To the bottom").click()
    dialog.get_by_role("button", name="Down").press("Enter")  # it is the last one
    expect(dialog.get_by_role("status")).to_have_text("Place 4 of 4.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Move “A”")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="To the top").press("Enter")
    saved(page)
    assert stored(user, project_id=project) == LETTERS
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Undo").click()
    expect(titles(page)).to_have_text(["B", "C", "D", "A"])


def test_buttons_move_a_subtask(user, visit, parent):
    page = visit(f"all?task={parent}")
    handle(subtask(page, "B")).click()
    page.get_by_role("dialog", name="Move “B”").get_by_role("button", name="Up").click()
    saved(page)
    assert stored(user, parent_id=parent) == ["B", "A", "C", "D"]


def test_escape_cancels_a_drag(user, visit, project):
    page = visit(f"project/{project}?sort=position")
    drag(page, row(page, "A"), row(page, "D"), drop=False)
    expect(titles(page)).to_have_text(["B", "C", "D", "A"])
    page.keyboard.press("Escape")
    expect(titles(page)).to_have_text(LETTERS)
    page.mouse.up()
    saved(page)
    assert stored(user, project_id=project) == LETTERS


def test_list_keeps_a_drag_while_changes_arrive(user, visit, project):
    page = visit(f"project/{project}?sort=position")
    drag(page, row(page, "A"), row(page, "D"), drop=False)
    user.post(TASKS, json={"title": "E", "project_id": project})
    with page.expect_response("**/api/v1/tasks?*"):
        page.evaluate("dispatchEvent(new Event('focus'))")
    expect(titles(page)).to_have_text(["B", "C", "D", "A"])
    page.mouse.up()
    expect(titles(page)).to_have_text(["B", "C", "D", "A", "E"])
    saved(page)
    assert stored(user, project_id=project) == ["B", "C", "D", "A", "E"]


def test_finger_drags_a_task(user, visit, project):
    """A touch on the handle drags; the page does not scroll."""
    page = visit(f"project/{project}?sort=position")
    page.set_viewport_size({"width": 390, "height": 780})
    start, end = handle(row(page, "D")).bounding_box(), row(page, "A").bounding_box()
    session = page.context.new_cdp_session(page)
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 9):
        at = y + (end["y"] + 2 - y) * step / 8
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": at}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(titles(page)).to_have_text(["D", "A", "B", "C"])
    saved(page)
    assert stored(user, project_id=project) == ["D", "A", "B", "C"]


def test_alt_and_arrows_move_the_focused_task(user, visit, project):
    page = visit(f"project/{project}?sort=position")
    link = page.get_by_role("link", name="C", exact=True)
    link.focus()
    for key, order in (
        ("Alt+ArrowUp", ["A", "C", "B", "D"]),
        ("Alt+ArrowUp", ["C", "A", "B", "D"]),
        ("Alt+ArrowUp", ["C", "A", "B", "D"]),
        ("Alt+ArrowDown", ["A", "C", "B", "D"]),
    ):
        page.keyboard.press(key)
        expect(titles(page)).to_have_text(order)
        expect(link).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="Moved “C” to place 2 of 4.")).to_be_visible()
    saved(page)
    assert stored(user, project_id=project) == ["A", "C", "B", "D"]
    page.keyboard.press("u")
    expect(titles(page)).to_have_text(["C", "A", "B", "D"])
    saved(page)
    assert stored(user, project_id=project) == ["C", "A", "B", "D"]


def test_alt_and_arrows_move_nothing_in_another_order(user, visit, project):
    page = visit(f"project/{project}")
    page.get_by_role("link", name="B", exact=True).focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(titles(page)).to_have_text(LETTERS[::-1])
    saved(page)
    assert stored(user, project_id=project) == LETTERS


def test_moves_offline_are_shown_and_sent_later(user, context, visit, project):
    page = visit(f"project/{project}?sort=position")
    context.set_offline(True)
    add(page, "E")
    expect(titles(page)).to_have_text([*LETTERS, "E"])
    page.get_by_role("link", name="E", exact=True).focus()
    page.keyboard.press("Alt+ArrowUp")
    page.get_by_role("link", name="A", exact=True).focus()
    for _ in range(3):
        page.keyboard.press("Alt+ArrowDown")
    expected = ["B", "C", "D", "A", "E"]
    expect(titles(page)).to_have_text(["B", "C", "E", "A", "D"])
    page.keyboard.press("Alt+ArrowUp")
    expected = ["B", "C", "A", "E", "D"]
    expect(titles(page)).to_have_text(expected)
    requests = []
    page.on("request", lambda request: requests.append(request.url) if request.url.endswith("/move") else None)
    context.set_offline(False)
    saved(page)
    assert stored(user, project_id=project) == expected
    expect(titles(page)).to_have_text(expected)
    assert len(requests) == 2


def test_move_beside_a_deleted_task_is_reported(user, context, visit, project):
    page = visit(f"project/{project}?sort=position")
    context.set_offline(True)
    page.get_by_role("link", name="D", exact=True).focus()
    page.keyboard.press("Alt+ArrowUp")
    beside = user.get(TASKS, query_string={"q": "B", "project_id": project}).json["items"][0]["id"]
    user.delete(f"{TASKS}/{beside}")
    context.set_offline(False)
    expect(row(page, "D")).to_contain_text("Needs review")
    expect(titles(page)).to_have_text(["A", "C", "D"])
    page.get_by_role("button", name="1 to review").click()
    page.get_by_role("button", name="Discard").click()
    expect(row(page, "D")).not_to_contain_text("Needs review")
    assert stored(user, project_id=project) == ["A", "C", "D"]


def test_subtasks_are_moved_by_drag_and_keyboard(user, visit, parent):
    page = visit(f"inbox?task={parent}")
    expect(page.locator(".subtasks a")).to_have_text(LETTERS)
    drag(page, subtask(page, "D"), subtask(page, "A"))
    expect(page.locator(".subtasks a")).to_have_text(["D", "A", "B", "C"])
    link = page.locator(".subtasks").get_by_role("link", name="A", exact=True)
    link.focus()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator(".subtasks a")).to_have_text(["D", "B", "A", "C"])
    expect(link).to_be_focused()
    saved(page)
    assert stored(user, parent_id=parent) == ["D", "B", "A", "C"]


def test_viewer_cannot_move(signed_in, context, visit):
    viewer = signed_in("viewer")
    page = visit("inbox?sort=position", who=viewer, within=context)
    expect(page.locator(".handle")).to_have_count(0)
