"""Idempotency-Key: a request that is sent again gets the answer of the first time, and does nothing more.

The answer is stored in the transaction of what it tells, so that a crash leaves both or neither. A second request waits
for the first on the owner's lock.
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
from taskapi.api.blueprint import fields_of, is_derived, respond
from taskapi.api.parsing import read_body
from taskapi.config import settings
from taskapi.database import Model, db, now
from taskapi.owned import lock_owner
from taskapi.owned.numbers import advance
from taskapi.security.tokens import caller

HEADER = "Idempotency-Key"
LIFE = timedelta(hours=24)
KEY = re.compile(r"[\x21-\x7e]{1,255}")
KEPT = ("Location", "ETag", "Cache-Control", "Content-Type")
NOT_KEPT: dict[str, Any] = {"status": 0, "headers": {}, "body": b""}  # of an answer that would take too much room
View = TypeVar("View", bound=Callable[..., Any])


class StoredAnswer(Model):
    """An answer, under the key that the request for it brought."""

    __tablename__ = "idempotency_keys"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[int]
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(default=now)


def idempotent(view: View) -> View:
    """Let a view answer a request that is sent again as it did the first time; what it answers it makes by `made`."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return first_answer() or view(*args, **kwargs)

    return takes_key(wrapper)  # type: ignore[return-value]


def takes_key(view: View) -> View:
    """Document that a view takes Idempotency-Key; it calls `first_answer` and `remembered` by itself."""
    view._apidoc = {**getattr(view, "_apidoc", {}), "idempotent": True}  # type: ignore[attr-defined]
    return view


def made(row: Any, schema: Schema, location: str) -> Response:
    """Return the 201 that shows a new row, and keep it for when the same request comes again."""
    shown = fields_of(row, tuple(schema.dump_fields))
    return remembered(respond(shown, 201, {"Location": location}, etag=True, derived=is_derived(schema)))


def remembered(response: Response, content: bytes | None = None) -> Response:
    """Keep an answer for when the same request comes again; in the session, to be committed with what it tells.

    `content` stands for the body, where the view reads that by itself.
    """
    if key := request_key():
        headers = {name: response.headers[name] for name in KEPT if name in response.headers}
        answer: dict[str, Any] = {"status": response.status_code, "headers": headers, "body": response.get_data()}
        if not _make_room(len(answer["body"])):
            answer = NOT_KEPT
        db.session.add(StoredAnswer(owner_id=caller().id, key=key, fingerprint=_fingerprint(content), **answer))
    return response


def prune_answers(owner_id: UUID) -> int:
    """Remove a user's answers that are older than a day; returns how many."""
    old = (StoredAnswer.owner_id == owner_id, StoredAnswer.created_at < now() - LIFE)
    removed = db.session.scalars(delete(StoredAnswer).where(*old).returning(func.length(StoredAnswer.body))).all()
    advance(owner_id, 0, answers=-len(removed), answer_bytes=-sum(removed))
    return len(removed)


def _make_room(size: int) -> bool:
    """Count an answer of so many bytes in, or respond 409 where the user has too many; False: it is too large to keep.

    Where all answers together are too large, the oldest lose their bodies: their requests are still not done twice.
    """
    owner_id, most = caller().id, settings().max_answer_bytes
    keeps = size <= most
    counter = advance(owner_id, 0, answers=1, answer_bytes=size if keeps else 0)
    if counter.answers > settings().max_answers:
        prune_answers(owner_id)
        counter = advance(owner_id, 0)
    if counter.answers > settings().max_answers:
        problem("quota_exceeded", f"You may send {settings().max_answers} requests with {HEADER} in 24 hours.")
    if counter.answer_bytes > most:
        _drop_bodies(owner_id, counter.answer_bytes - most // 2)
    return keeps


def _drop_bodies(owner_id: UUID, excess: int) -> None:
    """Drop the bodies of a user's oldest answers, until so many bytes are free."""
    kept = select(StoredAnswer.key, func.length(StoredAnswer.body)).where(
        StoredAnswer.owner_id == owner_id, StoredAnswer.status != NOT_KEPT["status"]
    )
    keys, freed = [], 0
    for key, size in db.session.execute(kept.order_by(StoredAnswer.created_at)).all():
        if freed >= excess:
            break
        keys.append(key)
        freed += size
    dropped = update(StoredAnswer).where(StoredAnswer.owner_id == owner_id, StoredAnswer.key.in_(keys))
    db.session.execute(dropped.values(NOT_KEPT), execution_options={"synchronize_session": False})
    advance(owner_id, 0, answer_bytes=-freed)


def first_answer(content: bytes | None = None) -> Response | None:
    """Return the answer to the same request, if it was sent before. Locks the owner, if there is a key.

    `content` stands for the body, where the view reads that by itself.
    """
    key = request_key()
    if key is None:
        return None
    lock_owner(caller().id, 0)
    stored = db.session.get(StoredAnswer, (caller().id, key))
    if stored is None:
        return None
    if stored.created_at < now() - LIFE:
        prune_answers(caller().id)
        return None
    if stored.fingerprint != _fingerprint(content):
        problem("idempotency_key_reused")
    if stored.status == NOT_KEPT["status"]:
        problem("answer_not_kept")
    return Response(stored.body, stored.status, {**stored.headers, "Idempotency-Replayed": "true"})


def request_key() -> str | None:
    """Return the request's Idempotency-Key, if it has one. Responds 400 if that is not well formed."""
    key = request.headers.get(HEADER)
    if key is not None and not KEY.fullmatch(key):
        problem("malformed_request", f"{HEADER} must be 1 to 255 visible ASCII characters.")
    return key


def _fingerprint(content: bytes | None) -> bytes:
    body = read_body() if content is None else content
    return sha256(f"{request.method} {request.full_path}\n".encode() + body).digest()
