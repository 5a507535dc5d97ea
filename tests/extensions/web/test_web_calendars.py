"""Calendar addresses in the web client: create, copy once, renew, delete."""

import pytest
from playwright.sync_api import expect
from surface import needs

pytestmark = [pytest.mark.slow, pytest.mark.one_database, needs("calendars")]


def section(page):
    return page.locator("section", has=page.get_by_role("heading", name="Calendars", exact=True))


def status(page, url):
    """Return the status of a request without cookies."""
    return page.context.browser.new_context().request.get(url).status


def test_address_is_created_copied_renewed_and_deleted(user, visit, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    user.post("/api/v1/projects", json={"name": "Garden"})
    page = visit("account")
    expect(section(page)).to_contain_text("You have no calendar addresses.")
    section(page).get_by_role("button", name="New address…").click()
    dialog = page.get_by_role("dialog", name="New calendar address")
    dialog.get_by_label("Name", exact=True).fill("Phone")
    dialog.get_by_label("Tasks of").select_option("Garden")
    dialog.get_by_label("Shown as").select_option("Events on the days they are due")
    page.keyboard.press("Tab")
    dialog.get_by_role("button", name="Create address").press("Enter")
    shown = page.get_by_role("dialog", name="Address of “Phone”")
    url = shown.get_by_label("Address", exact=True).input_value()
    shown.get_by_role("button", name="Copy").click()
    expect(shown.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == url
    page.keyboard.press("Escape")
    expect(shown).to_be_visible()
    shown.get_by_role("button", name="Done").click()
    assert url not in page.content()
    assert status(page, url) == 200
    page.reload()
    entry = section(page).get_by_role("listitem")
    expect(entry).to_contain_text("Events on the days they are due · Garden · last used")
    entry.get_by_role("button", name="Renew Phone").click()
    page.get_by_role("dialog").get_by_role("button", name="Renew", exact=True).click()
    renewed = page.get_by_role("dialog", name="Address of “Phone”").get_by_label("Address", exact=True).input_value()
    page.get_by_role("button", name="Done").click()
    assert (status(page, url), status(page, renewed)) == (404, 200)
    entry.get_by_role("button", name="Delete Phone").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(section(page)).to_contain_text("You have no calendar addresses.")
    assert status(page, renewed) == 404
