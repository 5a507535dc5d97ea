"""The web client: forgotten password, the pages behind links in mails, and the address on the account page."""

import re
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect
from surface import needs
from web_client import serve, sign_in_by_cookies

from tests.conftest import PASSWORD
from tests.extensions.account_mail.people import NEW, users
from tests.extensions.mail.sending import outbox_of, run_mail_server
from tests.servers import Server, wait_until

__all__ = ["outbox_of", "run_mail_server", "users"]  # fixtures
pytestmark = [pytest.mark.slow, pytest.mark.one_database, needs("web")]


@pytest.fixture
def mail_site(users):
    with serve(users.app) as url:
        yield url


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def test_forgotten_password_is_replaced_by_mail(users, mail_site, page, tmp_path):
    ada = users.add()
    page.goto(mail_site)
    button(page, "Forgot password?").click()
    page.get_by_label("Username or email address").fill(ada.username)
    page.screenshot(path=tmp_path / "forgot.png")
    button(page, "Send link").click()
    expect(page.get_by_role("status").filter(has_text="a mail with a link is on its way")).to_be_visible()
    token = users.token_in(users.mail_to(ada)[-1])
    page.goto("about:blank")
    page.goto(f"{mail_site}/#/reset-password/{token}")
    expect(page.get_by_role("heading", name="Choose a new password")).to_be_visible()
    assert token not in page.url
    page.get_by_label("New password").fill("password1234")
    button(page, "Set password").click()
    expect(page.get_by_text("Is too easily guessed.")).to_be_visible()
    page.screenshot(path=tmp_path / "reset.png")
    page.get_by_label("New password").fill(NEW)
    button(page, "Set password").click()
    expect(page.get_by_role("heading", name="Password changed")).to_be_visible()
    button(page, "Continue").click()
    page.get_by_label("Username").fill(ada.username)
    page.get_by_label("Password").fill(NEW)
    button(page, "Sign in").click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()


class FlaskRun(Server):
    """The API with the embedded database, served by `flask run`, which also sends the mails."""

    def command(self):
        return [Path(sys.executable).with_name("flask"), "--app", "wsgi", "run", "--port", str(self.port)]


@pytest.mark.one_database
def test_flask_run_sends_the_mail_whose_link_the_user_opens(run_mail_server, context, tmp_path):
    """The whole way of a user, with nothing between the browser, the server and the mail server."""
    box = run_mail_server()
    server = FlaskRun({"TASKAPI_INSTANCE_PATH": str(tmp_path / "instance")}, tmp_path)
    mail = {"TASKAPI_MAIL_URL": box.url, "TASKAPI_MAIL_FROM": "tasks@example.org"}
    server.environment |= mail | {"TASKAPI_PUBLIC_URL": server.address}
    referers = []
    context.on("request", lambda request: referers.append(request.headers.get("referer", "")))
    page = context.new_page()

    def open_latest_link(number):
        wait_until(lambda: len(box.to("grace@example.net")) == number)
        [link] = re.findall(r"http://\S+", box.to("grace@example.net")[-1].get_content())[1:]
        page.goto("about:blank")
        page.goto(link)
        return link.rpartition("/")[2]

    with server:
        page.goto(server.address)
        button(page, "Create an account").click()
        page.get_by_label("Username").fill("grace-hopper")
        page.get_by_label("Email (optional)").fill("grace@example.net")
        page.get_by_label("Password").fill(PASSWORD)
        button(page, "Create account").click()
        tokens = [open_latest_link(1)]
        button(page, "Confirm address").click()
        expect(page.get_by_role("heading", name="Address confirmed")).to_be_visible()
        context.clear_cookies()
        page.goto("about:blank")
        page.goto(server.address)
        button(page, "Forgot password?").click()
        page.get_by_label("Username or email address").fill("grace@example.net")
        button(page, "Send link").click()
        tokens.append(open_latest_link(2))
        page.get_by_label("New password").fill(NEW)
        button(page, "Set password").click()
        expect(page.get_by_role("heading", name="Password changed")).to_be_visible()
        button(page, "Continue").click()
        page.get_by_label("Username").fill("grace-hopper")
        page.get_by_label("Password").fill(NEW)
        button(page, "Sign in").click()
        expect(page.get_by_role("heading", name="Today")).to_be_visible()
        wait_until(lambda: "The password was changed" in [mail["Subject"] for mail in box.to("grace@example.net")])
    for token in tokens:
        assert token not in server.log.read_text() + str(referers)


def test_used_link_says_so(users, mail_site, page):
    token = users.reset(users.add())
    page.goto(f"{mail_site}/#/reset-password/{token}")
    page.get_by_label("New password").fill("another good password")
    button(page, "Set password").click()
    expect(page.get_by_role("alert")).to_have_text("The link is not valid any more.")


def test_address_is_changed_on_the_account_page(users, mail_site, context, tmp_path):
    ada = users.add(verified=False)
    sign_in_by_cookies(context, mail_site, ada.username)
    page = context.new_page()
    page.goto(f"{mail_site}/#/account")
    expect(page.get_by_text("Not confirmed")).to_be_visible()
    page.screenshot(path=tmp_path / "account.png", full_page=True)
    new = f"new-{ada.email}"
    page.get_by_label("Email address").fill(new)
    button(page, "Send confirmation").click()
    expect(page.get_by_text("A link is on its way.")).to_be_visible()
    users.outbox.send()
    token = users.token_in(users.box.to(new)[-1])
    page.goto(f"{mail_site}/#/verify-email/{token}")  # in the open tab
    expect(page.get_by_role("heading", name="Confirm your email address")).to_be_visible()
    page.screenshot(path=tmp_path / "verify.png")
    assert users.sign_in(ada).get("/api/v1/me/email").json["email"] == ada.email  # opening the page changes nothing
    button(page, "Confirm address").click()
    expect(page.get_by_role("heading", name="Address confirmed")).to_be_visible()
    button(page, "Continue").click()
    page.goto(f"{mail_site}/#/account")
    expect(page.get_by_text(re.compile(rf"{new}\s+Confirmed"))).to_be_visible()
    button(page, "Remove address").click()
    expect(page.get_by_text("You have no email address.")).to_be_visible()


def test_new_user_is_asked_to_confirm_the_address(users, mail_site, page):
    page.goto(mail_site)
    button(page, "Create an account").click()
    page.get_by_label("Username").fill("grace-hopper")
    page.get_by_label("Email (optional)").fill("grace@example.net")
    page.get_by_label("Password").fill(PASSWORD)
    button(page, "Create account").click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    users.outbox.send()
    assert [mail["Subject"] for mail in users.box.to("grace@example.net")] == ["Confirm your e-mail address"]


def test_server_without_mail_offers_no_reset(site, page):
    page.goto(site)
    expect(button(page, "Sign in")).to_be_visible()
    expect(button(page, "Forgot password?")).to_have_count(0)
