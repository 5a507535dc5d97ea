"""Accounts with addresses, and what they do, for tests."""

import re
import secrets
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from taskapi.database import db
from taskapi.extensions.account_mail.models import MailLink, VerifiedEmail
from taskapi.users.models import create_user
from taskapi.users.service import change_active, change_roles, delete_user, lock_account
from tests.conftest import PASSWORD
from tests.extensions.mail.mail_server import Mailbox
from tests.extensions.mail.sending import Outbox

PUBLIC_URL = "https://tasks.example.org/app"
NEW = "a new and long enough password"


class User(NamedTuple):
    """An account."""

    id: Any
    username: str
    email: str


class People:
    """An application with a mail server, and its accounts."""

    def __init__(self, outbox: Outbox, box: Mailbox, build: Callable[..., Outbox]) -> None:
        self.outbox, self.box, self.build = outbox, box, build
        self.app: Flask = outbox.app
        self.client: FlaskClient = self.app.test_client()

    def app_with(self, **settings: Any) -> Flask:
        """Build the application with other settings."""
        return self.build(self.box.url, PUBLIC_URL=PUBLIC_URL, **settings).app

    def add(self, *, email: str | None = "", verified: bool = True) -> User:
        """Add an account with an address of its own, unless another one is given."""
        username = f"person-{secrets.token_hex(6)}"
        email = f"{username}@example.org" if email == "" else email
        with self.app.app_context():
            user = create_user(username, PASSWORD, email=email)
            if email and verified:
                db.session.flush()
                db.session.add(VerifiedEmail(user_id=user.id, email=email, lookup=email.lower()))
            db.session.commit()
            return User(user.id, username, email or "")

    def sign_in(self, person: User, password: str = PASSWORD) -> FlaskClient | None:
        """Return a client of a user, or None if the password is wrong."""
        client = self.app.test_client()
        response = client.post("/api/v1/auth/login", json={"username": person.username, "password": password})
        if response.status_code != 200:
            return None
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['access_token']}"
        return client

    def mail_to(self, person: User) -> list[EmailMessage]:
        """Send what is due; return all mails to a user."""
        self.outbox.send()
        return self.box.to(person.email)

    @staticmethod
    def token_in(mail: EmailMessage) -> str:
        """Return the token of the link in a mail."""
        return re.search(r"/#/[a-z-]+/(\S+)", mail.get_content())[1]  # type: ignore[index]

    def ask(self, person: User) -> str:
        """Ask for a reset; return the token."""
        self.client.post("/api/v1/auth/password-reset", json={"login": person.username})
        return self.token_in(self.mail_to(person)[-1])

    def reset(self, person: User, password: str = NEW) -> str:
        """Reset the password; return the token, which is used."""
        token = self.ask(person)
        body = {"token": token, "new_password": password}
        assert self.client.post("/api/v1/auth/password-reset/confirm", json=body).status_code == 204
        return token

    def ask_to_verify(self, person: User, email: str, password: str = PASSWORD) -> str:
        """Ask for a verification of an address; return the token."""
        assert self.sign_in(person, password).post("/api/v1/me/email", json={"email": email}).status_code == 202
        self.outbox.send()
        return self.token_in(self.box.to(email)[-1])

    def change(self, person: User, change: str) -> None:
        """Change an account in one of the ways that void links."""
        if change == "password":
            body = {"current_password": PASSWORD, "new_password": "some other long password"}
            assert self.sign_in(person).put("/api/v1/me/password", json=body).status_code == 200
            return
        if change == "address":
            assert self.sign_in(person).delete("/api/v1/me/email").status_code == 204
            return
        with self.app.app_context():
            user = lock_account(person.id)
            if change == "deletion":
                delete_user(user)
            elif change == "roles":
                change_roles(user, ["viewer"])
            else:
                change_active(user, active=False)
            db.session.commit()


@pytest.fixture
def users(outbox_of: Callable[..., Outbox], run_mail_server: Callable[..., Mailbox]) -> People:
    """An application with a mail server."""
    box = run_mail_server()
    outbox = outbox_of(box.url, PUBLIC_URL=PUBLIC_URL)
    with outbox.app.app_context():
        db.session.execute(sa.delete(MailLink))
        db.session.commit()
    return People(outbox, box, outbox_of)


__all__ = ["NEW", "PUBLIC_URL", "People", "User", "users"]
