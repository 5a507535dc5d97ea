"""Passkeys: sign-in with WebAuthn, without a password."""

from taskapi.api.error_catalogue import BEARER, Entry
from taskapi.extensions import Extension
from taskapi.extensions.passkeys.commands import passkeys
from taskapi.extensions.passkeys.routes import auth, me
from taskapi.extensions.passkeys.settings import PasskeySettings, check_settings

EXTENSION = Extension(
    name="passkeys",
    blueprints=(auth, me),
    init=check_settings,
    commands=(passkeys,),
    settings=PasskeySettings,
    errors={
        "passkey_invalid": Entry(
            401,
            "The passkey does not prove who you are.",
            "Ask for new options and try again, or sign in with your password.",
            {"WWW-Authenticate": BEARER},
        ),
        "passkeys_off": Entry(409, "This server has no passkeys.", "Its operator can turn them on."),
        "passkey_exists": Entry(409, "The passkey was added already.", "Remove it first, or use another device."),
    },
)
