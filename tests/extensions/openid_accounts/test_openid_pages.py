"""The web client: sign in with the OpenID provider, link and unlink the account, confirm an action."""

import re
import secrets

import pytest
from playwright.sync_api import expect
from pyotp import TOTP
from servers import free_port
from surface import needs
from web_client import serve, sign_in_by_cookies

from tests.conftest import PASSWORD
from tests.extensions.openid.signing_in import SETTINGS, provider, provider_process

__all__ = ["provider", "provider_process"]  # fixtures
pytestmark = [pytest.mark.slow, pytest.mark.one_database, needs("web")]
NAME = "Example ID"


@pytest.fixture(scope="module")
def openid_site(make_app, provider_process):
    """Serve at `localhost`, because for browsers the provider at 127.0.0.1 is then another site."""
    port = free_port()
    url = f"http://localhost:{port}"
    settings = {**SETTINGS, "OPENID_PUBLIC_URL": url, "OPENID_NAME": NAME, "OPENID_CREATE_ACCOUNTS": True}
    with serve(make_app(OPENID_ISSUER=provider_process.url, **settings), port):
        yield url


@pytest.fixture
def grace(provider):
    """A person who uses the provider, which shows them a page."""
    person = {
        "sub": secrets.token_hex(8),
        "name": "Grace Hopper",
        "preferred_username": f"grace-{secrets.token_hex(4)}",
    }
    provider.set(page=True, person=person)
    return person


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def pass_provider(page):
    """Sign in on the page of the provider."""
    expect(page.get_by_role("heading", name="Test provider")).to_be_visible()
    page.get_by_role("link", name="Continue as").click()


def sign_in(page, site):
    page.goto(site)
    button(page, f"Sign in with {NAME}").click()
    pass_provider(page)
    page.get_by_label("Add a task").wait_for()


def section(page):
    return page.locator("section", has=page.get_by_role("heading", name=f"Sign in with {NAME}", exact=True))


def test_first_sign_in_creates_an_account_and_stays_signed_in(openid_site, grace, page, context):
    page.goto(openid_site)
    button(page, f"Sign in with {NAME}").press("Enter")
    pass_provider(page)
    page.get_by_label("Add a task").wait_for()
    assert "openid" not in page.url
    page.reload()
    page.get_by_label("Add a task").wait_for()
    page.goto(f"{openid_site}/#/account")
    expect(page.get_by_role("heading", level=1)).to_have_text("Grace Hopper")
    assert "access_token" in {cookie["name"] for cookie in context.cookies()}
    assert "taskapi.openid" not in page.evaluate("Object.keys(sessionStorage)")


@pytest.mark.usefixtures("grace")
def test_account_is_linked_and_unlinked(openid_site, page, context, new_user):
    username = new_user()
    sign_in_by_cookies(context, openid_site, username)
    page.goto(f"{openid_site}/#/account")
    button(page, f"Link {NAME}…").click()
    expect(page).to_have_url(re.compile("prompt=login"))  # somebody else may be signed in at the provider
    pass_provider(page)
    expect(section(page)).to_contain_text("Linked since")
    expect(page.locator(".toasts")).to_contain_text(f"You can now sign in with {NAME}.")
    assert page.url == f"{openid_site}/#/account"
    button(page, "Sign out").click()
    expect(button(page, "Sign in")).to_be_visible()
    sign_in(page, openid_site)
    page.goto(f"{openid_site}/#/account")
    expect(page.locator("main .heading")).to_contain_text(username)
    button(page, f"Unlink {NAME}").click()
    dialog = page.get_by_role("dialog", name="Enter your password")
    dialog.get_by_label("Password").fill("correct horse battery staple")
    button(dialog, "Continue").click()
    expect(button(page, f"Link {NAME}…")).to_be_visible()


def use_recovery_code(page, code):
    button(page, "Use a recovery code").click()
    page.get_by_label("Recovery code").fill(code)
    button(page, "Continue").click()


@needs("second_factor")
@pytest.mark.usefixtures("grace")
def test_second_factor_is_asked_for_after_the_provider(make_app, provider_process, page):
    from tests.extensions.second_factor.people import KEY, Person  # noqa: PLC0415

    port = free_port()
    site = f"http://localhost:{port}"
    settings = {**SETTINGS, "OPENID_PUBLIC_URL": site, "OPENID_NAME": NAME, "SECOND_FACTOR_KEYS": KEY}
    app = make_app(OPENID_ISSUER=provider_process.url, **settings)
    user = Person(app)
    user.sign_in()
    codes = user.enable()["recovery_codes"]
    with serve(app, port):
        page.goto(f"{site}/#/account")
        page.get_by_label("Username").fill(user.username)
        page.get_by_label("Password").fill(PASSWORD)
        button(page, "Sign in").click()
        use_recovery_code(page, codes[0])
        button(page, f"Link {NAME}…").click()
        pass_provider(page)
        expect(section(page)).to_contain_text("Linked since")
        button(page, "Sign out").click()
        button(page, f"Sign in with {NAME}").click()
        pass_provider(page)
        expect(page.get_by_label("Code", exact=True)).to_be_focused()
        use_recovery_code(page, codes[0])
        expect(page.get_by_role("alert").filter(has_text="wrong")).to_be_visible()
        page.get_by_label("Recovery code").fill(codes[1])
        button(page, "Continue").click()
        page.get_by_label("Add a task").or_(section(page)).wait_for()


@needs("second_factor")
@pytest.mark.usefixtures("grace")
def test_person_without_password_sets_up_a_required_factor(make_app, provider_process, page):
    from tests.extensions.second_factor.people import KEY  # noqa: PLC0415

    port = free_port()
    site = f"http://localhost:{port}"
    settings = {**SETTINGS, "OPENID_PUBLIC_URL": site, "OPENID_NAME": NAME, "OPENID_CREATE_ACCOUNTS": True}
    app = make_app(OPENID_ISSUER=provider_process.url, **settings, SECOND_FACTOR_KEYS=KEY, SECOND_FACTOR_ROLES="editor")
    with serve(app, port):
        page.goto(site)
        button(page, f"Sign in with {NAME}").click()
        pass_provider(page)
        expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
        assert page.get_by_label("Your password").count() == 0
        button(page, "Continue").click()
        button(page.get_by_role("dialog", name="Enter your password"), f"Use {NAME}").click()
        pass_provider(page)
        button(page, "Continue").click()
        secret = page.get_by_label("Key, if you cannot scan").input_value()
        page.get_by_label("Code", exact=True).fill(TOTP(secret.replace(" ", "")).now())
        button(page, "Turn on").click()
        button(page, "I have stored them").click()
        page.get_by_label("Add a task").wait_for()


def test_person_of_another_account_is_not_linked(openid_site, grace, page, context, new_user):
    sign_in(page, openid_site)
    context.clear_cookies()
    sign_in_by_cookies(context, openid_site, new_user())
    page.goto(f"{openid_site}/#/account")
    page.reload()
    button(page, f"Link {NAME}…").click()
    pass_provider(page)
    expect(page.locator(".toasts")).to_contain_text("has a link already")
    expect(button(page, f"Link {NAME}…")).to_be_visible()


def test_cancelled_sign_in_shows_a_notice(openid_site, provider, page):
    provider.set(answer={"code": None, "error": "access_denied"})
    page.goto(openid_site)
    button(page, f"Sign in with {NAME}").click()
    expect(page.get_by_role("alert").filter(has_text="The sign-in was cancelled.")).to_be_visible()
    assert "openid" not in page.url


def test_dead_provider_shows_a_notice(openid_site, grace, provider, page):
    provider.set(paths={"/token": {"status": 500}})
    page.goto(openid_site)
    button(page, f"Sign in with {NAME}").click()
    pass_provider(page)
    expect(page.get_by_role("alert").filter(has_text=f"{NAME} does not respond")).to_be_visible()


def test_code_that_the_tab_has_not_asked_for_is_ignored(openid_site, page):
    """Login CSRF by the address of a stranger's code."""
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{openid_site}/#openid_code={'x' * 43}")
    expect(button(page, "Sign in")).to_be_visible()
    assert "openid" not in page.url
    assert [url for url in requests if "exchange" in url] == []


def test_person_without_password_confirms_with_the_provider(openid_site, grace, page):
    sign_in(page, openid_site)
    page.goto(f"{openid_site}/#/account")
    expect(section(page)).to_contain_text("no password")
    button(page, "Delete account…").click()
    button(page.get_by_role("dialog", name="Delete your account?"), "Delete").click()
    button(page.get_by_role("dialog", name="Enter your password"), f"Use {NAME}").click()
    pass_provider(page)
    expect(section(page)).to_contain_text("Linked since")
    assert page.url == f"{openid_site}/#/account"
    button(page, "Delete account…").click()
    button(page.get_by_role("dialog", name="Delete your account?"), "Delete").click()
    expect(button(page, f"Sign in with {NAME}")).to_be_visible()


@pytest.mark.usefixtures("grace")
def test_person_without_password_signs_in_again_after_the_session(openid_site, page, context):
    sign_in(page, openid_site)
    page.goto(f"{openid_site}/#/account")
    expect(section(page)).to_contain_text("no password")
    context.clear_cookies()
    button(page, "Sign out all other devices").click()
    button(page.get_by_role("dialog", name="Sign in again"), f"Sign in with {NAME}").click()
    pass_provider(page)
    expect(section(page)).to_contain_text("Linked since")
    assert page.url == f"{openid_site}/#/account"


def test_without_a_provider_there_is_no_button(site, page):
    page.goto(site)
    expect(button(page, "Sign in")).to_be_visible()
    assert page.get_by_role("button", name="Sign in with").count() == 0
