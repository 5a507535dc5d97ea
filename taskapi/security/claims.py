"""What an access token consists of, and what it must say before its signature is looked at."""

import json
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, NoReturn
from uuid import UUID

from taskapi.config import settings
from taskapi.security import base64url
from taskapi.security.keys import Key

TYP: Final = "at+jwt"
LEEWAY: Final = 5
MAX_LENGTH: Final = 8192

Members = dict[str, Any]


class Claim(NamedTuple):
    """A claim: what it tells, whether a value will do, and whether it must be there."""

    tells: str
    fits: Callable[[Any], bool]
    required: bool = True


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != "" and value.isprintable()


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


def _are_roles(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(role, str) for role in value)


HEADER: Final = {
    "alg": "how it is signed; the key has the last word",
    "kid": "the key that signed it",
    "typ": "that it is an access token (RFC 9068)",
}  # any other member is refused: jwk, jku, x5u, x5c, crit, b64, zip …
CLAIMS: Final = {
    "iss": Claim("who issued it", lambda value: value == settings().jwt_issuer),
    "aud": Claim("whom it is for", lambda value: value == settings().jwt_audience),
    "sub": Claim("whose it is: the id of an account", _is_uuid),
    "iat": Claim("when it was issued", _is_whole),
    "nbf": Claim("since when it is good", _is_whole),
    "exp": Claim("until when it is good", _is_whole),
    "jti": Claim("its own id", _is_text),
    "sid": Claim("the session that it belongs to", _is_uuid),
    "client_id": Claim("the client that it was issued to (RFC 9068)", _is_text, required=False),
    "roles": Claim("what its bearer may do", _are_roles),
    "epoch": Claim("which standing of the person it is of; grows when their roles change", _is_whole),
    "type": Claim("what kind of token it is", lambda value: value == "access"),
    "fresh": Claim("whether a password was entered for it", lambda value: isinstance(value, bool), required=False),
    "csrf": Claim("what X-CSRF-TOKEN must say, in cookies", lambda value: isinstance(value, str), required=False),
    "name": Claim("what to call the person; nothing depends on it", lambda _: True, required=False),
}


def take_apart(token: str) -> tuple[Members, Members]:
    """Return the header and the claims of a compact JWS (RFC 7515, section 7.1). Raises ValueError: why it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError(f"it has {len(parts) - 1} dots, not 2")
    if len(token) > MAX_LENGTH:
        raise ValueError(f"it has {len(token)} characters; {MAX_LENGTH} are the most")
    try:
        header, payload, _signature = map(base64url.decode, parts)
        return _object(header), _object(payload)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def header_fault(header: Members, key: Key | None) -> str | None:
    """Tell what is wrong with a header, given the key that its `kid` names."""
    if key is None:
        return "no key of ours has its kid"
    if strange := header.keys() - HEADER.keys():
        return f"its header has {', '.join(sorted(map(repr, strange)))}"
    if header.get("typ") != TYP:
        return f"its typ is not {TYP}"
    return None if header.get("alg") == key.alg else f"its alg is not {key.alg}, the algorithm of its key"


def claims_fault(claims: Members) -> str | None:
    """Tell what is wrong with the claims, whoever signed them; how old they may be is looked at after the signature."""
    for name, claim in CLAIMS.items():
        if name not in claims and claim.required:
            return f"it has no {name}"
        if name in claims and not claim.fits(claims[name]):
            return f"its {name} will not do here"
    if claims["iat"] > time.time() + LEEWAY:
        return "it was issued in the future"
    life, most = claims["exp"] - claims["iat"], settings().access_token_seconds
    return None if 0 < life <= most else f"it is good for {life} seconds; ours are for 1 to {most}"


def _object(data: bytes) -> Members:
    found = json.loads(data.decode(), object_pairs_hook=_without_duplicates, parse_constant=_refuse)
    if not isinstance(found, dict):
        raise ValueError("a part of it is no JSON object")  # noqa: TRY004 - of the wrong kind, as other text is
    return found


def _without_duplicates(pairs: list[tuple[str, Any]]) -> Members:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _refuse(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is no JSON")
