"""Accounts of the people whom the OpenID provider names: sign in, link, and roles."""

from flask import Flask

from taskapi.api.blueprint import declaration
from taskapi.api.error_catalogue import Entry
from taskapi.auth.routes import login
from taskapi.config import Settings
from taskapi.extensions import Extension
from taskapi.extensions.openid_accounts.routes import auth, exchange_openid_code, me
from taskapi.extensions.openid_accounts.settings import OpenidAccountSettings, check_settings


def init_openid_accounts(app: Flask, _settings: Settings) -> None:
    """Check the settings, and document the errors with which other extensions make sign-ins respond."""
    check_settings(app)
    declared = declaration(exchange_openid_code)
    declared.errors = tuple({*declared.errors, *declaration(login).errors} - {"invalid_credentials"})


EXTENSION = Extension(
    name="openid_accounts",
    requires=("openid",),
    blueprints=(auth, me),
    init=init_openid_accounts,
    settings=OpenidAccountSettings,
    errors={
        "openid_no_account": Entry(
            403,
            "No account is linked to this person of the OpenID provider.",
            "Sign in with your password and link your account with POST /api/v1/me/openid, or ask an administrator.",
        ),
        "account_inactive": Entry(403, "The account is deactivated.", "Ask an administrator to activate it."),
        "openid_linked": Entry(
            409,
            "Your account, or this person of the OpenID provider, has a link already.",
            "Remove the other link first, with DELETE /api/v1/me/openid.",
        ),
        "password_not_set": Entry(
            409,
            "The account has no password, so its user could not sign in any more.",
            "Set a password first: by a link in a mail, or by an administrator.",
        ),
    },
)
