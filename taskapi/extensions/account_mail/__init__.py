"""Password reset, verification and change of the e-mail address, by links in mails."""

from taskapi.api.error_catalogue import Entry
from taskapi.extensions import Extension
from taskapi.extensions.account_mail import letters
from taskapi.extensions.account_mail.routes import auth, me
from taskapi.extensions.account_mail.service import init_account_mail
from taskapi.extensions.account_mail.settings import AccountMailSettings

__all__ = ["EXTENSION", "letters"]

EXTENSION = Extension(
    name="account_mail",
    requires=("mail",),
    blueprints=(auth, me),
    init=init_account_mail,
    settings=AccountMailSettings,
    errors={
        "mail_off": Entry(
            409,
            "This server sends no mail.",
            "Ask an administrator for a new password. Change your e-mail address with PATCH /api/v1/me.",
        ),
        "link_invalid": Entry(
            410,
            "The link is not valid any more.",
            "A link can be used once, within 30 minutes, and not after a change of the password, of the e-mail address "
            "or of the account's state. Ask for another mail.",
        ),
    },
)
