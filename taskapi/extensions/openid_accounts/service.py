"""Sign in as the person whom the OpenID provider has named, and link an account to this person."""

import re
import secrets
from typing import Any, Final
from unicodedata import normalize
from urllib.parse import urlsplit

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from taskapi.api import problem
from taskapi.api.fields import Text
from taskapi.audit import Event, record
from taskapi.auth.service import complete_sign_in
from taskapi.auth.sessions import Grant
from taskapi.config import settings_of
from taskapi.database import db, now, reader
from taskapi.extensions.openid.service import use_code
from taskapi.extensions.openid.settings import require_openid
from taskapi.extensions.openid_accounts.models import OpenidIdentity
from taskapi.extensions.openid_accounts.settings import OpenidAccountSettings, mapped_roles
from taskapi.security.jws import Members
from taskapi.security.passwords import NO_PASSWORD
from taskapi.security.rate_limit import REGISTER_ALL, enforce_limit
from taskapi.security.tokens import caller, require_signing_key
from taskapi.users.models import User, create_user
from taskapi.users.service import change_roles, lock_account

METHOD: Final = "fed"  # in `amr`: a provider has authenticated the user, by methods of its own
_NAME: Final = Text(1, 100)


def sign_in(code: str, verifier: str) -> Grant:
    """Create a session for the person of a code. Their roles become those of the provider, if it decides them."""
    require_openid()
    require_signing_key()
    claims, is_fresh = use_code(code, verifier)
    key = claims["iss"], claims["sub"]
    user = lock_account((db.session.get(OpenidIdentity, key) or _create_account(claims)).user_id)
    identity = db.session.get(OpenidIdentity, key, populate_existing=True)
    if identity is None:  # its user has removed the link while this request waited for the lock
        problem("openid_code_invalid")
    if not user.active:
        record(Event.SIGN_IN_FAILED, subject_id=user.id, by="openid")
        db.session.commit()
        problem("account_inactive")
    if (roles := mapped_roles(claims)) is not None:
        change_roles(user, roles)
    identity.last_used_at = now()
    return complete_sign_in(user, [METHOD], fresh=is_fresh)


def identity_of_caller() -> dict[str, Any]:
    """Return whether the caller has linked the provider, since when, and whether they have a password."""
    name = settings_of(OpenidAccountSettings).openid_name or urlsplit(require_openid().openid_issuer).netloc
    linked = select(OpenidIdentity.linked_at, OpenidIdentity.last_used_at).where(*_own_identity())
    row = reader().execute(linked).mappings().first()
    hashed = reader().execute(select(User.password_hash).where(User.id == caller().id)).scalar()
    shown = {"provider": name, "linked": row is not None, "has_password": hashed != NO_PASSWORD}
    return {**shown, **(row or {"linked_at": None, "last_used_at": None})}


def link_account(code: str, verifier: str) -> None:
    """Link the caller's account to the person of a code. Responds 409 if either has a link already."""
    require_openid()
    claims, _ = use_code(code, verifier)
    db.session.add(OpenidIdentity(user_id=caller().id, issuer=claims["iss"], subject=claims["sub"]))
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        problem("openid_linked")
    record(Event.IDENTITY_LINKED, actor_id=caller().id, subject_id=caller().id, issuer=claims["iss"])


def unlink_account() -> None:
    """Remove the link of the caller's account, if there is one. Responds 409 if nothing else lets its user sign in."""
    user = lock_account(caller().id)
    found = db.session.scalars(select(OpenidIdentity).where(*_own_identity())).first()
    if found is None:
        return
    if user.password_hash == NO_PASSWORD:
        problem("password_not_set")
    db.session.delete(found)
    record(Event.IDENTITY_UNLINKED, actor_id=user.id, subject_id=user.id, issuer=found.issuer)


def _own_identity() -> tuple[Any, ...]:
    return OpenidIdentity.user_id == caller().id, OpenidIdentity.issuer == require_openid().openid_issuer


def _create_account(claims: Members) -> OpenidIdentity:
    """Create an account without a password for a person, if the settings allow it."""
    if not settings_of(OpenidAccountSettings).openid_create_accounts:
        problem("openid_no_account")
    enforce_limit(REGISTER_ALL)
    roles = mapped_roles(claims)
    fields: dict[str, Any] = {"name": _valid_name(claims.get("name")), **({"roles": roles} if roles else {})}
    try:
        user = create_user(_free_username(claims.get("preferred_username")), None, **fields)
        identity = OpenidIdentity(user_id=user.id, issuer=claims["iss"], subject=claims["sub"])
        db.session.add(identity)
        db.session.flush()
    except IntegrityError:  # another sign-in at the same moment; the rollback makes the code valid again
        db.session.rollback()
        problem("username_taken", "Another sign-in has just created an account. Send the code again.")
    record(Event.IDENTITY_LINKED, subject_id=user.id, issuer=identity.issuer)
    return identity


def _free_username(proposal: Any) -> str:
    """Return a username like that at the provider, without the domain of an address. Nothing else depends on it."""
    text = normalize("NFKD", proposal).lower().partition("@")[0] if isinstance(proposal, str) else ""
    name = re.sub(r"[^a-z0-9._-]+", "", text)[:50].strip("._-")
    is_taken = select(User.id).where(User.username == name)
    if len(name) >= 3 and reader().execute(is_taken).first() is None:
        return name
    return f"{name or 'user'}-{secrets.token_hex(4)}"


def _valid_name(name: Any) -> str | None:
    try:
        return _NAME.deserialize(name[:100]) if isinstance(name, str) else None
    except ValidationError:
        return None
