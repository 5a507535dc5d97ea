"""/auth/openid/exchange and /me/openid: sign in with a code, and link an account to the OpenID provider."""

from typing import Any

from taskapi.api import Blueprint, public
from taskapi.auth.routes import tokens_response
from taskapi.auth.schemas import TOKENS_EXAMPLES, TokensSchema
from taskapi.database import db
from taskapi.extensions.openid_accounts import service
from taskapi.extensions.openid_accounts.schemas import OpenidCodeSchema, OpenidExchangeSchema, OpenidIdentitySchema
from taskapi.ops.metrics import SIGN_INS, counted
from taskapi.security.guard import requires
from taskapi.security.rate_limit import Limit, limited
from taskapi.security.rbac import Permission

EXCHANGE = Limit("openid-exchange", lambda _settings: "300/hour")  # from one address
SIGN_IN_ERRORS = (
    "openid_off", "openid_code_invalid", "openid_no_account", "account_inactive", "last_admin", "username_taken",
    "too_many_requests", "signing_unavailable", "unavailable",
)  # fmt: skip

auth = Blueprint("openid_sign_in", __name__, url_prefix="/api/v1/auth/openid", tag="auth")
me = Blueprint("openid_identity", __name__, url_prefix="/api/v1/me/openid", tag="me")


@auth.post("/exchange")
@auth.arguments(OpenidExchangeSchema)
@auth.response(200, TokensSchema, headers=("Set-Cookie",), examples=TOKENS_EXAMPLES, errors=SIGN_IN_ERRORS)
@public
@limited(EXCHANGE)
def exchange_openid_code(body: dict[str, Any]) -> Any:
    """Sign in with the code that the browser got after a sign-in at the OpenID provider.

    The response is that of `POST /auth/login`. The browser begins at `/openid/start`, which is no call for
    programs; the guide describes its way. A code is valid once, for 2 minutes, with the verifier of the challenge that
    was sent at the start.
    """
    with counted(SIGN_INS):
        grant = service.sign_in(body["code"], body["verifier"])
    db.session.commit()
    return tokens_response(grant, in_cookies=body["cookies"])


@me.get("")
@me.response(200, OpenidIdentitySchema, errors=("openid_off",))
@requires(Permission.ACCOUNT_READ)
def show_openid_identity() -> dict[str, Any]:
    """Show whether your account is linked to the OpenID provider."""
    return service.identity_of_caller()


@me.post("")
@me.arguments(OpenidCodeSchema)
@me.response(200, OpenidIdentitySchema, errors=("openid_off", "openid_code_invalid", "openid_linked"))
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def link_openid_identity(body: dict[str, str]) -> dict[str, Any]:
    """Link your account to the person who has signed in at the OpenID provider.

    From then on, this person can sign in to your account with the provider. An account has one link, and so has a
    person of the provider. E-mail addresses play no part.
    """
    service.link_account(body["code"], body["verifier"])
    db.session.commit()
    return service.identity_of_caller()


@me.delete("")
@me.response(204, errors=("openid_off", "password_not_set"))
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def unlink_openid_identity() -> None:
    """Remove the link of your account to the OpenID provider. An account without a password keeps its link."""
    service.unlink_account()
    db.session.commit()
