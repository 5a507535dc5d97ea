"""Register passkeys, sign in with them, and remove them."""

from contextlib import suppress
from types import ModuleType
from typing import Any, Final, NoReturn
from uuid import UUID

from flask import current_app
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from taskapi.api import invalid, problem
from taskapi.audit import Event, record
from taskapi.auth.service import complete_sign_in
from taskapi.auth.sessions import SUBJECT, Grant
from taskapi.config import settings
from taskapi.database import db, now, reader
from taskapi.extensions.passkeys.challenges import SECONDS, create_challenge, spend
from taskapi.extensions.passkeys.models import Passkey
from taskapi.extensions.passkeys.settings import require_passkeys
from taskapi.security.jws import base64url_decode, base64url_encode
from taskapi.security.rate_limit import Limit, enforce_limit
from taskapi.security.tokens import caller, require_signing_key
from taskapi.users.models import User

# RFC 8176: a key, and a person at the device who has entered a PIN or used biometrics. Without an attestation, nobody
# knows whether hardware protects the key, so `hwk` is not claimed
METHODS: Final = ["pop", "user", "mfa"]
SIGN_IN: Final = "sign-in"  # what its challenge is bound to
CREATION: Final = Limit("passkeys", lambda _: "60/hour", always_on=True)  # each one adds two audit entries
SHOWN: Final = (Passkey.id, Passkey.name, Passkey.created_at, Passkey.last_used_at)


def sign_in_options() -> dict[str, Any]:
    """Return the options of a sign-in. They name no account: the authenticator knows which ones it has."""
    return {
        "challenge": create_challenge(SIGN_IN),
        "timeout": SECONDS * 1000,
        "rpId": require_passkeys().passkey_rp_id,
        "allowCredentials": [],
        "userVerification": "required",
    }


def sign_in(credential: dict[str, Any]) -> Grant:
    """Create a session for the user of a passkey, or respond 401. The response tells no reason."""
    require_passkeys()
    require_signing_key()
    passkey = _find_passkey(credential["rawId"])
    if passkey is None:
        _reject(None, "The credential is unknown.")
    try:
        nonce, count = _responses().check_assertion(credential, passkey.public_key, passkey.user_id.bytes, SIGN_IN)
    except _responses().Refused as error:
        _reject(passkey.user_id, str(error))
    user = _lock_user(passkey.user_id)
    if user is None or not user.active:
        _reject(passkey.user_id, "The account is deactivated.")
    if not spend(nonce):
        _reject(passkey.user_id, "The challenge was used.")
    _count_use(passkey, count)
    return complete_sign_in(user, METHODS, fresh=True)


def _responses() -> ModuleType:
    """Return the module that checks responses. The library that it imports takes 6 MB of memory."""
    from taskapi.extensions.passkeys import responses  # noqa: PLC0415

    return responses


def _find_passkey(credential_id: str) -> Any:
    with suppress(ValueError):
        is_it = Passkey.credential_id == base64url_decode(credential_id)
        return reader().execute(select(Passkey.id, Passkey.user_id, Passkey.public_key).where(is_it)).first()
    return None


def _lock_user(user_id: UUID) -> Any:
    return db.session.execute(select(*SUBJECT).where(User.id == user_id).with_for_update(key_share=True)).first()


def _count_use(passkey: Any, count: int) -> None:
    """Store the counter and the time, in one conditional UPDATE. Responds 401 if the counter has not increased.

    Then there are two authenticators with this key. A counter that is always 0 is none.
    """
    has_increased = or_(Passkey.sign_count < count, (Passkey.sign_count == 0) & (count == 0))
    use = update(Passkey).where(Passkey.id == passkey.id, has_increased).values(sign_count=count, last_used_at=now())
    done: Any = db.session.execute(use, execution_options={"synchronize_session": False})
    if not done.rowcount:
        before = db.session.execute(select(Passkey.sign_count).where(Passkey.id == passkey.id)).scalar()
        counters = {} if before is None else {"counter": count, "previous_counter": before}
        _reject(passkey.user_id, "The passkey was removed, or its counter is not higher.", **counters)


def _reject(user_id: UUID | None, reason: str, **details: Any) -> NoReturn:
    """Record a failed sign-in and respond 401. The log of the server has the reason."""
    current_app.logger.info("a passkey was rejected: %s", reason)
    db.session.rollback()
    record(Event.SIGN_IN_FAILED, subject_id=user_id, by="passkey", **details)
    db.session.commit()
    problem("passkey_invalid")


def registration_options() -> dict[str, Any]:
    """Return the options of a registration for the caller. They exclude authenticators that have a passkey already."""
    found = require_passkeys()
    user = reader().execute(select(User.username, User.name).where(User.id == caller().id)).first()
    if user is None:
        problem("token_revoked")
    known = reader().scalars(select(Passkey.credential_id).where(Passkey.user_id == caller().id)).all()
    handle, name = base64url_encode(caller().id.bytes), user.name or user.username
    return {
        "rp": {"id": found.passkey_rp_id, "name": settings().jwt_issuer},
        "user": {"id": handle, "name": user.username, "displayName": name},
        "challenge": create_challenge(caller().sub, caller().sid),
        "timeout": SECONDS * 1000,
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm.value} for algorithm in _responses().ALGORITHMS],
        "excludeCredentials": [{"type": "public-key", "id": base64url_encode(each)} for each in known],
        "authenticatorSelection": {
            "residentKey": "required", "requireResidentKey": True, "userVerification": "required",
        },
        "attestation": "none",
    }  # fmt: skip


def register(name: str, credential: dict[str, Any]) -> Passkey:
    """Add a passkey of the caller. Responds 409, 422 or 429.

    Locks the account, so that parallel requests do not exceed the quota.
    """
    found = require_passkeys()
    enforce_limit(CREATION, caller().sub)
    try:
        nonce, verified = _responses().check_registration(credential, caller().sub, caller().sid)
    except _responses().Refused as error:
        _refuse(str(error))
    user = _lock_user(caller().id)
    if user is None or not user.active:
        problem("token_revoked")
    count = db.session.execute(
        select(func.count()).select_from(Passkey).where(Passkey.user_id == caller().id)
    ).scalar_one()
    if count >= found.max_passkeys:
        problem("quota_exceeded", f"You have {count} passkeys. Remove one first.")
    if not spend(nonce):
        _refuse("The challenge was used.")
    passkey = Passkey(
        user_id=caller().id,
        name=name,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
    )
    db.session.add(passkey)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        problem("passkey_exists")
    _record(Event.PASSKEY_ADDED, caller().id, caller().id, passkey.id)
    return passkey


def _refuse(reason: str) -> NoReturn:
    """Respond 422. The log of the server has the reason."""
    current_app.logger.info("a passkey was not added: %s", reason)
    invalid("json", {"credential": ["Does not answer valid options. Ask for new ones."]})


def list_passkeys() -> list[dict[str, Any]]:
    """Return the caller's passkeys, the latest first. They are few."""
    statement = select(*SHOWN).where(Passkey.user_id == caller().id).order_by(Passkey.id.desc())
    return [dict(row) for row in reader().execute(statement).mappings()]


def remove_passkeys(user_id: UUID, actor_id: UUID | None, passkey_id: UUID | None = None) -> int:
    """Remove a passkey of a user, or all of them; return how many."""
    statement = delete(Passkey).where(Passkey.user_id == user_id)
    if passkey_id:
        statement = statement.where(Passkey.id == passkey_id)
    removed = db.session.scalars(statement.returning(Passkey.id)).all()
    for each in removed:
        _record(Event.PASSKEY_REMOVED, actor_id, user_id, each)
    return len(removed)


def _record(event: Event, actor_id: UUID | None, user_id: UUID, passkey_id: UUID) -> None:
    record(event, actor_id=actor_id, subject_id=user_id, passkey_id=str(passkey_id))
