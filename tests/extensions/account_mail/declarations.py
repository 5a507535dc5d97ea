"""What the tests for all routes must know of this extension."""

from datetime import timedelta
from functools import partial
from secrets import token_bytes
from uuid import UUID, uuid4

from flask.testing import FlaskClient

from taskapi.database import db, now
from taskapi.extensions.account_mail.links import Purpose, create_link, lock_user
from taskapi.extensions.account_mail.models import MailLink, VerifiedEmail
from taskapi.extensions.account_mail.schemas import RESET_TOKEN, VERIFICATION_TOKEN
from tests.surface import ANYONE, EVERY_ROLE

MATRIX = {
    "POST /api/v1/auth/password-reset": ANYONE,
    "POST /api/v1/auth/password-reset/confirm": ANYONE,
    "POST /api/v1/auth/email-verification/confirm": ANYONE,
    "GET /api/v1/me/email": EVERY_ROLE,
    "POST /api/v1/me/email": EVERY_ROLE,
    "DELETE /api/v1/me/email": EVERY_ROLE,
}
FRESH = {"POST /api/v1/me/email", "DELETE /api/v1/me/email"}


def _verify(client: FlaskClient) -> None:
    user_id = UUID(client.get("/api/v1/me").json["id"])
    email = {"email": "ada@example.org", "lookup": "ada@example.org"}
    with client.application.app_context():
        db.session.add(VerifiedEmail(user_id=user_id, **email))
        link = {"digest": token_bytes(32), "purpose": "verify-email", "state": token_bytes(32), "request_id": uuid4()}
        db.session.add(MailLink(user_id=user_id, expires_at=now() + timedelta(minutes=30), **link, **email))
        db.session.commit()


LIVE = {"account_mail": _verify}


def _token(client: FlaskClient, purpose: Purpose) -> str:
    """Create a link for a user, and return its token."""
    with client.application.app_context():
        user = lock_user(UUID(client.get("/api/v1/me").json["id"]))
        assert user
        link = create_link(user, purpose, f"{user.username}@example.org", uuid4())
        db.session.commit()
    assert link
    return link.rpartition("/")[2]


EXAMPLES = {
    RESET_TOKEN: partial(_token, purpose=Purpose.RESET),
    VERIFICATION_TOKEN: partial(_token, purpose=Purpose.VERIFY),
}
EXAMPLE_SETTINGS = {"MAIL_URL": "smtp://127.0.0.1:9", "MAIL_FROM": "tasks@example.org"}
LOCAL = {"mail_links", "verified_emails"}
