"""The web client: tasks, projects and labels, by keyboard, mouse and touch."""

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect
from servers import wait_until
from web_client import add, row, saved, sign_in_by_cookies

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

TASKS = "/api/v1/tasks"


@pytest.fixture
def task(user):
    """A task of the user."""
    return user.post(TASKS, json={"title": "Water the plants"}).json


def test_quick_add_saves_the_recognized_fields(user, visit):
    page = visit("all")
    add(page, "Buy bulbs !high @home @errands #Garden 2031-03-01")
    expect(row(page, "Buy bulbs")).to_contain_text("Garden")
    saved(page)
    [task] = user.get(TASKS).json["items"]
    assert (task["title"], task["priority"], task["labels"]) == ("Buy bulbs", "high", ["errands", "home"])
    assert task["due_date"] == "2031-03-01"
    assert user.get(f"/api/v1/projects/{task['project_id']}").json["name"] == "Garden"


def test_text_has_the_direction_of_its_first_letter(user, visit):
    project = user.post("/api/v1/projects", json={"name": "גינה", "description": "צמחים"}).json
    values = {"title": "מים (2)", "description": "כן: https://example.org/", "labels": ["בית"]}
    task = user.post(TASKS, json={**values, "project_id": project["id"]}).json
    user.post(TASKS, json={"title": "קש (3)", "parent_id": task["id"]})
    page = visit(f"all?task={task['id']}")
    pane, lists = page.get_by_role("complementary", name="Task"), page.get_by_role("navigation", name="Lists")
    listed = page.locator(f".row[data-id='{task['id']}']")
    page.get_by_label("Add a task").fill("לחם!")
    for element in (
        listed.get_by_role("link", name=values["title"]),
        listed.get_by_text("גינה"),
        listed.get_by_text("בית"),
        page.get_by_label("Add a task"),
        pane.get_by_label("Title", exact=True),
        pane.get_by_label("Description", exact=True),
        pane.locator(".link-layer"),
        pane.get_by_text("בית"),
        pane.get_by_role("link", name="קש (3)"),
        lists.get_by_text("גינה"),
        lists.get_by_text("בית"),
    ):
        expect(element).to_have_css("direction", "rtl")
    expect(lists.get_by_text("Inbox")).to_have_css("direction", "ltr")
    listed.get_by_role("link").focus()
    page.keyboard.press("e")
    expect(page.get_by_label(f"Title of “{values['title']}”")).to_have_css("direction", "rtl")
    page.keyboard.press("Escape")
    lists.get_by_text("גינה").click()
    expect(page.get_by_role("heading", name="גינה")).to_have_css("direction", "rtl")
    expect(page.locator(".note")).to_have_css("direction", "rtl")
    page.get_by_role("button", name="Edit project").click()
    for label in ("Name", "Description"):
        expect(page.get_by_role("dialog").get_by_label(label)).to_have_css("direction", "rtl")


def test_quick_add_chip_can_be_removed(user, visit):
    page = visit("all")
    chips = page.get_by_role("group", name="Recognized").locator(".chip")
    page.get_by_label("Add a task").fill("Order #42 for Saturday at 9:30 !high @home #Garden 1 March 2031 at 18:30")
    expect(chips).to_have_text(["high×", "@home×", "New project “Garden”×", "1 Mar 2031, 18:30×"])
    page.get_by_role("button", name="Keep “1 March 2031 at 18:30” in the title").click()
    page.get_by_role("button", name="Keep “#Garden” in the title").click()
    expect(chips).to_have_text(["high×", "@home×"])
    expect(page.get_by_label("Add a task")).to_be_focused()
    page.reload()
    expect(chips).to_have_text(["high×", "@home×"])
    page.get_by_label("Add a task").press("Enter")
    expect(chips).to_have_count(0)
    saved(page)
    [task] = user.get(TASKS).json["items"]
    assert task["title"] == "Order #42 for Saturday at 9:30 #Garden 1 March 2031 at 18:30"
    assert (task["priority"], task["labels"], task["due_at"], task["project_id"]) == ("high", ["home"], None, None)


def test_quick_add_suggests_projects_and_labels(user, visit):
    user.post("/api/v1/projects", json={"name": "The Shop"})
    user.post("/api/v1/projects", json={"name": "The Attic", "archived": True})
    user.post("/api/v1/labels", json={"name": "thursdays"})
    page = visit("all")
    line = page.get_by_label("Add a task")
    for typed, name, written in (("#th", "The Shop", 'Milk #"The Shop" '), ("@th", "thursdays", "Milk @thursdays ")):
        line.fill("")
        line.press_sequentially(f"Milk {typed}")
        expect(page.get_by_role("option")).to_have_text([name])
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(line).to_have_value(written)


def test_quick_add_keeps_a_title_that_is_too_long(user, visit):
    page = visit("all")
    add(page, "a" * 201)
    expect(page.get_by_text("A title must have at most 200 characters.")).to_be_visible()
    expect(page.get_by_label("Add a task")).to_have_value("a" * 201)
    assert user.get(TASKS).json["items"] == []


@pytest.mark.usefixtures("stable_day")
def test_quick_add_reports_a_task_outside_the_view(visit):
    page = visit("today")
    add(page, "Oil the gate tomorrow")
    expect(page.get_by_role("status").filter(has_text="Task added. Due: Tomorrow.")).to_be_visible()


def test_completion_by_mouse_or_touch_can_be_undone(browser, user, visit, task, subtests):
    touch = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    mouse = browser.new_context()
    for context, press in ((mouse, "click"), (touch, "tap")):
        page = visit(f"all?task={task['id']}", within=context)
        if press == "tap":
            page.get_by_role("button", name="Close task").tap()
        with subtests.test(press=press):
            getattr(page.locator("main").get_by_role("checkbox", name="Water the plants"), press)()
            expect(page.get_by_role("status").filter(has_text="Completed “Water the plants”.")).to_be_visible()
            saved(page)
            assert user.get(f"{TASKS}/{task['id']}").json["status"] == "done"
            getattr(page.get_by_role("button", name="Undo"), press)()
            expect(row(page, "Water the plants")).to_have_count(1)
            saved(page)
            assert user.get(f"{TASKS}/{task['id']}").json["status"] == "todo"
        context.close()


@pytest.mark.parametrize("leave", ["pointer", "focus"])
def test_toast_disappears_after_it_was_used(site, context, user, task, leave):
    sign_in_by_cookies(context, site, user.username)
    page = context.new_page()
    page.clock.install()
    page.goto(f"{site}/#/all")
    page.get_by_role("checkbox", name="Water the plants").click()
    undo = page.get_by_role("button", name="Undo")
    undo.hover() if leave == "pointer" else undo.focus()
    page.clock.fast_forward(60_000)
    expect(undo).to_be_visible()
    page.mouse.move(0, 0) if leave == "pointer" else undo.blur()
    expect(undo).to_be_visible()
    page.clock.fast_forward(8_000)
    expect(undo).to_have_count(0)


def test_completion_in_the_detail_pane_can_be_undone(user, visit, task):
    user.post(TASKS, json={"title": "Fill the can", "parent_id": task["id"]})
    page = visit(f"all?task={task['id']}")
    pane = page.get_by_role("complementary")
    for title in ("Fill the can", "Water the plants"):
        pane.get_by_role("checkbox", name=title).click()
        expect(page.get_by_role("status").filter(has_text=f"Completed “{title}”.")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        saved(page)
    assert {each["status"] for each in user.get(TASKS).json["items"]} == {"todo"}


def test_checkbox_completes_a_task(user, visit, task):
    page = visit("all")
    page.get_by_role("checkbox", name="Water the plants").click()
    expect(row(page, "Water the plants")).to_have_count(0)
    assert user.get(f"{TASKS}/{task['id']}").json["status"] == "done"


def test_deletion_can_be_undone(user, visit, task):
    page = visit("all")
    page.get_by_role("link", name="Water the plants").focus()
    page.keyboard.press("Delete")
    expect(row(page, "Water the plants")).to_have_count(0)
    saved(page)
    assert user.get(f"{TASKS}/{task['id']}").json["deleted_at"]
    page.get_by_role("button", name="Undo").click()
    expect(row(page, "Water the plants")).to_have_count(1)
    saved(page)
    assert user.get(f"{TASKS}/{task['id']}").json["deleted_at"] is None


@pytest.fixture
def three(user):
    """Three tasks of the user; the newest is listed first."""
    return [user.post(TASKS, json={"title": title}).json for title in ("One", "Two", "Three")]


def focused(page):
    """Return the focused title."""
    return page.locator(".row .title:focus")


def test_keys_move_through_the_list(visit, three):
    page = visit("all")
    for key, title in {"j": "Three", "ArrowDown": "Two", "k": "Three"}.items():
        page.keyboard.press(key)
        expect(focused(page)).to_have_text(title)


def test_arrow_keys_scroll_a_page_without_a_list(visit, three):
    page = visit("all")
    page.set_viewport_size({"width": 1000, "height": 400})
    page.get_by_role("link", name="Ada").click()
    heading = page.get_by_role("heading", name="Ada")
    expect(heading).to_be_focused()
    top = heading.bounding_box()["y"]
    page.keyboard.press("ArrowDown")
    wait_until(lambda: heading.bounding_box()["y"] < top)


def test_title_is_edited_inline_by_keyboard(user, visit, three):
    page = visit("all")
    for key in ("j", "e"):
        page.keyboard.press(key)
    page.keyboard.type("Three and a half")
    page.keyboard.press("Enter")
    expect(focused(page)).to_have_text("Three and a half")
    page.keyboard.press("e")
    page.keyboard.type("Something else")
    page.keyboard.press("Escape")
    expect(focused(page)).to_have_text("Three and a half")
    saved(page)
    assert user.get(f"{TASKS}/{three[2]['id']}").json["title"] == "Three and a half"


def test_task_is_opened_and_closed_by_keyboard(visit, three):
    page = visit("all")
    for key in ("j", "j", "Enter"):
        page.keyboard.press(key)
    title = page.get_by_role("complementary").get_by_label("Title", exact=True)
    expect(title).to_have_value("Two")
    expect(page.get_by_role("complementary")).to_be_focused()
    page.keyboard.press("e")
    expect(title).to_be_focused()
    page.keyboard.press("Escape")
    expect(title).to_have_count(0)
    expect(focused(page)).to_have_text("Two")


def test_focus_moves_to_the_next_task_after_completion(user, visit, three):
    page = visit("all")
    for key in ("j", "Space"):
        page.keyboard.press(key)
    expect(focused(page)).to_have_text("Two")
    page.keyboard.press("Delete")
    expect(focused(page)).to_have_text("One")
    page.keyboard.press("u")
    expect(page.locator(".row .title")).to_have_text(["Two", "One"])
    saved(page)
    tasks = user.get(TASKS).json["items"]
    assert {each["title"]: each["status"] for each in tasks} == {"One": "todo", "Two": "todo", "Three": "done"}


# At once: the second key must follow within 1.2 seconds
PRESS_G_AND_T = """
for (const key of ["g", "t"]) document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
"""


def test_keys_open_views_and_dialogs(visit, three):
    page = visit("all")
    page.keyboard.press("n")
    expect(page.get_by_label("Add a task")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("thre")
    expect(page.get_by_role("heading", name="“thre”")).to_be_visible()
    expect(page.locator(".row .title")).to_have_text(["Three"])
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.evaluate(PRESS_G_AND_T)
    expect(page.get_by_role("heading", name="Today")).to_be_focused()


def test_detail_pane_saves_every_field(user, visit, task):
    project = user.post("/api/v1/projects", json={"name": "Garden"}).json
    parent = user.post(TASKS, json={"title": "Summer", "project_id": project["id"]}).json
    page = visit(f"all?task={task['id']}")
    pane = page.get_by_role("complementary")
    pane.get_by_label("Title", exact=True).fill("Water the roses")
    pane.get_by_label("Description").fill("Twice\na day")
    pane.get_by_label("Status").select_option("In progress")
    pane.get_by_label("Priority").select_option("Urgent")
    pane.get_by_label("Due", exact=True).fill("2031-03-01")
    pane.get_by_label("Due time").fill("18:30")
    pane.get_by_label("Project").select_option("Garden")
    pane.get_by_label("Parent task").focus()
    pane.get_by_label("Parent task").select_option("Summer")
    for name in ("home", "balcony"):
        pane.get_by_label("Labels").fill(name)
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    saved(page)
    now = user.get(f"{TASKS}/{task['id']}").json
    names = ("title", "description", "status", "priority", "due_date", "due_at", "project_id", "parent_id", "labels")
    assert tuple(now[name] for name in names) == (
        "Water the roses", "Twice\na day", "in_progress", "urgent", None, "2031-03-01T18:30:00Z",
        project["id"], parent["id"], ["balcony", "home"],
    )  # fmt: skip


def test_subtask_leaves_its_parent_when_its_project_changes(user, context, visit, task):
    project = user.post("/api/v1/projects", json={"name": "Garden"}).json
    part = user.post(TASKS, json={"title": "Fill the can", "parent_id": task["id"]}).json
    page = visit(f"all?task={part['id']}")
    pane = page.get_by_role("complementary")
    expect(pane.get_by_label("Parent task")).to_have_value(task["id"])
    context.set_offline(True)
    pane.get_by_label("Description").fill("To the brim")
    pane.get_by_label("Description").blur()
    pane.get_by_label("Project").select_option("Garden")
    expect(pane.get_by_label("Parent task")).to_have_value("")
    context.set_offline(False)
    saved(page)
    now = user.get(f"{TASKS}/{part['id']}").json
    assert (now["project_id"], now["parent_id"], now["description"]) == (project["id"], None, "To the brim")


def test_fields_can_be_cleared(user, visit):
    values = {"title": "Call", "due_at": "2031-03-01T18:30:00Z", "labels": ["home"], "description": "Soon"}
    task = user.post(TASKS, json=values).json
    page = visit(f"all?task={task['id']}")
    page.get_by_role("button", name="Clear due date").click()
    page.get_by_role("button", name="Remove label home").click()
    page.get_by_label("Description").fill("")
    page.keyboard.press("Escape")
    saved(page)
    now = user.get(f"{TASKS}/{task['id']}").json
    assert (now["due_date"], now["due_at"], now["labels"], now["description"]) == (None, None, [], "")


def test_delete_keys_act_on_the_focused_part_of_the_pane(user, visit):
    task = user.post(TASKS, json={"title": "Call", "labels": ["home", "phone"]}).json
    page = visit(f"all?task={task['id']}")
    pane = page.get_by_role("complementary", name="Task")
    for name, key in {"home": "Backspace", "phone": "Delete"}.items():
        button = pane.get_by_role("button", name=f"Remove label {name}")
        button.press(key)
        expect(button).to_have_count(0)
        expect(pane.get_by_label("Labels")).to_be_focused()
    for key in ("Backspace", "Delete"):
        pane.get_by_role("button", name="Close task").press(key)
    saved(page)
    now = user.get(f"{TASKS}/{task['id']}").json
    assert (now["labels"], now["deleted_at"]) == ([], None)
    pane.press("Delete")
    saved(page)
    assert user.get(f"{TASKS}/{task['id']}").json["deleted_at"]


def test_subtasks_are_added_completed_and_opened(user, visit, task):
    page = visit(f"all?task={task['id']}")
    pane = page.get_by_role("complementary")
    for title in ("Fill the can", "Carry it"):
        pane.get_by_label("Add a subtask").fill(title)
        page.keyboard.press("Enter")
    pane.get_by_role("checkbox", name="Fill the can").click()
    expect(pane.get_by_text("1 of 2")).to_be_visible()
    saved(page)
    parts = user.get(f"{TASKS}?parent_id={task['id']}&sort=created_at").json["items"]
    assert [(each["title"], each["status"]) for each in parts] == [("Fill the can", "done"), ("Carry it", "todo")]
    pane.get_by_role("link", name="Carry it").click()
    expect(pane.get_by_label("Title", exact=True)).to_have_value("Carry it")
    page.go_back()
    expect(pane.get_by_label("Title", exact=True)).to_have_value("Water the plants")


def test_unknown_account_time_zone_is_shown_as_utc(signed_in, visit):
    user = signed_in(timezone="localtime")
    user.post(TASKS, json={"title": "Call", "due_at": "2031-03-01T23:30:00Z"})
    page = visit("all", who=user)
    expect(row(page, "Call")).to_contain_text("1 Mar 2031, 23:30")
    page.get_by_role("link", name=user.username).click()
    expect(page.get_by_text("This browser does not know your time zone. Dates are shown in UTC.")).to_be_visible()


LOCALES = {
    "en-US": ["Tomorrow, 6:30 PM", "Mar 1, 2031, 6:30 PM", "Mar 2, 2031"],
    "de-DE": ["Morgen, 18:30", "1. März 2031, 18:30", "2. März 2031"],
}


@pytest.mark.usefixtures("stable_day")
@pytest.mark.parametrize("locale", LOCALES)
def test_dates_follow_the_browser_locale(browser, user, visit, locale):
    tomorrow = str(datetime.now(UTC).date() + timedelta(days=1))
    dues = {"due_at": f"{tomorrow}T18:30:00Z"}, {"due_at": "2031-03-01T18:30:00Z"}, {"due_date": "2031-03-02"}
    for due in dues:
        user.post(TASKS, json={"title": "Call", **due})
    context = browser.new_context(locale=locale)
    page = visit("all", within=context)
    expect(page.locator(".chip.due")).to_have_text([*reversed(LOCALES[locale])])
    context.close()


@pytest.mark.usefixtures("stable_day")
def test_lists_are_grouped_by_due_day(user, visit):
    for title, due in {"Late": "2020-01-01", "Later": "2031-01-01"}.items():
        user.post(TASKS, json={"title": title, "due_date": due})
    page = visit("today")
    add(page, "Now")
    saved(page)
    expect(page.locator(".part, .row .title")).to_have_text(["Overdue", "Late", "Today", "Now"])
    page.get_by_role("link", name="Upcoming").click()
    expect(page.locator(".part, .row .title")).to_have_text(["1 Jan 2031", "Later"])
    page.get_by_role("link", name="Overdue").click()
    expect(page.locator(".row .title")).to_have_text(["Late"])


@pytest.mark.usefixtures("stable_day")
def test_overdue_task_is_counted_only_as_overdue(user, visit):
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    dues = {
        "Today": {"due_date": str(day.date())},
        "Tonight": {"due_at": (day + timedelta(hours=23, minutes=59, seconds=59)).isoformat()},
        "Midnight": {"due_at": day.isoformat()},
        "Yesterday": {"due_date": str(day.date() - timedelta(days=1))},
    }
    for title, due in dues.items():
        user.post(TASKS, json={"title": title, **due})
    page = visit("today")
    lists = page.get_by_role("navigation", name="Lists")
    titles = page.locator(".part, .row .title")
    expect(titles).to_have_text(["Overdue", "Yesterday", "Midnight", "Today", "Tonight", "Today"])
    expect(lists.get_by_role("link", name="Today 2 open")).to_be_visible()
    lists.get_by_role("link", name="Overdue 2 open").click()
    expect(page.locator(".row .title")).to_have_text(["Yesterday", "Midnight"])


@pytest.mark.usefixtures("stable_day")
def test_lists_and_counts_follow_a_time_zone_change(user, visit):
    now = datetime.now(UTC)
    zone = "Pacific/Kiritimati" if now.hour >= 10 else "Pacific/Pago_Pago"  # where it is another day than by UTC
    user.post(TASKS, json={"title": "Call", "due_date": str(now.astimezone(ZoneInfo(zone)).date())})
    page = visit("today")
    lists = page.get_by_role("navigation", name="Lists")
    expect(lists.get_by_role("link", name="Today", exact=True)).to_be_visible()
    lists.get_by_role("link", name="Ada").click()
    page.get_by_label("Time zone").select_option(zone)
    page.get_by_role("button", name="Save profile").click()
    page.get_by_text("Profile saved.").wait_for()
    lists.get_by_role("link", name="Today 1 open").click()
    expect(page.locator(".part, .row .title")).to_have_text(["Today", "Call"])


ZONES = ("America/Los_Angeles", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/Santiago")


@pytest.mark.usefixtures("stable_day")
@pytest.mark.parametrize("name", ZONES)
def test_today_ends_at_midnight_of_the_account(signed_in, visit, name):
    user, zone = signed_in(timezone=name), ZoneInfo(name)
    today = datetime.now(zone).date()
    last = datetime.combine(today, time(23, 59, 59), zone)
    dues = {
        "Last second": {"due_at": last.isoformat()},
        "All day": {"due_date": str(today)},
        "Next second": {"due_at": (last.astimezone(UTC) + timedelta(seconds=1)).isoformat()},
        "Next day": {"due_date": str(today + timedelta(days=1))},
    }
    for title, due in dues.items():
        user.post(TASKS, json={"title": title, **due})
    page = visit("today", who=user)
    expect(page.locator(".row .title")).to_have_text(["Last second", "All day"])
    lists = page.get_by_role("navigation", name="Lists")
    expect(lists.get_by_role("link", name="Today 2 open")).to_be_visible()
    lists.get_by_role("link", name="Upcoming").click()
    expect(page.locator(".part, .row .title")).to_have_text(["Tomorrow", "Next second", "Next day"])


@pytest.mark.usefixtures("stable_day")
def test_task_becomes_overdue_while_the_page_is_open(user, visit):
    soon = datetime.now(UTC) + timedelta(minutes=5)
    user.post(TASKS, json={"title": "Call", "due_at": soon.isoformat()})
    page = visit("all")
    page.clock.install()
    page.reload()
    expect(page.locator(".chip.due")).to_be_visible()
    expect(page.locator(".chip.due")).not_to_have_attribute("data-when", "overdue")
    page.clock.fast_forward("06:00")
    expect(page.locator(".chip.due")).to_have_attribute("data-when", "overdue")


def test_escape_leaves_the_search(visit, three):
    page = visit("inbox")
    page.keyboard.press("/")
    page.keyboard.type("thre")
    expect(page.locator(".row .title")).to_have_text(["Three"])
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Inbox")).to_be_focused()
    expect(page.get_by_label("Search tasks")).to_have_value("")
    page.keyboard.press("/")
    page.keyboard.type("two")
    page.keyboard.press("Enter")
    expect(page.locator(".row .title")).to_have_text(["Two"])
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Inbox")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Inbox")).to_be_focused()


def test_typed_search_sends_one_request(visit, three):
    page = visit("inbox")
    page.clock.install()
    page.reload()
    page.locator("main h1").wait_for()
    page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))  # the delay does not end while the keys are typed
    requests = []
    page.on("request", lambda request: requests.append(request.url) if "?q=" in request.url else None)
    page.get_by_label("Search tasks").press_sequentially("three")
    page.clock.run_for(500)
    expect(page.locator(".row .title")).to_have_text(["Three"])
    assert len(requests) == 1


@pytest.mark.usefixtures("stable_day")
def test_completed_tasks_are_sorted_by_completion(user, visit):
    for title in ("First", "Second", "Third"):
        task = user.post(TASKS, json={"title": title, "labels": ["home"]}).json
        user.patch(f"{TASKS}/{task['id']}", json={"status": "done"})
    user.post(TASKS, json={"title": "Dropped", "status": "cancelled"})
    user.patch(f"{TASKS}/{user.get(TASKS + '?q=first').json['items'][0]['id']}", json={"description": "Changed"})
    page = visit("completed")
    expect(page.locator(".part, .row .title")).to_have_text(
        ["Today", "Third", "Second", "First", "Cancelled", "Dropped"]
    )


@pytest.fixture
def garden(user):
    """A project of the user with a task, and a task outside of it."""
    created = user.post("/api/v1/projects", json={"name": "Garden"}).json
    user.post(TASKS, json={"title": "Buy bulbs", "project_id": created["id"], "labels": ["errands"]})
    user.post(TASKS, json={"title": "Call"})
    return created


def test_project_and_label_views_list_their_tasks(visit, garden):
    page = visit("all")
    lists = page.get_by_role("navigation", name="Lists")
    lists.get_by_role("link", name="errands").click()
    expect(page.locator(".row .title")).to_have_text(["Buy bulbs"])
    lists.get_by_role("link", name="Garden 1 open").click()
    add(page, "Dig")
    expect(page.locator(".row .title")).to_have_text(["Dig", "Buy bulbs"])
    expect(lists.get_by_role("link", name="Garden 2 open")).to_be_visible()


def test_project_is_renamed_deleted_and_restored(visit, garden):
    page = visit(f"project/{garden['id']}")
    page.get_by_role("button", name="Edit project").click()
    page.get_by_label("Name").fill("Yard")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Yard")).to_be_visible()
    page.get_by_role("button", name="Delete project").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="Yard")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".row .title")).to_have_text(["Buy bulbs"])


def test_archived_project_is_listed_separately(user, visit, garden):
    page = visit(f"project/{garden['id']}")
    page.get_by_role("button", name="Edit project").click()
    page.get_by_label("Archived").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Archived projects").click()
    expect(page.get_by_role("link", name="Garden")).to_be_visible()
    expect(page.get_by_label("Add a task")).to_be_hidden()
    assert user.get("/api/v1/projects?archived=true").json["items"][0]["name"] == "Garden"


def test_label_view_supports_special_characters(user, visit):
    for name in ("..", "a/b", "50%", "#x?y=1&z"):
        user.post(TASKS, json={"title": f"Has {name}", "labels": [name]})
    page = visit("all")
    for name in ("..", "a/b", "50%", "#x?y=1&z"):
        page.get_by_role("navigation", name="Lists").get_by_role("link", name=name).click()
        expect(page.locator(".row .title")).to_have_text([f"Has {name}"])


def test_completed_tasks_can_be_shown(user, visit, task):
    user.patch(f"{TASKS}/{task['id']}", json={"status": "done"})
    page = visit("all")
    expect(page.get_by_text("No tasks yet.")).to_be_visible()
    page.get_by_role("button", name="Show completed").click()
    expect(row(page, "Water the plants")).to_have_count(1)


def test_trash_restores_and_deletes_permanently(user, visit):
    created = [user.post(TASKS, json={"title": title}).json for title in ("Back", "Gone")]
    for task in created:
        user.delete(f"{TASKS}/{task['id']}")
    page = visit("trash")
    row(page, "Back").get_by_role("button", name="Restore").click()
    expect(row(page, "Back")).to_have_count(0)
    page.get_by_role("link", name="Gone").focus()
    page.keyboard.press("Delete")
    page.get_by_role("dialog", name="Delete permanently?").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The trash is empty.")).to_be_visible()
    saved(page)
    assert [each["title"] for each in user.get(TASKS).json["items"]] == ["Back"]
    assert user.get(f"{TASKS}/{created[1]['id']}").status_code == 404


def test_long_list_is_loaded_in_pages(user, visit):
    created = [{"op": "create", "data": {"title": f"Task {number}"}} for number in range(60)]
    user.post(f"{TASKS}/batch", json={"operations": created})
    page = visit("all")
    expect(page.locator(".row")).to_have_count(50)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".row")).to_have_count(60)
    expect(page.locator(".row").nth(50).get_by_role("link")).to_be_focused()


def test_failed_list_can_be_retried(context, visit, task):
    page = visit("today")
    context.route("**/api/v1/tasks?*", lambda route: route.fulfill(status=503, json={"detail": "Busy."}))
    page.get_by_role("link", name="All tasks").click()
    expect(page.locator(".empty[role=alert]")).to_contain_text("Busy.")
    context.unroute("**/api/v1/tasks?*")
    page.get_by_role("button", name="Try again").click()
    expect(row(page, "Water the plants")).to_have_count(1)


def test_theme_survives_a_reload(visit):
    page = visit("today")
    page.emulate_media(color_scheme="light")
    page.get_by_role("button", name="Use dark theme").click()
    page.reload()
    expect(page.get_by_role("button", name="Use light theme")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(26, 27, 30)"


def visit_every_field(page):
    """Focus each field of the open task, then close the pane."""
    pane = page.get_by_role("complementary")
    for field in pane.locator("fieldset :is(input, select, textarea)").all():
        field.focus()
        page.wait_for_timeout(50)
    pane.get_by_label("Title", exact=True).focus()
    page.get_by_role("button", name="Close task").click()
    expect(pane).to_be_hidden()


UNTOUCHED = {
    "archived project": {"title": "Dig", "project_id": "archived"},
    "second of an ambiguous time": {"title": "Dig", "due_at": "2031-11-02T09:30:00Z"},
    "seconds": {"title": "Dig", "due_at": "2031-03-01T18:30:45Z"},
    "blanks in the title": {"title": "Dig  the   beds"},
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_unedited_field_saves_nothing(signed_in, visit, name):
    user, values = signed_in(timezone="America/Los_Angeles"), {**UNTOUCHED[name]}
    project = user.post("/api/v1/projects", json={"name": "Garden"}).json
    if "project_id" in values:
        values["project_id"] = project["id"]
    task = user.post(TASKS, json=values).json
    user.patch(f"/api/v1/projects/{project['id']}", json={"archived": True})
    before = user.get(f"{TASKS}/{task['id']}").json
    page = visit(f"all?task={task['id']}", who=user)
    visit_every_field(page)
    saved(page)
    assert user.get(f"{TASKS}/{task['id']}").json == before


def test_task_can_leave_an_archived_project(user, visit, garden):
    task = user.get(f"{TASKS}?q=bulbs").json["items"][0]
    user.patch(f"/api/v1/projects/{garden['id']}", json={"archived": True})
    page = visit(f"project/{garden['id']}?task={task['id']}")
    field = page.get_by_role("complementary").get_by_label("Project")
    expect(field.locator("option:checked")).to_have_text("Garden")
    field.select_option("None")
    field.blur()
    saved(page)
    assert user.get(f"{TASKS}/{task['id']}").json["project_id"] is None


def test_edited_title_keeps_inner_spaces(user, visit):
    task = user.post(TASKS, json={"title": "Dig  the   beds"}).json
    page = visit(f"all?task={task['id']}")
    title = page.get_by_role("complementary").get_by_label("Title", exact=True)
    title.press("End")
    title.press_sequentially(" now")
    title.blur()
    saved(page)
    assert user.get(f"{TASKS}/{task['id']}").json["title"] == "Dig  the   beds now"


def test_project_dialog_sends_only_changed_fields(user, visit, garden):
    path = f"/api/v1/projects/{garden['id']}"
    page = visit(f"project/{garden['id']}")
    page.get_by_role("button", name="Edit project").click()
    user.patch(path, json={"description": "Behind the house", "archived": True})
    page.get_by_label("Name").fill("Yard")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    now = user.get(path).json
    assert [now[name] for name in ("name", "description", "archived", "color")] == [
        "Yard", "Behind the house", True, None,
    ]  # fmt: skip


def test_label_dialog_sends_only_changed_fields(user, visit, garden):
    page, sent = visit("label/errands"), []
    page.on("request", lambda request: sent.append(request.post_data_json) if request.method == "PATCH" else None)
    for name in ("errands", "shopping"):
        page.get_by_role("button", name="Edit label").click()
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", name="@shopping")).to_be_visible()
    assert sent == [{"name": "shopping"}]
    assert user.get("/api/v1/labels").json["items"][0]["color"] is None


def test_list_is_reloaded_when_its_cursor_is_invalid(user, context, visit):
    created = [{"op": "create", "data": {"title": f"Task {number}"}} for number in range(60)]
    user.post(f"{TASKS}/batch", json={"operations": created})
    page = visit("all")
    expect(page.locator(".row")).to_have_count(50)
    spoil = re.compile(r"cursor=[^&]+")
    context.route(spoil, lambda route: route.continue_(url=spoil.sub("cursor=spoiled", route.request.url)), times=1)
    with page.expect_response(re.compile("cursor=spoiled")) as refused:
        page.get_by_role("button", name="Show more").click()
    assert refused.value.json()["code"] == "invalid_cursor"
    expect(page.locator(".row")).to_have_count(60)
    expect(page.locator(".row").nth(50).get_by_role("link")).to_be_focused()


def test_reopening_can_be_undone(user, visit, task):
    for status, verb in (("done", "Reopened"), ("in_progress", "Completed"), ("cancelled", "Completed")):
        user.patch(f"{TASKS}/{task['id']}", json={"status": status})
        page = visit(f"all?task={task['id']}")
        page.get_by_role("complementary").get_by_role("checkbox", name="Water the plants").click()
        expect(page.get_by_role("status").filter(has_text=f"{verb} “Water the plants”.")).to_be_visible()
        saved(page)
        assert user.get(f"{TASKS}/{task['id']}").json["status"] == ("todo" if status == "done" else "done")
        page.get_by_role("button", name="Undo").click()
        saved(page)
        assert user.get(f"{TASKS}/{task['id']}").json["status"] == status
        page.close()


def test_search_for_accents_alone_shows_the_error(visit, three):
    page = visit("inbox")
    page.get_by_label("Search tasks").fill("\u0301")
    expect(page.locator(".empty[role=alert]")).to_contain_text("Must have a character to search for")
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    page.get_by_label("Search tasks").fill("three")
    expect(page.locator(".row .title")).to_have_text(["Three"])


@pytest.mark.parametrize("kind", ["project", "label"])
def test_undo_asks_for_a_name_when_it_is_taken(user, visit, garden, kind):
    page = visit({"project": f"project/{garden['id']}", "label": "label/errands"}[kind])
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.get_by_role("button", name=f"Delete {kind}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    name = {"project": "Garden", "label": "errands"}[kind]
    assert user.post(f"/api/v1/{kind}s", json={"name": name}).status_code == 201
    undo.click()
    dialog = page.get_by_role("dialog", name=f"Restore “{name}”")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("button", name="Restore").click()
    expect(dialog.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Name").fill("The old one")
    dialog.get_by_role("button", name="Restore").click()
    expect(dialog).to_have_count(0)
    expect(page.locator("main h1")).to_contain_text("The old one")
    expect(page.locator(".row .title")).to_have_text(["Buy bulbs"])
    assert errors == []


@pytest.mark.parametrize("kind", ["project", "label"])
def test_edit_dialog_shows_a_conflict_and_reloads(user, visit, garden, kind):
    label = user.get("/api/v1/labels").json["items"][0]
    path = {"project": f"/api/v1/projects/{garden['id']}", "label": f"/api/v1/labels/{label['id']}"}[kind]
    page = visit({"project": f"project/{garden['id']}", "label": "label/errands"}[kind])
    page.get_by_role("button", name=f"Edit {kind}").click()
    dialog = page.get_by_role("dialog", name=f"Edit {kind}")
    user.patch(path, json={"name": "Balcony"})
    dialog.get_by_label("Name").fill("Yard")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("This was changed elsewhere.")
    assert user.get(path).json["name"] == "Balcony"
    dialog.get_by_role("button", name="Reload").click()
    expect(dialog).to_have_count(1)
    expect(dialog.get_by_label("Name")).to_have_value("Balcony")
    dialog.get_by_label("Name").fill("Yard")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    assert user.get(path).json["name"] == "Yard"


def test_parent_field_keeps_a_choice_when_options_arrive_late(user, context, visit, task):
    part = user.post(TASKS, json={"title": "Fill the can", "parent_id": task["id"]}).json
    page = visit(f"all?task={part['id']}")
    field = page.get_by_role("complementary").get_by_label("Parent task")
    expect(field.locator("option:checked")).to_have_text("Water the plants")
    options, changes = [], []

    def hold_list(route):
        options.append(route)

    def hold_change(route):
        if route.request.method == "PATCH":
            changes.append(route)
        else:
            route.continue_()

    context.route(re.compile(r"/tasks\?.*sort=title"), hold_list)
    context.route(f"**{TASKS}/{part['id']}", hold_change)
    field.focus()
    wait_until(lambda: page.evaluate("true") and options)
    field.select_option("None")
    wait_until(lambda: page.evaluate("true") and changes)
    with page.expect_response(re.compile("sort=title")):
        options[0].continue_()
    expect(field.locator("option")).to_have_text(["None", "Water the plants"])
    expect(field).to_have_value("")
    changes[0].continue_()
    field.blur()
    saved(page)
    assert user.get(f"{TASKS}/{part['id']}").json["parent_id"] is None


@pytest.mark.parametrize("keys", ["Backspace", "ArrowRight ArrowRight 2"])
def test_half_typed_due_date_is_not_saved(user, visit, keys):
    task = user.post(TASKS, json={"title": "Call", "due_date": "2031-03-01"}).json
    page = visit(f"all?task={task['id']}")
    page.clock.install()
    page.reload()
    field = page.get_by_role("complementary").get_by_label("Due", exact=True)
    expect(field).to_have_value("2031-03-01")
    field.focus()
    for key in keys.split():
        page.keyboard.press(key)
    page.clock.run_for(2_000)
    saved(page)
    assert user.get(f"{TASKS}/{task['id']}").json == task
    field.blur()
    expect(field).to_have_value("2031-03-01")


def test_title_keeps_a_trailing_space_while_typing(user, visit, task):
    page = visit(f"all?task={task['id']}")
    title = page.get_by_role("complementary").get_by_label("Title", exact=True)
    title.press("End")
    title.press_sequentially(" and ")
    wait_until(lambda: user.get(f"{TASKS}/{task['id']}").json["title"] == "Water the plants and", 20)
    saved(page)
    expect(title).to_have_value("Water the plants and ")
    title.press_sequentially("herbs")
    title.blur()
    saved(page)
    assert user.get(f"{TASKS}/{task['id']}").json["title"] == "Water the plants and herbs"


def test_subtask_is_added_when_its_parent_moved_elsewhere(user, context, visit):
    garden, balcony = (user.post("/api/v1/projects", json={"name": name}).json["id"] for name in ("Garden", "Balcony"))
    task = user.post(TASKS, json={"title": "Water the plants", "project_id": garden}).json
    page = visit(f"all?task={task['id']}")
    context.set_offline(True)
    page.get_by_label("Add a subtask").fill("Fill the can")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Fill the can")).to_have_count(1)
    user.patch(f"{TASKS}/{task['id']}", json={"project_id": balcony})
    context.set_offline(False)
    saved(page)
    [part] = user.get(f"{TASKS}?parent_id={task['id']}").json["items"]
    assert part["project_id"] == balcony
