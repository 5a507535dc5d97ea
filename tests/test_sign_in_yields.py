"""The table "What each way yields" of docs/sessions.md: each row is tried over HTTP, in both forms of tokens."""

import re
import secrets
import time
from importlib import import_module
from uuid import uuid4

import pytest
import time_machine
from conftest import ROOT
from sqlalchemy import select

from taskapi.auth.models import Session
from taskapi.auth.sessions import create_session, subject_of
from taskapi.database import db, now
from taskapi.extensions import NAMES
from taskapi.users.models import User, create_user
from tests.conftest import PASSWORD
from tests.forging import decode_token
from tests.surface import needs

pytestmark = pytest.mark.one_database
NEW_PASSWORD = "another horse battery staple"
ISSUER = "https://login.example.org"
SECRETS = {
    "password", "new_password", "current_password", "access_token", "refresh_token", "csrf_access_token", "challenge",
    "csrf_refresh_token", "code", "verifier", "secret", "otpauth_uri", "token",
}  # fmt: skip
SETTINGS = {
    "mail": {"MAIL_URL": "smtp://127.0.0.1:9", "MAIL_FROM": "tasks@example.org"},
    "second_factor": {"SECOND_FACTOR_KEYS": "t1Zl3MR0yS8PSK8cKJmXH0y7Tg9kVQ2QnXb5cG1u6vE="},
    "passkeys": {"PASSKEY_RP_ID": "tasks.example.org"},
    "openid": {"OPENID_ISSUER": ISSUER, "OPENID_CLIENT_ID": "tasks"},
}


@pytest.fixture(scope="module")
def app(make_app):
    """The application with all ways to sign in that exist."""
    return make_app(**{name: value for part in SETTINGS if part in NAMES for name, value in SETTINGS[part].items()})


@pytest.fixture(scope="module")
def logging_app(make_app, app):
    """The same application, which logs every request."""
    settings = [name for part in SETTINGS if part in NAMES for name in SETTINGS[part].items()]
    return make_app(**dict(settings), LOG_LEVEL="debug")


@pytest.fixture(autouse=True)
def _steady_step():
    """Begin each test at the start of a time step, so that codes do not change during the test."""
    moment = time.time()
    with time_machine.travel(moment - moment % 30 + 1, tick=True):
        yield


class Visit:
    """A user, and a client that keeps tokens from bodies or in cookies."""

    def __init__(self, app, cookies):
        self.app, self.client, self.cookies = app, app.test_client(), cookies
        self.username = f"user-{secrets.token_hex(6)}"
        self.refresh_token = None
        self.codes = []
        self.secrets = {PASSWORD}  # that requests and responses had
        with app.app_context():
            self.id = create_user(self.username, PASSWORD).id
            db.session.commit()
        self.start_other_session()

    def send(self, method, path, csrf="csrf_access_token", **body):
        """Send a request with the tokens of the client."""
        value = self.client.get_cookie(csrf)
        headers = {"X-CSRF-TOKEN": value.value} if value else {}
        response = self.client.open(f"/api/v1{path}", method=method, json=body or None, headers=headers)
        for found in (body, response.json if response.is_json else {}):
            self.secrets |= {value for name, value in found.items() if name in SECRETS}
        return response

    def sign_in(self, path, **body):
        """Send a sign-in, which chooses where the tokens are."""
        return self.keep(self.send("POST", path, cookies=self.cookies, **body))

    def keep(self, response):
        """Use the tokens of a response from now on."""
        if response.is_json and "access_token" in response.json:
            self.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['access_token']}"
            self.refresh_token = response.json.get("refresh_token", self.refresh_token)
        return response

    def claims(self):
        """Return the claims of the current token."""
        header = self.client.environ_base.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        return decode_token(header or self.client.get_cookie("access_token").value)[1]

    def start_other_session(self):
        """Start the session of another device."""
        with self.app.test_request_context():
            subject = subject_of(db.session.get(User, self.id), ["pwd"])
            self.other_session = create_session(subject, now(), fresh=False).session_id
            db.session.commit()

    def other_is_over(self):
        """Tell whether the other session of the user has ended."""
        with self.app.app_context():
            return db.session.scalars(select(Session.id).where(Session.id == self.other_session)).first() is None

    # Steps of ways

    def login(self):
        """Send the password."""
        return self.sign_in("/auth/login", username=self.username, password=PASSWORD)

    def enable_factor(self):
        """Set up a second factor; return the response of the confirmation."""
        self.secret = self.send("POST", "/me/second-factor", password=PASSWORD).json["secret"]
        response = self.keep(self.send("POST", "/me/second-factor/confirm", code=self.code(-1)))
        self.codes = response.json["recovery_codes"]
        return response

    def code(self, steps=0):
        """Return a code of the application."""
        return import_module("pyotp").TOTP(self.secret).at(int(time.time()) + 30 * steps)

    def has_factor(self):
        """Set up a second factor, and forget all tokens."""
        self.login()
        self.enable_factor()
        self.client = self.app.test_client()
        self.start_other_session()

    def exchange(self, reauthenticate=False):
        """Return from the provider, and exchange the code."""
        service = import_module("taskapi.extensions.openid.service")
        pending = import_module("taskapi.extensions.openid.pending")
        accounts = import_module("taskapi.extensions.openid_accounts.models")
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = pending.challenge_of(verifier)
        started = pending.PendingSignIn("/", challenge, reauthenticate, int(time.time()), state, nonce, verifier)
        claims = {"iss": ISSUER, "sub": secrets.token_hex(8), "auth_time": int(time.time())}
        with self.app.app_context():
            identity = accounts.OpenidIdentity(user_id=self.id, issuer=ISSUER, subject=claims["sub"])
            db.session.add(identity)
            service.spend_state(started)
            code = service.create_code(started, claims)
            db.session.commit()
        return self.sign_in("/auth/openid/exchange", code=code, verifier=verifier)

    def use_passkey(self):
        """Sign in with a new passkey."""
        passkeys = import_module("tests.extensions.passkeys.authenticator")
        authenticator = passkeys.Authenticator()
        self.login()
        credential = authenticator.create(self.send("POST", "/me/passkeys/options").json["options"])
        assert self.send("POST", "/me/passkeys", name="Phone", credential=credential).status_code == 201
        self.client = self.app.test_client()
        credential = authenticator.get(self.send("POST", "/auth/passkeys/options").json["options"])
        return self.sign_in("/auth/passkeys", credential=credential)

    def link(self, purpose):
        """Return the token of a link in a mail."""
        links = import_module("taskapi.extensions.account_mail.links")
        with self.app.app_context():
            user = links.lock_user(self.id)
            found = links.create_link(user, links.Purpose[purpose], f"{secrets.token_hex(6)}@example.org", uuid4())
            db.session.commit()
        return found.rpartition("/")[2]


def register(visit):
    return visit.send("POST", "/auth/register", username=f"user-{secrets.token_hex(6)}", password=PASSWORD)


def login_with_factor(visit):
    visit.has_factor()
    return visit.login()


def code(visit):
    return visit.sign_in("/auth/second-factor", challenge=login_with_factor(visit).json["challenge"], code=visit.code())


def recovery_code(visit):
    challenge = login_with_factor(visit).json["challenge"]
    return visit.sign_in("/auth/second-factor", challenge=challenge, code=visit.codes[0])


def exchange_with_factor(visit):
    visit.has_factor()
    return visit.exchange()


def code_after_provider(visit, reauthenticate=False):
    visit.has_factor()
    challenge = visit.exchange(reauthenticate).json["challenge"]
    return visit.sign_in("/auth/second-factor", challenge=challenge, code=visit.code())


def signed_in(send):
    """Return a way that begins with a session."""

    def way(visit):
        visit.login()
        visit.before = visit.claims()
        return visit.keep(send(visit))

    return way


def refresh(visit):
    body = {"refresh_token": visit.refresh_token} if visit.refresh_token else {}
    return visit.send("POST", "/auth/refresh", csrf="csrf_refresh_token", **body)


def change_password(visit):
    return visit.send("PUT", "/me/password", current_password=PASSWORD, new_password=NEW_PASSWORD)


def disable(visit):
    code(visit)
    visit.before = visit.claims()
    body = {"password": PASSWORD, "code": visit.code(1)}
    return visit.keep(visit.send("POST", "/me/second-factor/disable", **body))


def reset(visit):
    return visit.send("POST", "/auth/password-reset/confirm", token=visit.link("RESET"), new_password=NEW_PASSWORD)


def personal_token(visit):
    visit.login()
    body = {"name": "Script", "permissions": ["account:read"]}
    token = visit.send("POST", "/me/tokens", **body).json["token"]
    visit.client = visit.app.test_client()
    visit.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return visit.send("GET", "/me")


def passkey_with_factor(visit):
    visit.login()
    visit.enable_factor()
    visit.login = lambda: visit.keep(visit.send("POST", "/auth/verify-password", password=PASSWORD))
    visit.start_other_session()
    return visit.use_passkey()


PASSKEYS, FACTOR, PROVIDER, MAIL = (
    ("passkeys",),
    ("second_factor",),
    ("openid", "openid_accounts"),
    ("mail", "account_mail"),
)
# What tries each way, and the extensions that it needs
WAYS = {
    "`POST /auth/register`": (register, ()),
    "`POST /auth/login`": (Visit.login, ()),
    "`POST /auth/login`, with a second factor": (login_with_factor, FACTOR),
    "`POST /auth/second-factor`, with a code": (code, FACTOR),
    "`POST /auth/second-factor`, with a recovery code": (recovery_code, FACTOR),
    "`POST /auth/passkeys`": (Visit.use_passkey, PASSKEYS),
    "`POST /auth/passkeys`, with a second factor": (passkey_with_factor, PASSKEYS + FACTOR),
    "`POST /auth/openid/exchange`": (Visit.exchange, PROVIDER),
    "`POST /auth/openid/exchange`, after credentials at the provider": (lambda visit: visit.exchange(True), PROVIDER),
    "`POST /auth/openid/exchange`, with a second factor": (exchange_with_factor, PROVIDER + FACTOR),
    "`POST /auth/second-factor`, after an OpenID provider": (code_after_provider, PROVIDER + FACTOR),
    "`POST /auth/second-factor`, after credentials at the provider": (
        lambda visit: code_after_provider(visit, True),
        PROVIDER + FACTOR,
    ),
    "`POST /auth/refresh`": (signed_in(refresh), ()),
    "`POST /auth/verify-password`": (
        signed_in(lambda visit: visit.send("POST", "/auth/verify-password", password=PASSWORD)),
        (),
    ),
    "`PUT /me/password`": (signed_in(change_password), ()),
    "`DELETE /auth/sessions`": (signed_in(lambda visit: visit.send("DELETE", "/auth/sessions")), ()),
    "`POST /me/second-factor/confirm`": (signed_in(Visit.enable_factor), FACTOR),
    "`POST /me/second-factor/disable`": (disable, FACTOR),
    "`POST /auth/password-reset/confirm`": (reset, MAIL),
    "`POST /auth/email-verification/confirm`": (
        lambda visit: visit.send("POST", "/auth/email-verification/confirm", token=visit.link("VERIFY")),
        MAIL,
    ),
    "a personal token": (personal_token, ("personal_tokens",)),
}


def table():
    """Return the rows of the table, by the way."""
    text = (ROOT / "docs/sessions.md").read_text().partition("## What each way yields\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*\|$", text, re.MULTILINE)
    ]
    return {row[0]: row[1:] for row in rows[2:]}


def amr_cell(visit, amr):
    """Return the methods as the table has them: those of a session before, with one more or without one."""
    before = getattr(visit, "before", {}).get("amr")
    shown = ", ".join(f"`{method}`" for method in amr)
    if before is None:
        return shown
    more = [f"`{method}`" for method in amr if method not in before]
    fewer = [f"without `{method}`" for method in before if method not in amr]
    return " ".join([", ".join(["that of the session", *more]), *fewer])


def test_table_has_every_way():
    assert list(table()) == list(WAYS)


@pytest.mark.parametrize("cookies", [False, True], ids=["body", "cookies"])
@pytest.mark.parametrize("way", [pytest.param(way, marks=needs(*extensions)) for way, (_, extensions) in WAYS.items()])
def test_way_yields_what_the_table_says(app, way, cookies):
    visit = Visit(app, cookies)
    response = WAYS[way][0](visit)
    session, tokens, fresh, amr = table()[way]
    body = response.json if response.is_json else {}
    is_yielded = "expires_in" in body
    assert response.headers["Cache-Control"] == "no-store"
    assert ("yes" if is_yielded else "none, a challenge" if "challenge" in body else "none") == tokens, response.text
    set_cookies = " ".join(response.headers.getlist("Set-Cookie"))
    others = ", the others end" if visit.other_is_over() else ""
    if not is_yielded:
        assert (f"none{others}", "", "") == (session, fresh, amr)
        assert "access_token" not in body
        assert "token" not in set_cookies
        return
    assert ("access_token" in body, "csrf_access_token" in body) == (not cookies, cookies)
    assert ("access_token" in set_cookies) is cookies
    claims = visit.claims()
    kind = "the same" if claims["sid"] == getattr(visit, "before", {}).get("sid") else "new"
    assert (kind + others, "yes" if claims["fresh"] else "no", amr_cell(visit, claims["amr"])) == (session, fresh, amr)
    assert not {"auth_time", "acr"} & claims.keys()
    visit.keep(refresh(visit))
    refreshed = visit.claims()
    assert (refreshed["sid"], refreshed["amr"], refreshed["fresh"]) == (claims["sid"], claims["amr"], False)


def test_every_route_that_yields_tokens_is_in_the_table(app):
    document = app.test_client().get("/openapi.json").json
    yielding = {
        f"`{method.upper()} {path.removeprefix('/api/v1')}`"
        for path, item in document["paths"].items()
        for method in item.keys() - {"parameters"}
        if "200" in item[method]["responses"]
        for content in item[method]["responses"]["200"].get("content", {}).values()
        if yields_tokens(document, content["schema"])
    }
    assert len(yielding) >= 5
    assert yielding <= {way.partition(",")[0] for way in table()}


def yields_tokens(document, schema):
    name = schema.get("$ref", "").rpartition("/")[2]
    return "access_token" in document["components"]["schemas"].get(name, schema).get("properties", {})


@pytest.mark.parametrize("way", [pytest.param(way, marks=needs(*needed)) for way, (_, needed) in WAYS.items()])
def test_no_secret_of_a_way_is_logged(logging_app, capfd, caplog, way):
    visit = Visit(logging_app, cookies=True)
    WAYS[way][0](visit)
    logged = "".join(capfd.readouterr()) + caplog.text
    assert "/auth/" in logged or "/me" in logged
    assert [secret for secret in visit.secrets if secret in logged] == []
