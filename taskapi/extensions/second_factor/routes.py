"""/auth/second-factor and /me/second-factor."""

from typing import Any

from flask import Response

from taskapi.api import Blueprint, public
from taskapi.auth.routes import tokens_response
from taskapi.auth.schemas import TOKENS_EXAMPLES, TokensSchema
from taskapi.database import db
from taskapi.extensions.second_factor import schemas, service
from taskapi.ops.metrics import SIGN_INS, counted
from taskapi.security import cookies
from taskapi.security.guard import View, requires
from taskapi.security.passwords import uses_password_queue
from taskapi.security.rate_limit import PASSWORD_ADDRESS, Limit, limited
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller

# From one address, with the factors of all limits by address
ADDRESS = Limit("second-factor-address", lambda _settings: "60/minute")

auth = Blueprint("second_factor_sign_in", __name__, url_prefix="/api/v1/auth", tag="auth")
me = Blueprint("second_factor", __name__, url_prefix="/api/v1/me/second-factor", tag="me")


def asks_for_password(view: View) -> View:
    """Declare that a view needs a fresh token, and checks the password too, if the account has one."""
    return requires(Permission.ACCOUNT_WRITE, fresh=True)(limited(PASSWORD_ADDRESS)(uses_password_queue(view)))


@auth.post("/second-factor")
@auth.arguments(schemas.SecondFactorSignInSchema)
@auth.response(
    200,
    TokensSchema,
    headers=("Set-Cookie",),
    examples=TOKENS_EXAMPLES,
    errors=("challenge_invalid", "invalid_code", "too_many_requests", "signing_unavailable", "unavailable"),
)
@public
@limited(ADDRESS)
def sign_in_with_code(body: dict[str, Any]) -> Response:
    """Finish a sign-in with a code, or with a recovery code.

    The challenge is in the 401 `second_factor_required` of `POST /api/v1/auth/login`. The response is that of a sign-in
    without a second factor. A code works once. After 10 wrong codes in a day only recovery codes work.
    """
    with counted(SIGN_INS):
        grant, username = service.finish_sign_in(body["challenge"], body["code"])
    db.session.commit()
    response, device = tokens_response(grant, in_cookies=body["cookies"]), cookies.read_device()
    return cookies.set_device_cookie(response, username, device if device and device.belongs_to(username) else None)


@me.get("")
@me.response(200, schemas.SecondFactorSchema)
@requires(Permission.ACCOUNT_READ)
def show_second_factor() -> dict[str, Any]:
    """Show whether you have a second factor."""
    return service.state_of_caller()


@me.post("")
@me.arguments(schemas.FactorPasswordSchema, examples=schemas.PASSWORD_EXAMPLES)
@me.response(
    200, schemas.SecondFactorSetupSchema, errors=("invalid_credentials", "second_factor_off", "second_factor_enabled")
)
@asks_for_password
def start_second_factor(body: dict[str, str]) -> dict[str, str]:
    """Start to set up a second factor.

    The response has the secret for an authenticator application. It counts after you confirm it with a code. Another
    start replaces it until then.
    """
    setup = service.start(body.get("password"))
    db.session.commit()
    return setup


@me.post("/confirm")
@me.arguments(schemas.CodeSchema)
@me.response(
    200,
    schemas.SecondFactorEnabledSchema,
    headers=("Set-Cookie",),
    examples=schemas.ENABLED_EXAMPLES,
    errors=("invalid_code", "second_factor_enabled", "second_factor_missing", "signing_unavailable"),
)
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def confirm_second_factor(body: dict[str, str]) -> Response:
    """Enable the second factor with a code, and get recovery codes.

    All your sessions end, and you get a new one. Use the tokens of the response from now on. They are in cookies if
    the token of the request was.
    """
    grant, codes = service.confirm(body["code"])
    db.session.commit()
    return tokens_response(grant, in_cookies=bool(caller().csrf), recovery_codes=codes)


@me.post("/recovery-codes")
@me.arguments(schemas.PasswordAndCodeSchema, examples=schemas.PASSWORD_AND_CODE_EXAMPLES)
@me.response(200, schemas.RecoveryCodesSchema, errors=("invalid_credentials", "invalid_code", "second_factor_missing"))
@asks_for_password
def renew_recovery_codes(body: dict[str, str]) -> dict[str, list[str]]:
    """Replace your recovery codes."""
    codes = service.renew_recovery_codes(body.get("password"), body["code"])
    db.session.commit()
    return {"recovery_codes": codes}


@me.post("/disable")
@me.arguments(schemas.PasswordAndCodeSchema, examples=schemas.PASSWORD_AND_CODE_EXAMPLES)
@me.response(
    200,
    TokensSchema,
    headers=("Set-Cookie",),
    examples=TOKENS_EXAMPLES,
    errors=("invalid_credentials", "invalid_code", "second_factor_missing", "signing_unavailable"),
)
@asks_for_password
def disable_second_factor(body: dict[str, str]) -> Response:
    """Disable your second factor.

    All your sessions end, and you get a new one. Use the tokens of the response from now on. They are in cookies if
    the token of the request was.
    """
    grant = service.disable(body.get("password"), body["code"])
    db.session.commit()
    return tokens_response(grant, in_cookies=bool(caller().csrf))
