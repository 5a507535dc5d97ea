"""Challenges: signed proof of the first step of a sign-in, without a row in the database.

A challenge is void once the password, the roles or state of the account, or the second factor changes. It is no access
token: it has no header and no claims, and its key is another one.
"""

import re
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from itsdangerous import BadData, URLSafeTimedSerializer

from taskapi.api import problem
from taskapi.api.responses import to_json
from taskapi.security.keys import current_key_set

PURPOSE: Final = "second-factor"
SECONDS: Final = 300
_FORM: Final = re.compile(r"[\w.-]+", re.ASCII)


def create_challenge(user: Any, factor: Any, amr: list[str], fresh: bool) -> str:
    """Return a challenge for a user who has proved who they are by the methods of `amr`."""
    return str(_serializer().dumps([str(user.id), _state_of(user, factor), amr, fresh]))


def read_challenge(challenge: str) -> tuple[UUID, str, list[str], bool]:
    """Return the user, the state, the methods and the freshness of a challenge, or respond 401."""
    with suppress(BadData, ValueError):  # ValueError: a challenge of an earlier release has other members
        if _FORM.fullmatch(challenge):  # itsdangerous skips other characters
            user_id, state, amr, fresh = _serializer().loads(challenge, max_age=SECONDS)
            return UUID(user_id), state, amr, fresh
    problem("challenge_invalid")


def require_state(state: str, user: Any, factor: Any) -> None:
    """Respond 401 unless the account still is as it was when the challenge was created."""
    if user is None or factor is None or not user.active or state != _state_of(user, factor):
        problem("challenge_invalid")


def _state_of(user: Any, factor: Any) -> str:
    """Return a digest that changes with the password, the roles, each deactivation, and the second factor."""
    return sha256(to_json([str(user.id), user.password_hash, user.epoch, factor.confirmed_at])).hexdigest()


def _serializer() -> URLSafeTimedSerializer:
    oldest_first = [*reversed(current_key_set().secrets(PURPOSE))]
    return URLSafeTimedSerializer(oldest_first, salt=PURPOSE, signer_kwargs={"digest_method": sha256})
