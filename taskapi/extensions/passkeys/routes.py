"""/auth/passkeys and /me/passkeys: sign in with a passkey, and add, list and remove passkeys."""

from typing import Any
from uuid import UUID

from flask import Response

from taskapi.api import Blueprint, problem, public
from taskapi.auth.routes import tokens_response
from taskapi.auth.schemas import TOKENS_EXAMPLES, TokensSchema
from taskapi.database import db
from taskapi.extensions.passkeys import schemas, service
from taskapi.extensions.passkeys.models import Passkey
from taskapi.ops.metrics import SIGN_INS, counted
from taskapi.security.guard import requires
from taskapi.security.rate_limit import Limit, limited
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller

# From one address, with the factors of all limits by address
OPTIONS = Limit("passkey-options", lambda _settings: "120/minute")
SIGN_IN = Limit("passkey-sign-in", lambda _settings: "60/minute")

auth = Blueprint("passkey_sign_in", __name__, url_prefix="/api/v1/auth/passkeys", tag="auth")
me = Blueprint("passkeys", __name__, url_prefix="/api/v1/me/passkeys", tag="me")


@auth.post("/options")
@auth.response(200, schemas.PasskeyOptionsSchema, errors=("passkeys_off", "too_many_requests"))
@public
@limited(OPTIONS)
def show_passkey_sign_in_options() -> dict[str, Any]:
    """Get the options to sign in with a passkey.

    They are for `PublicKeyCredential.parseRequestOptionsFromJSON()` and `navigator.credentials.get()`. They name no
    account: the browser shows of which accounts it has passkeys.
    """
    return {"options": service.sign_in_options()}


@auth.post("")
@auth.arguments(schemas.PasskeySignInSchema)
@auth.response(
    200,
    TokensSchema,
    headers=("Set-Cookie",),
    examples=TOKENS_EXAMPLES,
    errors=("passkey_invalid", "passkeys_off", "too_many_requests", "signing_unavailable", "unavailable"),
)
@public
@limited(SIGN_IN)
def sign_in_with_passkey(body: dict[str, Any]) -> Response:
    """Sign in with a passkey.

    The response is that of `POST /auth/login`. The access token is fresh, and no second factor is asked for: the
    authenticator has verified its user. Any error of the credential gets the same response.
    """
    with counted(SIGN_INS):
        grant = service.sign_in(body["credential"])
    db.session.commit()
    return tokens_response(grant, in_cookies=body["cookies"])


@me.post("/options")
@me.response(
    200,
    schemas.PasskeyOptionsSchema,
    errors=("passkeys_off",),
    examples={"Options": {"options": schemas.REGISTRATION_OPTIONS}},
)
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def show_passkey_registration_options() -> dict[str, Any]:
    """Get the options to create a passkey.

    They are for `PublicKeyCredential.parseCreationOptionsFromJSON()` and `navigator.credentials.create()`.
    """
    return {"options": service.registration_options()}


@me.post("")
@me.arguments(schemas.PasskeyCreateSchema)
@me.response(201, schemas.PasskeySchema, errors=("passkeys_off", "passkey_exists", "quota_exceeded"))
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def create_passkey(body: dict[str, Any]) -> Passkey:
    """Add a passkey that the browser has created.

    From then on, it signs in to your account. It stays valid if you change your password, until you remove it.
    """
    passkey = service.register(body["name"], body["credential"])
    db.session.commit()
    return passkey


@me.get("")
@me.response(200, schemas.PasskeysSchema)
@requires(Permission.ACCOUNT_READ)
def list_passkeys() -> dict[str, Any]:
    """List your passkeys, the latest first."""
    return {"items": service.list_passkeys()}


@me.delete("/<uuid:passkey_id>")
@me.response(204)
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def delete_passkey(passkey_id: UUID) -> None:
    """Remove a passkey.

    It can no longer sign in. Sessions that it has started go on.
    """
    if not service.remove_passkeys(caller().id, caller().id, passkey_id):
        problem("not_found")
    db.session.commit()
