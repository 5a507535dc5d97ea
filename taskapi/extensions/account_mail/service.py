"""Reset passwords, and verify, change and remove addresses. The callers of these functions commit."""

from typing import Any

from flask import Flask
from sqlalchemy import select
from uuid_utils.compat import uuid7

from taskapi.api import invalid, problem
from taskapi.audit import Event, record
from taskapi.auth.sessions import end_sessions
from taskapi.config import Settings
from taskapi.database import db, reader
from taskapi.extensions.account_mail.links import Purpose, find_link, lock_user, lookup_of, state_of, use_link
from taskapi.extensions.account_mail.models import VerifiedEmail
from taskapi.extensions.account_mail.settings import check_settings
from taskapi.extensions.mail.outbox import has_mail, queue_mail, require_space
from taskapi.security.passwords import hash_password, own_words, require_strength
from taskapi.security.tokens import caller
from taskapi.users.models import User
from taskapi.users.service import add_profile_check

BY_MAIL = "Change it with POST /api/v1/me/email, or remove it with DELETE /api/v1/me/email."


def init_account_mail(app: Flask, settings: Settings) -> None:
    """Check the settings, and let an address be changed only after a confirmation."""
    with app.app_context():
        check_settings(settings)
    add_profile_check(app, require_confirmation)


def require_mail() -> None:
    """Respond 409 if this server sends no mail, or 503 if too many mails wait."""
    if not has_mail():
        problem("mail_off")
    require_space()


def require_confirmation(user: User, changes: dict[str, Any]) -> None:
    """Respond 422 to PATCH /me with another address: it needs a fresh token and a confirmation."""
    if has_mail() and changes.get("email", user.email) != user.email:
        invalid("json", {"email": [BY_MAIL]})


def request_reset(login: str) -> None:
    """Ask for a mail with a link. The sender looks the account up, so that all names take the same work here."""
    require_mail()
    queue_mail("password_reset", login=login, request=str(uuid7()))


def reset_password(token: str, password: str) -> None:
    """Set a new password and end all sessions. A password that is too weak does not use up the link."""
    found = find_link(token, Purpose.RESET)
    words = own_words(found.username, found.name, found.email)
    require_strength(password, words, field="new_password")
    hashed = hash_password(password)  # slow, so before the lock
    user, email = use_link(token, Purpose.RESET, found.user_id)
    user.password_hash = hashed
    end_sessions(user.id, None)
    record(Event.PASSWORD_CHANGED, subject_id=user.id, by="mail")
    _notify(user, email, "The password", "changed")


def email_of_caller() -> dict[str, Any]:
    """Return the address of the caller, and whether it is verified."""
    columns = select(User.email, VerifiedEmail.email.label("verified")).outerjoin(
        VerifiedEmail, VerifiedEmail.user_id == User.id
    )
    row = reader().execute(columns.where(User.id == caller().id)).one()
    return {"email": row.email, "verified": row.email is not None and row.email == row.verified}


def request_verification(email: str) -> None:
    """Ask for a mail that confirms an address of the caller."""
    require_mail()
    user = lock_user(caller().id) or problem("token_revoked")
    values = {"account": str(user.id), "email": email, "state": state_of(user).hex(), "request": str(uuid7())}
    queue_mail("email_verification", user.id, **values)


def confirm_email(token: str) -> None:
    """Make the confirmed address that of the account. The previous address gets a notice."""
    user, email = use_link(token, Purpose.VERIFY, find_link(token, Purpose.VERIFY).user_id)
    if email != user.email:
        _change_email(user, email)
    db.session.merge(VerifiedEmail(user_id=user.id, email=email, lookup=lookup_of(email)))
    record(Event.EMAIL_VERIFIED, subject_id=user.id)


def remove_email() -> None:
    """Remove the address of the caller, which gets a notice."""
    user = lock_user(caller().id) or problem("token_revoked")
    if user.email is not None:
        _change_email(user, None, actor_id=user.id)


def _change_email(user: User, email: str | None, **actor: Any) -> None:
    """Change the address. Only a verified address gets a notice: another one may belong to a stranger."""
    verified = db.session.get(VerifiedEmail, user.id)
    if verified and verified.email == user.email and has_mail():
        _notify(user, verified.email, "The e-mail address", "changed" if email else "removed")
    if verified:
        db.session.delete(verified)
        db.session.flush()
    user.apply({"email": email})
    record(Event.EMAIL_CHANGED, subject_id=user.id, **actor)


def _notify(user: User, email: str, what: str, change: str) -> None:
    queue_mail("account_notice", user.id, email=email, username=user.username, what=what, change=change)
