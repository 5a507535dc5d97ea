"""The second factor in the web client: set it up, sign in with a code or a recovery code, disable it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect
from pyotp import TOTP
from surface import needs
from web_client import serve

from tests.conftest import PASSWORD
from tests.extensions.second_factor.people import KEY, Person

pytestmark = [pytest.mark.slow, pytest.mark.one_database, needs("web")]


@pytest.fixture(scope="module")
def app(make_app):
    """The application with a second factor."""
    return make_app(SECOND_FACTOR_KEYS=KEY)


@pytest.fixture(scope="module")
def site(app):
    """Serve the application."""
    with serve(app) as url:
        yield url


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def section(page):
    return page.locator("section", has=page.get_by_role("heading", name="Second factor", exact=True))


def code_of(secret, steps=0):
    return TOTP(secret.replace(" ", "")).at(datetime.now(UTC) + timedelta(seconds=30 * steps))


def enter_password(page, site, person):
    page.goto(f"{site}/#/account")
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    page.get_by_label("Username").fill(person.username)
    page.get_by_label("Password").fill(PASSWORD)
    button(page, "Sign in").click()


def set_up(page, folder, name):
    """Go through the steps; return the secret and the recovery codes."""
    page.get_by_label("Your password").fill(PASSWORD)
    button(page, "Continue").click()
    expect(page.get_by_role("img", name="QR code for your application")).to_be_visible()
    assert page.evaluate("document.querySelector('.qr').naturalWidth") > 0
    secret = page.get_by_label("Key, if you cannot scan").input_value()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.screenshot(path=folder / f"{name}-code.png")
    page.get_by_label("Code", exact=True).fill("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="The code is wrong")).to_be_visible()
    page.get_by_label("Code", exact=True).fill(code_of(secret))
    button(page, "Turn on").click()
    expect(page.get_by_role("heading", name="Recovery codes", exact=True)).to_be_visible()
    codes = page.locator(".codes li").all_inner_texts()
    assert len(codes) == 10
    page.screenshot(path=folder / f"{name}-recovery.png")
    return secret, codes


def test_user_sets_up_signs_in_and_disables(app, site, page, context, tmp_path):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    person = Person(app)
    enter_password(page, site, person)
    button(section(page), "Set up…").click()
    secret, codes = set_up(page, tmp_path, "setup")
    button(page, "Copy").click()
    expect(button(page, "Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").split() == codes
    with page.expect_download() as download:
        button(page, "Download").click()
    assert download.value.suggested_filename == "recovery-codes.txt"
    assert download.value.path().read_text().split() == codes
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Recovery codes", exact=True)).to_be_visible()
    button(page, "I have stored them").click()
    expect(section(page)).to_contain_text("10 of 10 recovery codes are left.")
    assert codes[0] not in page.content()
    page.screenshot(path=tmp_path / "account.png", full_page=True)
    button(page, "Sign out").click()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()  # the page has been loaded again
    enter_password(page, site, person)
    field = page.get_by_label("Code", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("autocomplete", "one-time-code")
    expect(field).to_have_attribute("inputmode", "numeric")
    assert [cookie["name"] for cookie in context.cookies() if "token" in cookie["name"]] == []
    page.screenshot(path=tmp_path / "sign-in.png")
    field.fill(code_of(secret, 9))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="The code is wrong")).to_be_visible()
    field.fill(code_of(secret, 1))
    page.keyboard.press("Enter")
    expect(section(page)).to_contain_text("10 of 10 recovery codes are left.")
    button(section(page), "Disable…").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_label("Code", exact=True).fill(codes[1])
    button(page, "Disable").click()
    expect(button(section(page), "Set up…")).to_be_visible()


def test_recovery_code_signs_in_and_is_replaced(app, site, page, tmp_path):
    person = Person(app)
    person.sign_in()
    person.enable()
    enter_password(page, site, person)
    button(page, "Use a recovery code").click()
    field = page.get_by_label("Recovery code", exact=True)
    expect(field).to_be_focused()
    page.screenshot(path=tmp_path / "recovery.png")
    field.fill(person.recovery_codes[0].upper())
    page.keyboard.press("Enter")
    expect(section(page)).to_contain_text("9 of 10 recovery codes are left.")
    button(section(page), "New recovery codes…").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_label("Code", exact=True).fill(person.recovery_codes[1])
    button(page, "Replace codes").click()
    expect(page.locator(".codes li")).to_have_count(10)
    button(page, "I have stored them").click()
    expect(section(page)).to_contain_text("10 of 10 recovery codes are left.")


def test_back_and_an_old_challenge_lead_to_the_password(app, site, page):
    person = Person(app)
    person.sign_in()
    person.enable()
    enter_password(page, site, person)
    button(page, "Back").click()
    expect(page.get_by_label("Password")).to_be_focused()
    page.get_by_label("Password").fill(PASSWORD)
    button(page, "Sign in").click()
    page.route("**/auth/second-factor", lambda route: route.continue_(post_data='{"challenge": "x", "code": "1"}'))
    page.get_by_label("Code", exact=True).fill("123456")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Enter your password again")).to_be_visible()
    expect(page.get_by_label("Username")).to_have_value(person.username)


def test_role_that_requires_a_factor_sets_it_up_first(make_app, page, tmp_path):
    app = make_app(SECOND_FACTOR_KEYS=KEY, SECOND_FACTOR_ROLES="admin")
    with serve(app) as site:
        enter_password(page, site, Person(app, "admin"))
        expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
        page.screenshot(path=tmp_path / "required.png")
        set_up(page, tmp_path, "required")
        button(page, "I have stored them").click()
        expect(section(page)).to_contain_text("10 of 10 recovery codes are left.")


def test_set_up_fits_on_a_phone_and_works_by_keyboard(app, site, browser, tmp_path):
    context = browser.new_context(viewport={"width": 360, "height": 640})
    page = context.new_page()
    enter_password(page, site, Person(app))
    opener = button(section(page), "Set up…")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your password")).to_be_focused()
    set_up(page, tmp_path, "phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for _ in range(4):
        if page.evaluate("document.activeElement.textContent") == "I have stored them":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(section(page)).to_contain_text(re.compile("On since"))
    context.close()


def test_server_without_a_key_shows_no_section(make_app, page):
    app = make_app(REGISTRATION_ENABLED=True)
    with serve(app) as site:
        enter_password(page, site, Person(app))
        expect(page.get_by_role("heading", name="Signed-in devices")).to_be_visible()
        expect(section(page)).to_have_count(0)
