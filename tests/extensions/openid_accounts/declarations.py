"""What the tests for all routes must know of this extension."""

import secrets
import time
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient

from taskapi.database import db
from taskapi.extensions.openid.pending import PendingSignIn, challenge_of
from taskapi.extensions.openid.service import create_code, spend_state
from taskapi.extensions.openid_accounts.models import OpenidIdentity
from taskapi.extensions.openid_accounts.schemas import CODE, VERIFIER
from tests.surface import ANYONE, EVERY_ROLE

ISSUER = "https://login.example.org"
MATRIX = {
    "POST /api/v1/auth/openid/exchange": ANYONE,
    "GET /api/v1/me/openid": EVERY_ROLE,
    "POST /api/v1/me/openid": EVERY_ROLE,
    "DELETE /api/v1/me/openid": EVERY_ROLE,
}
BODIES = {"OpenidExchange"}
FRESH = {"POST /api/v1/me/openid", "DELETE /api/v1/me/openid"}


def _code(client: FlaskClient) -> str:
    """Let a person return from the provider, and return their code, whose verifier is that of the example."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    pending = PendingSignIn("/", challenge_of(VERIFIER), False, int(time.time()), state, nonce, verifier)
    claims: dict[str, Any] = {"iss": ISSUER, "sub": secrets.token_urlsafe(8)}
    with client.application.app_context():
        spend_state(pending)
        code = create_code(pending, claims)
        db.session.commit()
    return code


def _link(client: FlaskClient) -> None:
    user_id = UUID(client.get("/api/v1/me").json["id"])
    with client.application.app_context():
        db.session.add(OpenidIdentity(user_id=user_id, issuer=ISSUER, subject=secrets.token_urlsafe(8)))
        db.session.commit()


LIVE = {"openid_accounts": _link}
EXAMPLES = {CODE: _code}
EXAMPLE_SETTINGS = {"OPENID_ISSUER": ISSUER, "OPENID_CLIENT_ID": "tasks", "OPENID_CREATE_ACCOUNTS": True}
LOCAL = {"openid_identities"}
