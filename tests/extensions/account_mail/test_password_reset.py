"""Password reset by mail: the way of a user, and each attack."""

import datetime as dt
import logging
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
import time_machine
from sqlalchemy import event

from taskapi.audit.models import AuditEntry
from taskapi.database import db
from taskapi.extensions.account_mail.links import LINK_MINUTES, MAX_LINKS
from taskapi.extensions.account_mail.models import MailLink
from taskapi.extensions.mail import outbox
from taskapi.extensions.mail.models import OutgoingMail
from tests.conftest import PASSWORD
from tests.extensions.account_mail.people import NEW, PUBLIC_URL, users
from tests.extensions.mail.sending import outbox_of, run_mail_server
from tests.servers import free_port

pytestmark = pytest.mark.slow

__all__ = ["outbox_of", "run_mail_server", "users"]  # fixtures

RESET = "/api/v1/auth/password-reset"
CONFIRM = f"{RESET}/confirm"


def later(**units):
    return time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(**units), tick=True)


def is_invalid(response):
    return (response.status_code, response.json and response.json["code"]) == (410, "link_invalid")


def test_user_resets_the_password_by_mail(users):
    ada = users.add()
    session = users.sign_in(ada)
    response = users.client.post(RESET, json={"login": ada.username})
    assert (response.status_code, response.data) == (202, b"")
    [mail] = users.mail_to(ada)
    token = users.token_in(mail)
    assert f"{PUBLIC_URL}/#/reset-password/{token}" in mail.get_content()
    response = users.client.post(CONFIRM, json={"token": token, "new_password": NEW})
    assert (response.status_code, response.data) == (204, b"")
    assert session.get("/api/v1/me").json["code"] == "token_revoked"
    assert users.sign_in(ada, PASSWORD) is None
    assert users.sign_in(ada, NEW).get("/api/v1/me").status_code == 200
    assert "The password was changed" in [mail["Subject"] for mail in users.mail_to(ada)]


@pytest.mark.parametrize("login", ["verified address", "capitals", "username in capitals"])
def test_reset_accepts_the_username_and_the_verified_address(users, login):
    ada = users.add()
    names = {"verified address": ada.email, "capitals": ada.email.upper(), "username in capitals": ada.username.upper()}
    users.client.post(RESET, json={"login": names[login]})
    [mail] = users.mail_to(ada)
    assert mail["To"] == ada.email  # as it is stored, not as it was entered


def test_reset_ends_refresh_tokens_and_is_recorded(users):
    ada = users.add()
    signed_in = users.client.post("/api/v1/auth/login", json={"username": ada.username, "password": PASSWORD}).json
    users.reset(ada)
    response = users.client.post("/api/v1/auth/refresh", json={"refresh_token": signed_in["refresh_token"]})
    assert response.status_code == 401
    activity = users.sign_in(ada, NEW).get("/api/v1/me/activity").json["items"]
    events = {entry["event"]: entry for entry in activity}
    assert {"password_reset_requested", "password_changed", "sign_out"} <= events.keys()
    assert (events["password_changed"]["details"], events["password_changed"]["actor_id"]) == ({"by": "mail"}, None)


def test_link_is_used_once(users):
    ada = users.add()
    token = users.reset(ada)
    assert is_invalid(users.client.post(CONFIRM, json={"token": token, "new_password": "another good password"}))


def test_link_is_used_once_by_parallel_requests(users):
    ada = users.add()
    token = users.ask(ada)
    passwords = [f"a new long password {number}" for number in range(8)]

    def confirm(password):
        return users.app.test_client().post(CONFIRM, json={"token": token, "new_password": password}).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = [*threads.map(confirm, passwords)]
    statuses = [status for status in statuses if status != 503]  # the password queue is full
    assert statuses.count(204) == 1
    assert {*statuses} <= {204, 410}
    assert sum(users.sign_in(ada, password) is not None for password in passwords) == 1


@pytest.mark.parametrize("change", ["password", "deactivation", "roles", "address", "deletion"])
def test_link_is_void_after_a_change_of_the_account(users, change):
    ada = users.add()
    token = users.ask(ada)
    users.change(ada, change)
    assert is_invalid(users.client.post(CONFIRM, json={"token": token, "new_password": NEW}))


def test_link_is_void_after_30_minutes(users):
    ada = users.add()
    token = users.ask(ada)
    with later(minutes=LINK_MINUTES, seconds=1):
        assert is_invalid(users.client.post(CONFIRM, json={"token": token, "new_password": NEW}))


def test_reset_voids_the_other_links(users):
    ada = users.add()
    first, second = users.ask(ada), users.ask(ada)
    assert users.client.post(CONFIRM, json={"token": second, "new_password": NEW}).status_code == 204
    assert is_invalid(users.client.post(CONFIRM, json={"token": first, "new_password": NEW}))


def test_weak_password_does_not_use_up_the_link(users):
    ada = users.add()
    token = users.ask(ada)
    for weak in ("short", "password1234", ada.username + ada.username):
        response = users.client.post(CONFIRM, json={"token": token, "new_password": weak})
        assert (response.status_code, [*response.json["errors"]["json"]]) == (422, ["new_password"])
    assert users.client.post(CONFIRM, json={"token": token, "new_password": NEW}).status_code == 204


def test_get_of_a_link_changes_nothing(users):
    """A mail scanner fetches links. The token is in the fragment, so the request does not even have it."""
    ada = users.add()
    token = users.ask(ada)
    for path in ("/", CONFIRM, f"{CONFIRM}?token={token}"):
        users.client.get(path)
        users.client.head(path)
    assert users.client.post(CONFIRM, json={"token": token, "new_password": NEW}).status_code == 204


def test_token_of_verification_does_not_reset_a_password(users):
    ada = users.add()
    token = users.ask_to_verify(ada, ada.email)
    assert is_invalid(users.client.post(CONFIRM, json={"token": token, "new_password": NEW}))


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Origin": "https://evil.example"}]
)
def test_link_does_not_depend_on_the_request(users, headers):
    ada = users.add()
    users.client.post(RESET, json={"login": ada.username}, headers=headers)
    [mail] = users.mail_to(ada)
    assert "evil" not in mail.as_string()
    assert f"{PUBLIC_URL}/#/" in mail.get_content()


@pytest.mark.parametrize("field", ["redirect_to", "next", "url", "email"])
def test_reset_accepts_no_other_field(users, field):
    response = users.client.post(RESET, json={"login": "ada", field: "https://evil.example"})
    assert (response.status_code, response.json["errors"]["json"]) == (422, {field: ["Unknown field."]})


def test_full_outbox_accepts_no_request_until_it_is_sent(users, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_WAITING", 2)
    ada = users.add()
    responses = [users.client.post(RESET, json={"login": name}) for name in (ada.username, "nobody", ada.username)]
    assert [response.status_code for response in responses] == [202, 202, 503]
    assert (responses[-1].json["code"], responses[-1].headers["Retry-After"]) == ("unavailable", "2")
    users.outbox.send()
    assert users.client.post(RESET, json={"login": ada.username}).status_code == 202


def test_mails_that_failed_take_no_place_in_the_outbox(users, run_mail_server, monkeypatch):
    """Anybody can ask for mails to addresses that do not exist. They must not keep others from a new password."""
    monkeypatch.setattr(outbox, "MAX_WAITING", 2)
    rejecting = users.build(run_mail_server("reject").url, PUBLIC_URL=PUBLIC_URL)
    for eve in (users.add(), users.add()):
        users.sign_in(eve).post("/api/v1/me/email", json={"email": f"no-{eve.email}"})
    assert rejecting.send() == "2 failed"
    assert users.client.post(RESET, json={"login": users.add().username}).status_code == 202


def test_response_and_statements_are_the_same_for_all_names(users):
    ada, unverified, no_address = users.add(), users.add(verified=False), users.add(email=None)
    inactive = users.add()
    users.change(inactive, "deactivation")
    logins = [ada.username, ada.email, unverified.username, unverified.email, no_address.username, inactive.email]
    seen = set()
    for login in [*logins, "nobody", "nobody@example.org"]:
        statements = []
        with users.app.app_context():
            listener = lambda _c, _k, statement, *_: statements.append(statement)  # noqa: E731, B023
            for engine in db.engines.values():
                event.listen(engine, "before_cursor_execute", listener)
        response = users.client.post(RESET, json={"login": login})
        with users.app.app_context():
            for engine in db.engines.values():
                event.remove(engine, "before_cursor_execute", listener)
        headers = {name: value for name, value in response.headers.items() if name not in {"X-Request-ID", "Date"}}
        seen.add((response.status_code, response.data, tuple(sorted(headers.items())), tuple(statements)))
    assert len(seen) == 1
    assert len(next(iter(seen))[-1]) > 0
    users.outbox.send()
    assert {mail["To"] for mail in users.box.all()} == {ada.email}


def test_unverified_address_gets_no_link(users):
    """Anybody can enter the address of somebody else, by mistake too."""
    ada = users.add(verified=False)
    users.client.post(RESET, json={"login": ada.username})
    users.client.post(RESET, json={"login": ada.email})
    assert users.mail_to(ada) == []


def test_accounts_with_one_address_get_one_mail_with_a_link_each(users):
    ada = users.add()
    second = users.add(email=ada.email)
    users.client.post(RESET, json={"login": ada.email})
    [mail] = users.mail_to(ada)
    text = mail.get_content()
    assert {ada.username, second.username} == {*re.findall(r"Account: (\S+)", text)}
    tokens = re.findall(r"/#/reset-password/(\S+)", text)
    for token in tokens:
        assert users.client.post(CONFIRM, json={"token": token, "new_password": NEW}).status_code == 204
    assert users.sign_in(second, NEW)


def test_mailbox_is_not_flooded(users):
    ada = users.add()
    for _ in range(MAX_LINKS + 5):
        assert users.client.post(RESET, json={"login": ada.username}).status_code == 202
        assert users.client.post(RESET, json={"login": ada.email}).status_code == 202
    assert len(users.mail_to(ada)) == MAX_LINKS
    with later(minutes=LINK_MINUTES, seconds=1):
        users.client.post(RESET, json={"login": ada.username})
        assert len(users.mail_to(ada)) == MAX_LINKS + 1


def test_mail_arrives_after_an_outage_of_the_mail_server(users):
    """Attempts that failed are no mails: the mailbox is not flooded, and its owner has no link."""
    ada = users.add()
    down = users.build(f"smtp://127.0.0.1:{free_port()}", PUBLIC_URL=PUBLIC_URL)
    users.client.post(RESET, json={"login": ada.username})
    for minutes in (0, 1, 3, 6, 12):
        with later(minutes=minutes):
            assert down.send() == "1 retried"
    with later(minutes=25):
        [mail] = users.mail_to(ada)
        assert users.client.post(CONFIRM, json={"token": users.token_in(mail), "new_password": NEW}).status_code == 204
    events = [entry["event"] for entry in users.sign_in(ada, NEW).get("/api/v1/me/activity").json["items"]]
    assert events.count("password_reset_requested") == 1


@pytest.mark.usefixtures("stopped_clock")
def test_requests_are_limited_by_address(users, make_app):
    limited = users.app_with(RATELIMIT_ENABLED=True).test_client()
    statuses = [limited.post(RESET, json={"login": "nobody"}).status_code for _ in range(21)]
    assert statuses == [202] * 20 + [429]


def test_token_is_neither_stored_nor_logged(users, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    ada = users.add()
    users.client.post(RESET, json={"login": ada.username})
    with users.app.app_context():
        waiting = db.session.execute(sa.select(OutgoingMail.__table__)).mappings().all()
    token = users.token_in(users.mail_to(ada)[-1])
    users.client.post(CONFIRM, json={"token": token, "new_password": NEW})
    with users.app.app_context():
        stored = db.session.execute(sa.select(MailLink.__table__)).mappings().all()
        entries = db.session.execute(sa.select(AuditEntry.details)).all()
    for place in (str(waiting), str(stored), str(entries), caplog.text, *capfd.readouterr()):
        assert token not in place
    assert re.fullmatch(r"[\w-]{43}", token)  # 256 bits


@pytest.mark.parametrize("token", ["", "x", "ä" * 200, "a" * 201, "' OR 1=1 --"])
def test_forged_token_is_refused(users, token):
    response = users.client.post(CONFIRM, json={"token": token, "new_password": NEW})
    assert response.status_code in {410, 422}


def test_server_without_mail_says_so(client):
    response = client.post(RESET, json={"login": "ada"})
    assert (response.status_code, response.json["code"]) == (409, "mail_off")
