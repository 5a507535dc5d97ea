"""The texts of the mails. They have no text that a user wrote, except usernames in mails to verified addresses."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from taskapi.audit import Event, record
from taskapi.database import db
from taskapi.extensions.account_mail.links import (
    LINK_MINUTES,
    Purpose,
    create_link,
    has_links,
    lock_user,
    lookup_of,
    state_of,
)
from taskapi.extensions.account_mail.models import VerifiedEmail
from taskapi.extensions.account_mail.settings import public_url
from taskapi.extensions.mail.outbox import Message, renders
from taskapi.users.models import User

MAX_ACCOUNTS = 5  # of one address, in one mail
IGNORE = "If you did not ask for this, ignore this mail. Nothing changes.\n"


@renders("password_reset")
def render_reset(data: dict[str, Any]) -> Message | None:
    """Return links for the accounts that a username or a verified address names. An unknown name has none."""
    request_id = UUID(data["request"])
    users = [user for row in db.session.execute(_select_accounts(data["login"])) if (user := lock_user(row.id))]
    links = []
    for user in users:
        is_first = not has_links(user, request_id)
        same_mailbox = user.active and user.email and user.email == users[0].email
        if same_mailbox and (link := create_link(user, Purpose.RESET, str(user.email), request_id)):
            links.append(f"Account: {user.username}\n{link}\n")
            if is_first:
                record(Event.PASSWORD_RESET_REQUESTED, subject_id=user.id)
    if not links:
        return None
    text = (
        f"Somebody asked for a new password at {public_url()}\n\n"
        f"To choose a new password, open the link within {LINK_MINUTES} minutes.\n\n"
    )
    return Message(str(users[0].email), "Choose a new password", text + "\n".join([*links, IGNORE]))


def _select_accounts(login: str) -> Select[Any]:
    """Return the statement that selects the accounts with a verified address that a username or an address names."""
    is_verified = VerifiedEmail.email == User.email, User.active.is_(True)
    statement = select(User.id).join(VerifiedEmail, VerifiedEmail.user_id == User.id).where(*is_verified)
    named = VerifiedEmail.lookup == lookup_of(login) if "@" in login else User.username == login.lower()
    return statement.where(named).order_by(User.username).limit(MAX_ACCOUNTS)


@renders("email_verification")
def render_verification(data: dict[str, Any]) -> Message | None:
    """Return the link that confirms an address, unless the account has changed since the request."""
    user = lock_user(UUID(data["account"]))
    if user is None or not user.active or state_of(user).hex() != data["state"]:
        return None
    link = create_link(user, Purpose.VERIFY, data["email"], UUID(data["request"]))
    text = (
        f"Somebody entered this address for an account at {public_url()}\n\n"
        f"To confirm that it is yours, open the link within {LINK_MINUTES} minutes.\n\n{link}\n\n{IGNORE}"
    )
    return Message(data["email"], "Confirm your e-mail address", text) if link else None


@renders("account_notice")
def render_notice(data: dict[str, Any]) -> Message:
    """Return a notice to the owner of an account."""
    text = (
        f"{data['what']} of your account {data['username']} at {public_url()} was {data['change']}.\n\n"
        "If this was not you, ask an administrator for help at once.\n"
    )
    return Message(data["email"], f"{data['what']} was {data['change']}", text)
