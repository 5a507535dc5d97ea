"""Verification, change and removal of the e-mail address, and each attack."""

import datetime as dt

import pytest
import time_machine

from taskapi.config import SettingsError
from taskapi.extensions.account_mail.links import LINK_MINUTES, MAX_LINKS
from tests.extensions.account_mail.people import NEW, users
from tests.extensions.account_mail.test_password_reset import is_invalid
from tests.extensions.mail.sending import outbox_of, run_mail_server

pytestmark = pytest.mark.slow

__all__ = ["outbox_of", "run_mail_server", "users"]  # fixtures

EMAIL = "/api/v1/me/email"
CONFIRM = "/api/v1/auth/email-verification/confirm"


def confirm(users, token):
    return users.client.post(CONFIRM, json={"token": token})


def test_user_verifies_the_address_and_can_then_reset_the_password(users):
    ada = users.add(verified=False)
    client = users.sign_in(ada)
    assert client.get(EMAIL).json == {"email": ada.email, "verified": False}
    token = users.ask_to_verify(ada, ada.email)
    assert client.get(EMAIL).json["verified"] is False
    response = confirm(users, token)
    assert (response.status_code, response.data) == (204, b"")
    assert client.get(EMAIL).json == {"email": ada.email, "verified": True}
    users.reset(ada)
    events = [entry["event"] for entry in users.sign_in(ada, NEW).get("/api/v1/me/activity").json["items"]]
    assert "email_verified" in events
    assert "email_changed" not in events


def test_new_address_counts_after_its_confirmation_and_the_old_one_gets_a_notice(users):
    ada = users.add()
    client, new = users.sign_in(ada), f"new-{ada.email}"
    token = users.ask_to_verify(ada, new)
    assert client.get("/api/v1/me").json["email"] == ada.email
    assert users.mail_to(ada) == []  # nothing has changed yet
    assert confirm(users, token).status_code == 204
    assert client.get(EMAIL).json == {"email": new, "verified": True}
    assert client.get("/api/v1/me").json["email"] == new
    [notice] = users.mail_to(ada)
    assert notice["Subject"] == "The e-mail address was changed"
    assert ada.username in notice.get_content()
    assert new not in notice.get_content()
    activity = client.get("/api/v1/me/activity").json["items"]
    assert {"email_changed", "email_verified"} <= {entry["event"] for entry in activity}
    users.client.post("/api/v1/auth/password-reset", json={"login": ada.email})
    assert len(users.mail_to(ada)) == 1  # the old address gets no link


def test_user_without_an_address_adds_one(users):
    ada = users.add(email=None)
    address = f"{ada.username}@example.org"
    assert confirm(users, users.ask_to_verify(ada, address)).status_code == 204
    assert users.sign_in(ada).get(EMAIL).json == {"email": address, "verified": True}


def test_removed_address_gets_a_notice_and_no_links(users):
    ada = users.add()
    client = users.sign_in(ada)
    assert client.delete(EMAIL).status_code == 204
    assert client.get(EMAIL).json == {"email": None, "verified": False}
    assert [mail["Subject"] for mail in users.mail_to(ada)] == ["The e-mail address was removed"]
    users.client.post("/api/v1/auth/password-reset", json={"login": ada.username})
    assert len(users.mail_to(ada)) == 1


def test_address_cannot_be_changed_without_confirmation(users):
    """A stolen access token that is not fresh must not be enough to take over the account."""
    ada = users.add()
    client = users.sign_in(ada)
    for email in ("eve@example.org", None):
        response = client.patch("/api/v1/me", json={"email": email})
        assert (response.status_code, [*response.json["errors"]["json"]]) == (422, ["email"])
    assert client.patch("/api/v1/me", json={"name": "Ada", "email": ada.email}).status_code == 200
    assert client.get(EMAIL).json == {"email": ada.email, "verified": True}


def test_change_needs_a_fresh_token(users):
    ada = users.add()
    credentials = {"username": ada.username, "password": "correct horse battery staple"}
    signed_in = users.client.post("/api/v1/auth/login", json=credentials).json
    response = users.client.post("/api/v1/auth/refresh", json={"refresh_token": signed_in["refresh_token"]})
    stale = {"Authorization": f"Bearer {response.json['access_token']}"}
    for change in (users.client.post(EMAIL, json={"email": "eve@example.org"}, headers=stale),
                   users.client.delete(EMAIL, headers=stale)):  # fmt: skip
        assert (change.status_code, change.json["code"]) == (401, "fresh_token_required")


@pytest.mark.parametrize("change", ["password", "deactivation", "roles", "address", "deletion"])
@pytest.mark.parametrize("is_sent", [True, False], ids=["sent", "waiting"])
def test_verification_is_void_after_a_change_of_the_account(users, change, is_sent):
    """A user who notices an intruder changes the password. The intruder's request must not succeed afterwards."""
    ada = users.add()
    new = f"new-{ada.email}"
    if is_sent:
        token = users.ask_to_verify(ada, new)
        users.change(ada, change)
        assert is_invalid(confirm(users, token))
    else:
        assert users.sign_in(ada).post(EMAIL, json={"email": new}).status_code == 202
        users.change(ada, change)
        users.outbox.send()
        assert users.box.to(new) == []


def test_verification_link_is_used_once_and_expires(users):
    ada = users.add(verified=False)
    token = users.ask_to_verify(ada, ada.email)
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=LINK_MINUTES, seconds=1)):
        assert is_invalid(confirm(users, token))
    assert confirm(users, token).status_code == 204
    assert is_invalid(confirm(users, token))


def test_reset_link_does_not_verify_an_address(users):
    ada = users.add()
    assert is_invalid(confirm(users, users.ask(ada)))


def test_stranger_is_not_flooded_and_gets_no_text_of_users(users):
    eves = [users.add() for _ in range(3)]
    for eve in eves:
        client = users.sign_in(eve)
        client.patch("/api/v1/me", json={"name": "WIN MONEY http://evil.example"})
        for address in ("victim@example.net", "Victim@Example.net"):
            assert client.post(EMAIL, json={"email": address}).status_code == 202
    users.outbox.send()
    mails = users.box.to("victim@example.net") + users.box.to("Victim@Example.net")
    assert len(mails) == MAX_LINKS
    for mail in mails:
        assert not {word for eve in eves for word in (eve.username, eve.email, "evil") if word in mail.as_string()}


@pytest.mark.usefixtures("stopped_clock")
def test_requests_of_one_user_are_limited(users):
    ada = users.add()
    users.app = users.app_with(RATELIMIT_ENABLED=True)
    client = users.sign_in(ada)
    statuses = [client.post(EMAIL, json={"email": ada.email}).status_code for _ in range(11)]
    assert statuses == [202] * 10 + [429]


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\nBcc:eve@example.org",
        "ada@example.org,eve@example.org",
        "<ada@example.org>",
        '"ada"@example.org',
        "ada(comment)@example.org",
        "ädä@example.org",
        "ada@exämple.org",
        "ada@[127.0.0.1]",
        "=?utf-8?q?ada?=@example.org",
        f"{'a' * 65}@example.org",
    ],
)
def test_address_that_is_unsafe_in_a_header_is_refused(users, address):
    response = users.sign_in(users.add()).post(EMAIL, json={"email": address})
    assert (response.status_code, [*response.json["errors"]["json"]]) == (422, ["email"])


def test_server_without_mail_leaves_the_address_to_patch(signed_in):
    client = signed_in()
    response = client.post(EMAIL, json={"email": "ada@example.org"})
    assert (response.status_code, response.json["code"]) == (409, "mail_off")
    assert client.patch("/api/v1/me", json={"email": "ada@example.org"}).status_code == 200
    assert client.get(EMAIL).json == {"email": "ada@example.org", "verified": False}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "Must be set"),
        ("http://tasks.example.org", "Must be https"),
        ("https://tasks.example.org/", "without a final slash"),
        ("https://tasks.example.org/?next=", "Must be like"),
        ("javascript:alert(1)", "Must be like"),
    ],
)
def test_unfit_public_address_is_refused_in_production(make_app, url, message):
    production = {
        "ENV": "production",
        "JWT_SECRET_KEY": "f3a1c07b9d2e4858a6cbd10e7f394b25",
        "TRUSTED_HOSTS": "localhost",
        "MAIL_URL": "smtps://mail.example.org",
        "MAIL_FROM": "tasks@example.org",
    }
    with pytest.raises(SettingsError, match=f"TASKAPI_PUBLIC_URL.*{message}"):
        make_app(PUBLIC_URL=url, **production)
