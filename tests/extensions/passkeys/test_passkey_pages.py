"""Passkeys in the web client, with the virtual authenticator of Chromium."""

import pytest
from playwright.sync_api import expect
from servers import free_port
from surface import needs
from web_client import serve, sign_in_by_cookies

from tests.conftest import PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.one_database, needs("web")]
DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def passkey_site(make_app):
    """Serve at `localhost`: browsers have no passkeys for IP addresses."""
    port = free_port()
    origin = f"http://localhost:{port}"
    with serve(make_app(PASSKEY_RP_ID="localhost", PASSKEY_ORIGINS=origin), port):
        yield origin


@pytest.fixture
def device(page):
    """A virtual authenticator. Calling it sends it a command."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    added = session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return lambda command, **values: session.send(f"WebAuthn.{command}", {**added, **values})


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def section(page):
    return page.locator("section", has=page.get_by_role("heading", name="Passkeys", exact=True))


def add_passkey(page, site, username, name="My phone"):
    sign_in_by_cookies(page.context, site, username)
    page.goto(f"{site}/#/account")
    button(page, "Add a passkey…").click()
    page.get_by_label("Name", exact=True).last.fill(name)
    button(page, "Continue").click()


def test_user_adds_signs_in_confirms_and_removes(passkey_site, page, device, new_user, tmp_path):
    username = new_user()
    add_passkey(page, passkey_site, username)
    expect(section(page)).to_contain_text("My phone")
    expect(section(page)).to_contain_text("never used")
    [credential] = device("getCredentials")["credentials"]
    assert (credential["isResidentCredential"], credential["rpId"]) == (True, "localhost")
    page.screenshot(path=tmp_path / "account.png", full_page=True)
    button(page, "Sign out").click()
    expect(button(page, "Sign in with a passkey")).to_be_visible()
    page.screenshot(path=tmp_path / "sign-in.png")
    button(page, "Sign in with a passkey").press("Enter")
    expect(section(page)).to_contain_text("last used")
    expect(page.locator("main .heading")).to_contain_text(username)
    page.context.clear_cookies(name="access_token")
    button(page, "Remove My phone").click()
    button(page.get_by_role("dialog"), "Remove").click()
    confirmation = page.get_by_role("dialog", name="Enter your password")
    page.screenshot(path=tmp_path / "confirm.png")
    button(confirmation, "Use a passkey").click()
    expect(section(page)).to_contain_text("You have no passkeys.")
    button(page, "Sign out").click()
    button(page, "Sign in with a passkey").click()
    expect(page.get_by_role("alert").filter(has_text="does not prove")).to_be_visible()


@pytest.mark.usefixtures("device")
def test_passkey_of_another_user_confirms_nothing(passkey_site, page, new_user):
    other, username = new_user(), new_user()
    add_passkey(page, passkey_site, other)
    expect(section(page)).to_contain_text("My phone")
    page.context.clear_cookies()
    sign_in_by_cookies(page.context, passkey_site, username)
    page.reload()
    expect(section(page)).to_contain_text("You have no passkeys.")
    cookies = page.context.cookies()
    csrf = next(each["value"] for each in cookies if each["name"] == "csrf_refresh_token")
    page.request.post(f"{passkey_site}/api/v1/auth/refresh", headers={"X-CSRF-TOKEN": csrf})  # no longer fresh
    button(page, "Delete account…").click()
    button(page.get_by_role("dialog", name="Delete your account?"), "Delete").click()
    button(page.get_by_role("dialog", name="Enter your password"), "Use a passkey").click()
    expect(page.locator("main .heading")).to_contain_text(other)
    sign_in_by_cookies(page.context, passkey_site, username)  # both accounts exist


def test_second_passkey_of_a_device_is_explained(passkey_site, page, device, new_user):
    username = new_user()
    add_passkey(page, passkey_site, username)
    expect(section(page)).to_contain_text("My phone")
    button(page, "Add a passkey…").click()
    button(page, "Continue").click()
    expect(page.get_by_role("alert").filter(has_text="has a passkey of your account already")).to_be_visible()


def test_device_that_does_not_verify_its_user_gets_nothing(passkey_site, page, device, new_user):
    username = new_user()
    add_passkey(page, passkey_site, username)
    expect(section(page)).to_contain_text("My phone")
    button(page, "Sign out").click()
    device("setUserVerified", isUserVerified=False)
    button(page, "Sign in with a passkey").click()
    expect(page.get_by_role("alert").filter(has_text="No passkey was used.")).to_be_visible()
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    button(page, "Sign in").click()
    expect(section(page)).to_contain_text("My phone")


def test_address_without_passkeys_explains_or_has_no_button(passkey_site, site, page):
    page.goto(passkey_site.replace("localhost", "127.0.0.1"))
    button(page, "Sign in with a passkey").click()
    expect(page.get_by_role("alert").filter(has_text="do not work at this address")).to_be_visible()
    page.goto(site)
    expect(button(page, "Sign in")).to_be_visible()
    assert page.get_by_role("button", name="passkey").count() == 0
