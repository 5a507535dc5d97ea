"""Cursors: where a list goes on, sealed so that one serves its owner alone, with its filters and its sort."""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson

from taskapi.api import problem
from taskapi.api.encoding import to_json
from taskapi.security.keys import Key, ring
from taskapi.security.tokens import caller

MAC_BYTES = 16


def seal(position: list[Any], question: Any) -> str:
    """Return the cursor for going on behind `position` in the answer to `question`."""
    data = to_json(position)
    return urlsafe_b64encode(_mac(ring().signing, data, question) + data).rstrip(b"=").decode()


def unseal(cursor: str, question: Any) -> list[Any]:
    """Return the position that `seal` put in, or answer 400 `invalid_cursor`."""
    try:
        sealed = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (ValueError, binascii.Error):
        problem("invalid_cursor")
    mac, data = sealed[:MAC_BYTES], sealed[MAC_BYTES:]
    if not any(hmac.compare_digest(mac, _mac(key, data, question)) for key in ring().keys.values()):
        problem("invalid_cursor")
    position: list[Any] = orjson.loads(data)
    return position


def _mac(key: Key, data: bytes, question: Any) -> bytes:
    bound = to_json([caller().id, question])
    return hmac.digest(key.derive("cursor"), len(bound).to_bytes(4, "big") + bound + data, "sha256")[:MAC_BYTES]
