"""Second factor: codes of an authenticator application (TOTP, RFC 6238), and recovery codes."""

from taskapi.api.blueprint import declaration
from taskapi.api.error_catalogue import BEARER, Entry
from taskapi.api.openapi import ACCESS_ERRORS
from taskapi.auth.routes import login
from taskapi.extensions import Extension
from taskapi.extensions.second_factor.commands import second_factor
from taskapi.extensions.second_factor.routes import auth, me
from taskapi.extensions.second_factor.service import init_second_factor, require_code_at_sign_in
from taskapi.extensions.second_factor.settings import SecondFactorSettings

CHALLENGE = {"WWW-Authenticate": BEARER}
EXTENSION = Extension(
    name="second_factor",
    blueprints=(auth, me),
    init=init_second_factor,
    commands=(second_factor,),
    settings=SecondFactorSettings,
    sign_in_checks=(require_code_at_sign_in,),
    errors={
        "second_factor_required": Entry(
            401,
            "A code of your authenticator application is required too.",
            "Send `challenge` and a code to /api/v1/auth/second-factor within 5 minutes. A recovery code works too.",
            CHALLENGE,
        ),
        "challenge_invalid": Entry(401, "The challenge is not valid any more.", "Sign in again.", CHALLENGE),
        "invalid_code": Entry(401, "The code is wrong or was used before.", "Wait for the next code.", CHALLENGE),
        "second_factor_setup_required": Entry(
            403, "Your role needs a second factor, and you have none.", "POST /api/v1/me/second-factor starts it."
        ),
        "second_factor_off": Entry(409, "This server offers no second factor.", "Its operator can turn it on."),
        "second_factor_enabled": Entry(409, "You already have a second factor.", "Disable it first."),
        "second_factor_missing": Entry(409, "You have no second factor.", "POST /api/v1/me/second-factor starts it."),
    },
)
# What routes of the core respond because of this extension
declaration(login).errors += ("second_factor_required",)
ACCESS_ERRORS.append("second_factor_setup_required")
