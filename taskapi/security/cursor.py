"""Cursors: where a list goes on, sealed so that one serves its owner alone, with its filters and its sort."""

import hmac
from typing import Any

import orjson
from flask import request

from taskapi.api import problem
from taskapi.api.encoding import to_json
from taskapi.security import base64url
from taskapi.security.keys import ring
from taskapi.security.tokens import caller

MAC_BYTES = 16


def seal(position: Any, question: Any) -> str:
    """Return the cursor for going on behind `position`, a list, in the answer to `question`."""
    data = to_json(position)
    return base64url.encode(_mac(_secrets()[0], data, question) + data)


def unseal(cursor: str, question: Any) -> list[Any]:
    """Return the position that `seal` put in, or answer 400 `invalid_cursor`."""
    try:
        sealed = base64url.decode(cursor)
    except ValueError:
        problem("invalid_cursor")
    mac, data = sealed[:MAC_BYTES], sealed[MAC_BYTES:]
    if not any(hmac.compare_digest(mac, _mac(secret, data, question)) for secret in _secrets()):
        problem("invalid_cursor")
    position: list[Any] = orjson.loads(data)
    return position


def _secrets() -> list[bytes]:
    return ring().secrets("cursor")


def _mac(secret: bytes, data: bytes, question: Any) -> bytes:
    bound = to_json([caller().id, request.path, question])
    return hmac.digest(secret, len(bound).to_bytes(4, "big") + bound + data, "sha256")[:MAC_BYTES]
