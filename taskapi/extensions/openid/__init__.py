"""Sign-in at an OpenID provider, such as Keycloak, Google or Microsoft Entra ID."""

from flask import Flask

from taskapi.api.error_catalogue import BEARER, Entry
from taskapi.config import Settings, settings_of
from taskapi.extensions import Extension
from taskapi.extensions.openid.provider import Provider
from taskapi.extensions.openid.routes import pages
from taskapi.extensions.openid.settings import OpenidSettings, check_settings


def init_openid(app: Flask, settings: Settings) -> None:
    """Check the settings, and add the two routes for browsers. No request goes to the provider before a sign-in."""
    with app.app_context():
        found = settings_of(OpenidSettings)
    if found.openid_issuer:
        check_settings(found, production=settings.production)
        app.extensions["taskapi-openid"] = Provider(found)
    app.register_blueprint(pages)


EXTENSION = Extension(
    name="openid",
    init=init_openid,
    settings=OpenidSettings,
    errors={
        "openid_off": Entry(
            409, "This server has no OpenID provider.", "Sign in with your username and password at /api/v1/auth/login."
        ),
        "openid_state_invalid": Entry(
            400,
            "The sign-in was not started in this browser, or has ended.",
            "Start again from the sign-in page, in one tab, and finish within 10 minutes. The browser must accept "
            "cookies of this service.",
        ),
        "openid_denied": Entry(403, "The sign-in was cancelled at the OpenID provider.", "Start again to sign in."),
        "openid_failed": Entry(
            401,
            "The OpenID provider did not prove who you are.",
            "Start again. If that fails, ask the operator: the log of the server has the reason.",
            {"WWW-Authenticate": BEARER},
        ),
        "openid_code_invalid": Entry(
            401,
            "The code is not valid.",
            "A code is valid once, for 2 minutes, with its verifier. Start again from the sign-in page.",
            {"WWW-Authenticate": BEARER},
        ),
    },
)
