"""/auth/password-reset, /auth/email-verification and /me/email."""

from typing import Any

from taskapi.api import Blueprint, public
from taskapi.database import db
from taskapi.extensions.account_mail import schemas, service
from taskapi.security.guard import requires
from taskapi.security.passwords import uses_password_queue
from taskapi.security.rate_limit import Limit, enforce_limit, limited
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller

# From one address, with the factors of all limits by address; from all addresses; and by one user
RESET = Limit("password-reset", lambda _settings: "20/hour")
RESET_ALL = Limit("password-reset-all", lambda _settings: "5000/hour", silent=True)
CONFIRM = Limit("mail-link", lambda _settings: "60/hour")
EMAIL = Limit("email", lambda _settings: "10/hour")

auth = Blueprint("account_mail", __name__, url_prefix="/api/v1/auth", tag="auth")
me = Blueprint("email", __name__, url_prefix="/api/v1/me", tag="me")


@auth.post("/password-reset")
@auth.arguments(schemas.PasswordResetSchema)
@auth.response(202, errors=("mail_off", "too_many_requests", "unavailable"))
@public
@limited(RESET)
def request_password_reset(body: dict[str, str]) -> None:
    """Ask for a mail with a link to choose a new password.

    The response is the same if there is no such account, or if the account has no verified address. The mail goes to
    the verified address of the account. While three links of an account are valid, no further mail is sent.
    """
    enforce_limit(RESET_ALL)
    service.request_reset(body["login"])
    db.session.commit()


@auth.post("/password-reset/confirm")
@auth.arguments(schemas.PasswordResetConfirmSchema)
@auth.response(204, errors=("link_invalid", "too_many_requests", "unavailable"))
@public
@limited(CONFIRM)
@uses_password_queue
def confirm_password_reset(body: dict[str, str]) -> None:
    """Choose a new password with the token of a link, and end all sessions.

    The token is valid once, for 30 minutes. Sign in afterwards: the response has no tokens.
    """
    service.reset_password(body["token"], body["new_password"])
    db.session.commit()


@auth.post("/email-verification/confirm")
@auth.arguments(schemas.EmailConfirmSchema)
@auth.response(204, errors=("link_invalid", "too_many_requests", "unavailable"))
@public
@limited(CONFIRM)
def confirm_email(body: dict[str, str]) -> None:
    """Confirm an e-mail address with the token of a link. It becomes the address of the account.

    The token is valid once, for 30 minutes.
    """
    service.confirm_email(body["token"])
    db.session.commit()


@me.get("/email")
@me.response(200, schemas.EmailSchema)
@requires(Permission.ACCOUNT_READ)
def show_email() -> dict[str, Any]:
    """Show your e-mail address, and whether it is verified."""
    return service.email_of_caller()


@me.post("/email")
@me.arguments(schemas.EmailChangeSchema)
@me.response(202, errors=("mail_off",))
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def change_email(body: dict[str, str]) -> None:
    """Ask for a mail that confirms your e-mail address, or a new one.

    A new address replaces the previous one when it is confirmed. The previous one gets a notice if it was verified.
    While three links of an account or of an address are valid, no further mail is sent.
    """
    enforce_limit(EMAIL, str(caller().id))
    service.request_verification(body["email"])
    db.session.commit()


@me.delete("/email")
@me.response(204)
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def remove_email() -> None:
    """Remove your e-mail address. It gets a notice if it was verified."""
    service.remove_email()
    db.session.commit()
