"""The text of tokens: compact JWS and base64url, in canonical form only (RFC 7515)."""

import json
from base64 import b64decode, urlsafe_b64encode
from typing import Any, Final, NoReturn

MAX_LENGTH: Final = 8192  # characters of a token
MAX_VALUES: Final = 500  # objects and lists in a part; how deeply Python can parse them depends on its version

Members = dict[str, Any]


def base64url_encode(data: bytes) -> str:
    """Return bytes in base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def base64url_decode(text: str) -> bytes:
    """Decode text that `base64url_encode` could have returned. Raises ValueError for any other text."""
    data = b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if base64url_encode(data) != text:
        raise ValueError("not canonical base64url")
    return data


def parse_token(token: str) -> tuple[Members, Members]:
    """Return the header and the claims of a compact JWS (RFC 7515, section 7.1), unverified. Raises ValueError."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError(f"it has {len(parts) - 1} dots, not 2")
    if len(token) > MAX_LENGTH:
        raise ValueError(f"it has {len(token)} characters; at most {MAX_LENGTH} are allowed")
    header, payload, _signature = map(base64url_decode, parts)
    return _parse_object(header), _parse_object(payload)


def _parse_object(data: bytes) -> Members:
    if data.count(b"{") + data.count(b"[") > MAX_VALUES:
        raise ValueError(f"one of its parts has more than {MAX_VALUES} objects and lists")
    found = json.loads(data.decode(), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    if not isinstance(found, dict):
        raise ValueError("one of its parts is not a JSON object")  # noqa: TRY004 - as for any other text
    return found


def _without_duplicates(pairs: list[tuple[str, Any]]) -> Members:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("it has a member twice")
    return members


def _refuse_constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not JSON")
