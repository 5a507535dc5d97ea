"""The web client offline: edits wait, are sent once, and are merged with other edits."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect
from task_files import add_tasks
from web_client import add, row, saved

pytestmark = pytest.mark.slow

TASKS = "/api/v1/tasks"


@pytest.fixture
def task(user):
    """A task of the user."""
    return user.post(TASKS, json={"title": "Water the plants"}).json


def edit_title(page, old, new):
    """Edit a title inline."""
    page.get_by_role("link", name=old, exact=True).focus()
    page.keyboard.press("e")
    page.get_by_label(f"Title of “{old}”").fill(new)
    page.keyboard.press("Enter")


def test_offline_edits_are_shown_and_sent_later(user, context, visit, task):
    page = visit("all")
    context.set_offline(True)
    add(page, "Buy bulbs @garden")
    edit_title(page, "Buy bulbs", "Buy tulips")
    page.get_by_role("checkbox", name="Water the plants").click()
    expect(row(page, "Buy tulips")).to_contain_text("Not saved yet")
    expect(page.get_by_role("button", name="Offline")).to_contain_text("3 waiting")
    context.set_offline(False)
    saved(page)
    tasks = {each["title"]: each for each in user.get(TASKS).json["items"]}
    assert (tasks["Buy tulips"]["status"], tasks["Water the plants"]["status"]) == ("todo", "done")
    assert tasks["Buy tulips"]["labels"] == ["garden"]
    expect(page.get_by_role("button", name="Offline")).to_have_count(0)


def test_unsent_edits_survive_closing_the_page(user, context, visit, task):
    page = visit("all")
    context.set_offline(True)
    add(page, "Buy bulbs")
    edit_title(page, "Water the plants", "Water the roses")
    page.close()
    context.set_offline(False)
    again = visit("all")
    saved(again)
    assert {each["title"] for each in user.get(TASKS).json["items"]} == {"Buy bulbs", "Water the roses"}


def test_new_task_is_saved_when_the_clock_is_set_back(user, context, visit):
    page = visit("all")
    context.set_offline(True)
    page.clock.set_fixed_time(datetime.now(UTC) + timedelta(hours=1))
    add(page, "Buy bulbs")
    page.clock.set_fixed_time(datetime.now(UTC))
    edit_title(page, "Buy bulbs", "Buy tulips")
    expect(row(page, "Buy tulips")).to_have_count(1)
    context.set_offline(False)
    saved(page)
    assert [each["title"] for each in user.get(TASKS).json["items"]] == ["Buy tulips"]


COUNT_READS = """() => {
    window.readCount = 0;
    const original = Storage.prototype.getItem;
    Storage.prototype.getItem = function (key) {
        if (key.startsWith("taskapi.outbox")) readCount += 1;
        return original.call(this, key);
    };
}"""


def test_long_list_reads_each_unsent_change_once(user, visit, busy):
    add_tasks(user, [{"title": f"Task {number}"} for number in range(100)])
    page = visit("all")
    for number in range(20):
        add(page, f"New task {number}")
    expect(page.get_by_role("button", name="20 waiting")).to_be_visible()
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".row")).to_have_count(120)
    page.evaluate(COUNT_READS)
    page.evaluate("location.hash = '#/today'")
    expect(page.locator(".row")).to_have_count(0)
    page.evaluate("location.hash = '#/all'")
    expect(page.locator(".row")).to_have_count(70)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".row")).to_have_count(120)
    assert page.evaluate("readCount") <= 20


def test_edits_are_resent_after_503(user, context, visit):
    page = visit("all")
    busy = {"status": 503, "headers": {"Retry-After": "1"}, "json": {"code": "unavailable"}}
    context.route(f"**{TASKS}", lambda route: route.fulfill(**busy), times=1)
    add(page, "Buy bulbs")
    saved(page)
    assert [each["title"] for each in user.get(TASKS).json["items"]] == ["Buy bulbs"]


def test_lost_responses_cause_no_duplicates(user, context, visit, task):
    page = visit("all")

    def lose(route):
        route.fetch()
        route.abort()

    context.route(f"**{TASKS}", lose, times=1)
    add(page, "Buy bulbs")
    saved(page)
    context.route(f"**{TASKS}/{task['id']}", lose, times=1)
    edit_title(page, "Water the plants", "Water the roses")
    saved(page)
    assert sorted(each["title"] for each in user.get(TASKS).json["items"]) == ["Buy bulbs", "Water the roses"]
    assert not page.get_by_text("Needs review").count()


def test_edits_of_different_fields_are_merged(user, context, visit, task):
    page = visit("all")
    context.set_offline(True)
    edit_title(page, "Water the plants", "Water the roses")
    user.patch(f"{TASKS}/{task['id']}", json={"priority": "high"})
    context.set_offline(False)
    saved(page)
    now = user.get(f"{TASKS}/{task['id']}").json
    assert (now["title"], now["priority"]) == ("Water the roses", "high")


CHOICES = {"Your change": "Water the roses", "Other change": "Water the cactus"}


@pytest.mark.parametrize("choice", CHOICES)
def test_conflict_lets_the_user_choose_a_value(user, context, visit, task, choice):
    page = visit(f"all?task={task['id']}")
    context.set_offline(True)
    page.get_by_label("Title", exact=True).fill("Water the roses")
    page.get_by_label("Title", exact=True).blur()
    page.get_by_label("Priority").select_option("low")
    user.patch(f"{TASKS}/{task['id']}", json={"title": "Water the cactus"})
    context.set_offline(False)
    page.get_by_role("complementary").get_by_role("button", name="Review").click()
    dialog = page.get_by_role("dialog", name="Conflicting changes")
    for title in CHOICES.values():
        expect(dialog.get_by_role("group", name="Title")).to_contain_text(title)
    dialog.get_by_label(choice).check()
    dialog.get_by_role("button", name="Save").click()
    saved(page)
    now = user.get(f"{TASKS}/{task['id']}").json
    assert (now["title"], now["priority"]) == (CHOICES[choice], "low")


def test_rejected_edit_is_kept_and_reported(user, context, visit, task):
    page = visit("all")
    context.set_offline(True)  # the page must not learn of the deletion before the edit
    edit_title(page, "Water the plants", "Water the roses")
    user.delete(f"{TASKS}/{task['id']}?permanent=true")
    context.set_offline(False)
    page.get_by_role("button", name="1 to review").click()
    dialog = page.get_by_role("dialog", name="Unsaved changes")
    expect(dialog).to_contain_text("Water the roses")
    expect(dialog).to_contain_text("The resource does not exist.")
    dialog.get_by_role("button", name="Discard").click()
    saved(page)


def test_conflicts_of_several_fields_share_a_dialog(user, context, visit, task):
    page = visit(f"all?task={task['id']}")
    context.set_offline(True)
    page.get_by_label("Title", exact=True).fill("Water the roses")
    page.get_by_label("Description").fill("Those on the balcony")
    page.get_by_label("Description").blur()
    user.patch(f"{TASKS}/{task['id']}", json={"title": "Water the cactus", "description": "That on the sill"})
    context.set_offline(False)
    page.get_by_role("complementary").get_by_role("button", name="Review").click()
    dialog = page.get_by_role("dialog", name="Conflicting changes")
    dialog.get_by_role("group", name="Description").get_by_label("Other change").check()
    dialog.get_by_role("button", name="Save").click()
    saved(page)
    now = user.get(f"{TASKS}/{task['id']}").json
    assert (now["title"], now["description"]) == ("Water the roses", "That on the sill")
