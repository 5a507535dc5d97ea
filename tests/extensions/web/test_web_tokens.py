"""Personal tokens in the web client: create, copy once, list, delete."""

import pytest
from conftest import PASSWORD
from playwright.sync_api import expect
from surface import needs

pytestmark = [pytest.mark.slow, pytest.mark.one_database, needs("personal_tokens")]

TASKS = "/api/v1/tasks"


def section(page):
    return page.locator("section", has=page.get_by_role("heading", name="Personal tokens", exact=True))


def status(site, page, token):
    """Return the status of a request with a token and without cookies."""
    request = page.context.browser.new_context().request
    return request.get(f"{site}{TASKS}", headers={"Authorization": f"Bearer {token}"}).status


def fill(page, name):
    """Fill in and send the form of a new token."""
    section(page).get_by_role("button", name="New token…").click()
    dialog = page.get_by_role("dialog", name="New personal token")
    dialog.get_by_label("Name", exact=True).fill(name)
    dialog.get_by_label("Change tasks, projects and labels").check()
    dialog.get_by_label("Expires in").select_option("90 days")
    dialog.get_by_role("button", name="Create token").click()


def test_token_is_created_copied_used_and_deleted(site, visit, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit("account")
    expect(section(page)).to_contain_text("You have no personal tokens.")
    fill(page, "Backup script")
    shown = page.get_by_role("dialog", name="Token “Backup script”")
    token = shown.get_by_label("Token", exact=True).input_value()
    shown.get_by_role("button", name="Copy").click()
    expect(shown.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == token
    page.keyboard.press("Escape")
    expect(shown).to_be_visible()
    shown.get_by_role("button", name="Done").click()
    expect(shown).to_have_count(0)
    assert token not in page.content()
    assert status(site, page, token) == 200
    page.reload()
    entry = section(page).get_by_role("listitem")
    expect(entry).to_contain_text(f"{token[:8]}… · task:read, task:write")
    expect(entry).to_contain_text("last used")
    entry.get_by_role("button", name="Delete Backup script").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(section(page)).to_contain_text("You have no personal tokens.")
    assert status(site, page, token) == 401


def test_creation_asks_for_the_password_when_the_token_is_not_fresh(visit, context, site):
    page = visit("account")
    csrf = next(each["value"] for each in context.cookies() if each["name"] == "csrf_refresh_token")
    assert context.request.post(f"{site}/api/v1/auth/refresh", headers={"X-CSRF-TOKEN": csrf}).ok
    fill(page, "Backup script")
    prompt = page.get_by_role("dialog").last
    prompt.get_by_label("Password").fill(PASSWORD)
    prompt.get_by_role("button").last.click()
    expect(page.get_by_role("dialog", name="Token “Backup script”")).to_be_visible()


def test_errors_of_the_form_are_shown(visit):
    page = visit("account")
    section(page).get_by_role("button", name="New token…").click()
    dialog = page.get_by_role("dialog", name="New personal token")
    dialog.get_by_role("button", name="Create token").click()
    expect(dialog.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Name", exact=True).fill("Backup")
    dialog.get_by_label("Read tasks, projects and labels").uncheck()
    dialog.get_by_role("button", name="Create token").click()
    expect(dialog.get_by_role("alert")).to_contain_text("permissions")
