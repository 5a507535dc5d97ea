"""Set up, use and remove second factors."""

from typing import Any, Final
from uuid import UUID

from flask import Flask
from pyotp import random_base32
from sqlalchemy import delete, func, insert, select, update

from taskapi.api import invalid, problem
from taskapi.audit import Event, record
from taskapi.auth import service as accounts
from taskapi.auth.sessions import SUBJECT, Grant, end_sessions, replace_sessions
from taskapi.config import Settings, SettingsError
from taskapi.context import current_request
from taskapi.database import db, now, reader
from taskapi.extensions.second_factor import challenges, codes
from taskapi.extensions.second_factor.models import RecoveryCode, SecondFactor
from taskapi.extensions.second_factor.settings import cipher, factor_settings
from taskapi.security.guard import ACCESS_CHECKS
from taskapi.security.passwords import NO_PASSWORD
from taskapi.security.rate_limit import PASSWORD, Limit, enforce_limit, refund
from taskapi.security.tokens import Caller, caller, require_signing_key
from taskapi.users.models import User

OTP: Final = "otp"  # the method of authentication (RFC 8176)
FACTORS: Final = {OTP, "mfa"}  # `mfa`: the sign-in itself has used two factors, as with a passkey
# Wrong codes of one user. Strangers cannot use them up: a challenge needs the password. Of a million codes, 3 are valid
# at a time: 10 guesses a day find one in 33,333 days on average, about 91 years
CODES: Final = Limit("second-factor", lambda _: "10/day", always_on=True)
RECOVERY: Final = Limit("recovery-code", lambda _: "60/hour", always_on=True)
CONFIRM: Final = Limit("second-factor-confirm", lambda _: "60/hour", always_on=True)  # a thief has no phone to ask
# What a user needs to set up a second factor: to see the account, to enter the password again, and the routes for it
SETUP_ROUTES: Final = {
    "me.show_account", "auth.verify_password", "second_factor.show_second_factor",
    "second_factor.start_second_factor", "second_factor.confirm_second_factor",
}  # fmt: skip
_USER = (*SUBJECT, User.password_hash)


def init_second_factor(app: Flask, settings: Settings) -> None:
    """Check each request if a role requires a second factor. Raises SettingsError if nobody could set one up."""
    if getattr(settings, "second_factor_roles", ()):
        if not getattr(settings, "second_factor_keys", ()):
            raise SettingsError("TASKAPI_SECOND_FACTOR_KEYS: Must be set with TASKAPI_SECOND_FACTOR_ROLES.")
        app.extensions.setdefault(ACCESS_CHECKS, []).append(require_setup)


def find_factor(connection: Any, user_id: UUID) -> Any:
    """Return the confirmed second factor of a user, or None."""
    statement = select(SecondFactor.user_id, SecondFactor.secret, SecondFactor.confirmed_at)
    is_theirs = SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_not(None)
    return connection.execute(statement.where(*is_theirs)).first()


def require_code_at_sign_in(user: Any, amr: list[str], fresh: bool) -> None:
    """Respond 401 with a challenge to a sign-in without the second factor of the user, whose account is locked."""
    factor = None if FACTORS.intersection(amr) else find_factor(db.session, user.id)
    if factor is None:
        return
    current = db.session.execute(select(*_USER).where(User.id == user.id)).one()
    challenge = challenges.create_challenge(current, factor, amr, fresh)
    db.session.commit()  # the sign-in may have hashed the password again
    problem("second_factor_required", challenge=challenge)


def require_setup(caller: Caller) -> None:
    """Respond 403 if a role of the caller requires a second factor, and they have not used one to sign in.

    A personal token has no sign-in: its user must have a second factor.
    """
    required = factor_settings().second_factor_roles
    if FACTORS.intersection(caller.amr) or not any(role in required for role in caller.roles):
        return
    if caller.sid:
        is_allowed = current_request().endpoint in SETUP_ROUTES
    else:
        is_allowed = find_factor(reader(), caller.id) is not None
    if not is_allowed:
        problem("second_factor_setup_required")


def finish_sign_in(challenge: str, code: str) -> tuple[Grant, str]:
    """Create the session of a sign-in whose first step is done; return it with the username. Responds 401 or 429."""
    require_signing_key()
    user_id, state, amr, fresh = challenges.read_challenge(challenge)
    user, factor = _lock(user_id)
    challenges.require_state(state, user, factor)
    _require_code(factor, code, during="sign_in")
    return accounts.complete_sign_in(user, [*amr, OTP], fresh=fresh), user.username


def _lock(user_id: UUID) -> tuple[Any, Any]:
    """Lock an account; return it and its confirmed second factor."""
    user = db.session.execute(select(*_USER).where(User.id == user_id).with_for_update(key_share=True)).first()
    return user, find_factor(db.session, user_id)


def _require_code(factor: Any, text: str, *, during: str) -> None:
    """Use a code of either kind, or respond 401 or 429. A wrong one is recorded as a failed sign-in."""
    code, is_recovery = codes.parse_code(text)
    limit, use = (RECOVERY, codes.use_recovery_code) if is_recovery else (CODES, codes.use_time_code)
    usage = enforce_limit(limit, str(factor.user_id))
    if not use(factor, code):
        db.session.rollback()
        record(Event.SIGN_IN_FAILED, subject_id=factor.user_id, second_factor=during)
        db.session.commit()
        problem("invalid_code")
    refund(usage)
    if is_recovery:
        record(Event.RECOVERY_CODE_USED, actor_id=factor.user_id, subject_id=factor.user_id)


def state_of_caller() -> dict[str, Any]:
    """Return whether the caller has a second factor, may have one, and must have one."""
    factor = find_factor(reader(), caller().id)
    unused = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == caller().id)
    return {
        "available": bool(factor_settings().second_factor_keys),
        "required": "mfa" not in caller().amr
        and any(role in factor_settings().second_factor_roles for role in caller().roles),
        "enabled": factor is not None,
        "enabled_at": factor.confirmed_at if factor else None,
        "recovery_codes_left": reader().execute(unused).scalar_one(),
        "needs_password": _has_password(),
    }


def start(password: str | None) -> dict[str, str]:
    """Create a secret for the caller, in place of one that was not confirmed. Responds 401 or 409."""
    box = cipher() or problem("second_factor_off")
    _require_password(password)
    user, factor = _lock(caller().id)
    if user is None or factor is not None:
        problem("second_factor_enabled" if user else "token_revoked")
    secret = random_base32()
    _delete_factor(user.id)
    encrypted = box.encrypt(secret.encode())
    db.session.execute(insert(SecondFactor).values(user_id=user.id, secret=encrypted))
    uri = codes.otpauth_uri(secret, user.username)
    return {"secret": secret, "otpauth_uri": uri, "qr_code": codes.qr_code(uri)}


def confirm(text: str) -> tuple[Grant, list[str]]:
    """Enable the factor that the caller has started; return a new session and recovery codes. Responds 401 or 409."""
    user_id = caller().id
    if _lock(user_id)[1] is not None:
        problem("second_factor_enabled")
    mine = SecondFactor.user_id == user_id
    started = db.session.execute(select(SecondFactor.user_id, SecondFactor.secret).where(mine)).first()
    if started is None:
        problem("second_factor_missing")
    enforce_limit(CONFIRM, str(user_id))
    if not codes.use_time_code(started, codes.parse_code(text)[0]):
        problem("invalid_code")
    db.session.execute(update(SecondFactor).where(mine).values(confirmed_at=now()))
    record(Event.SECOND_FACTOR_ENABLED, actor_id=user_id, subject_id=user_id)
    return replace_sessions([*caller().amr, OTP]), codes.replace_recovery_codes(user_id)


def renew_recovery_codes(password: str | None, code: str) -> list[str]:
    """Replace the recovery codes of the caller. Responds 401, 409 or 429."""
    _require_both(password, code)
    record(Event.RECOVERY_CODES_CREATED, actor_id=caller().id, subject_id=caller().id)
    return codes.replace_recovery_codes(caller().id)


def disable(password: str | None, code: str) -> Grant:
    """Remove the second factor of the caller, end all their sessions, and create one. Responds 401, 409 or 429."""
    _require_both(password, code)
    _delete_factor(caller().id)
    record(Event.SECOND_FACTOR_DISABLED, actor_id=caller().id, subject_id=caller().id)
    return replace_sessions([method for method in caller().amr if method != OTP])


def remove(user_id: UUID) -> bool:
    """Remove the second factor of a user who has lost it, and end their sessions. Returns False if there is none."""
    if _lock(user_id)[1] is None:
        return False
    _delete_factor(user_id)
    record(Event.SECOND_FACTOR_DISABLED, subject_id=user_id)
    end_sessions(user_id, None)
    return True


def encrypt_again() -> tuple[int, int]:
    """Encrypt all secrets by the first key; return how many, and how many no key decrypts."""
    box = cipher() or problem("second_factor_off")
    rows = db.session.execute(select(SecondFactor.user_id, SecondFactor.secret)).all()
    readable = [row for row in rows if codes.decrypt(row.secret) is not None]
    for row in readable:
        is_same = SecondFactor.user_id == row.user_id, SecondFactor.secret == row.secret
        db.session.execute(update(SecondFactor).where(*is_same).values(secret=box.rotate(row.secret)))
    return len(readable), len(rows) - len(readable)


def _require_both(password: str | None, code: str) -> None:
    """Require the password and a code of the caller, whose account is then locked."""
    _require_password(password)
    factor = _lock(caller().id)[1] or problem("second_factor_missing")
    _require_code(factor, code, during="account")


def _require_password(password: str | None) -> None:
    """Require the password of the caller. Without one, they have the fresh token that the routes require."""
    if password is not None:
        enforce_limit(PASSWORD, str(caller().id))
        accounts.require_password(password)
    elif _has_password():
        invalid("json", {"password": ["Missing data for required field."]})


def _has_password() -> bool:
    hashed = reader().execute(select(User.password_hash).where(User.id == caller().id)).scalar()
    return bool(hashed != NO_PASSWORD)


def _delete_factor(user_id: UUID) -> None:
    for model in (SecondFactor, RecoveryCode):
        db.session.execute(delete(model).where(model.user_id == user_id))
