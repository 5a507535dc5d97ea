"""Idempotency-Key: a request that is sent again gets the stored response of the first one, and changes nothing.

The response is stored in the same transaction as the change, so that a crash leaves both or neither. A concurrent
request with the same key waits for the lock of the owner.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

from flask import Response, request
from marshmallow import Schema
from sqlalchemy import JSON, ForeignKey, LargeBinary, String, delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.api import problem
from taskapi.api.blueprint import declaration
from taskapi.api.parsing import read_body
from taskapi.api.responses import dump, is_derived, json_response
from taskapi.config import settings
from taskapi.database import Model, db, now
from taskapi.resources.ownership import advance_counter, lock_owner
from taskapi.security.tokens import caller

HEADER = "Idempotency-Key"
LIFETIME = timedelta(hours=24)
KEY = re.compile(r"[\x21-\x7e]{1,255}")
STORED_HEADERS = ("Location", "ETag", "Cache-Control", "Content-Type")
WITHOUT_BODY: dict[str, Any] = {"status": 0, "headers": {}, "body": b""}  # for a response that is too large to store
View = TypeVar("View", bound=Callable[..., Any])


class StoredResponse(Model):
    """The response to the request that had this Idempotency-Key."""

    __tablename__ = "stored_responses"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[int]
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(default=now)


def idempotent(view: View) -> View:
    """Return the stored response if the request was sent before. The view returns what `store_response` returns."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return find_stored_response() or view(*args, **kwargs)

    return accepts_idempotency_key(wrapper)  # type: ignore[return-value]


def accepts_idempotency_key(view: View) -> View:
    """Document that a view accepts Idempotency-Key. The view calls `find_stored_response` and `store_response`."""
    declaration(view).idempotent = True
    return view


def created_response(row: Any, schema: Schema, location: str) -> Response:
    """Return the 201 response that shows a new row, and store it under the Idempotency-Key, if there is one."""
    headers = {"Location": location}
    return store_response(json_response(dump(row, schema), 201, headers, etag=True, derived=is_derived(schema)))


def store_response(response: Response, content: bytes | None = None) -> Response:
    """Add a response to the session if the request has an Idempotency-Key. Return the response.

    `content` replaces the body in the fingerprint, for a view that reads the body itself. Responds 409 if the user has
    too many stored responses.
    """
    if key := request_key():
        headers = {name: response.headers[name] for name in STORED_HEADERS if name in response.headers}
        stored: dict[str, Any] = {"status": response.status_code, "headers": headers, "body": response.get_data()}
        if not _reserve_space(len(stored["body"])):
            stored = WITHOUT_BODY
        db.session.add(StoredResponse(owner_id=caller().id, key=key, fingerprint=_fingerprint(content), **stored))
    return response


def find_stored_response(content: bytes | None = None) -> Response | None:
    """Return the stored response of the same request. Locks the owner if the request has an Idempotency-Key.

    Responds 422 if the key was used for another request, and 409 if the response is no longer stored. `content`
    replaces the body in the fingerprint, for a view that reads the body itself.
    """
    key = request_key()
    if key is None:
        return None
    lock_owner(caller().id, 0)
    stored = db.session.get(StoredResponse, (caller().id, key))
    if stored is None:
        return None
    if stored.created_at < now() - LIFETIME:
        prune_responses(caller().id)
        return None
    if stored.fingerprint != _fingerprint(content):
        problem("idempotency_key_reused", errors={"header": {"Idempotency-Key": ["Was used for another request."]}})
    if stored.status == WITHOUT_BODY["status"]:
        problem("response_not_stored")
    return Response(stored.body, stored.status, {**stored.headers, "Idempotency-Replayed": "true"})


def request_key() -> str | None:
    """Return the Idempotency-Key of the request, or None. Responds 400 if it is malformed."""
    key = request.headers.get(HEADER)
    if key is not None and not KEY.fullmatch(key):
        problem("malformed_request", f"{HEADER} must have 1 to 255 visible ASCII characters.")
    return key


def prune_responses(owner_id: UUID) -> int:
    """Delete a user's stored responses that are older than 24 hours; return their number."""
    old = (StoredResponse.owner_id == owner_id, StoredResponse.created_at < now() - LIFETIME)
    sizes = db.session.scalars(delete(StoredResponse).where(*old).returning(func.length(StoredResponse.body))).all()
    advance_counter(owner_id, 0, stored_responses=-len(sizes), stored_response_bytes=-sum(sizes))
    return len(sizes)


def _reserve_space(size: int) -> bool:
    """Count a response of `size` bytes; return False if it is too large to store. Responds 409 beyond the quota.

    If the user's responses are too large together, the oldest lose their bodies. Their keys stay, so that a repeated
    request changes nothing.
    """
    owner_id, most = caller().id, settings().max_stored_response_bytes
    fits = size <= most
    counter = advance_counter(owner_id, 0, stored_responses=1, stored_response_bytes=size if fits else 0)
    if counter.stored_responses > settings().max_stored_responses:
        prune_responses(owner_id)
        counter = advance_counter(owner_id, 0)
    if counter.stored_responses > settings().max_stored_responses:
        problem("quota_exceeded", f"You may send {settings().max_stored_responses} requests with {HEADER} in 24 hours.")
    if counter.stored_response_bytes > most:
        _delete_oldest_bodies(owner_id, counter.stored_response_bytes - most // 2)
    return fits


def _delete_oldest_bodies(owner_id: UUID, excess: int) -> None:
    """Delete the bodies of a user's oldest responses until `excess` bytes are free."""
    with_body = select(StoredResponse.key, func.length(StoredResponse.body)).where(
        StoredResponse.owner_id == owner_id, StoredResponse.status != WITHOUT_BODY["status"]
    )
    keys, freed = [], 0
    for key, size in db.session.execute(with_body.order_by(StoredResponse.created_at)).all():
        if freed >= excess:
            break
        keys.append(key)
        freed += size
    oldest = update(StoredResponse).where(StoredResponse.owner_id == owner_id, StoredResponse.key.in_(keys))
    db.session.execute(oldest.values(WITHOUT_BODY), execution_options={"synchronize_session": False})
    advance_counter(owner_id, 0, stored_response_bytes=-freed)


def _fingerprint(content: bytes | None) -> bytes:
    body = read_body() if content is None else content
    return sha256(f"{request.method} {request.full_path}\n".encode() + body).digest()
