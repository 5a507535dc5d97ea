"""Rate limits: so many a window, for a name, an address or a person; in Redis, or in memory where that is down."""

import time
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Any, Final, NamedTuple

from flask import Flask, Response, current_app, g, request
from limits.storage import MemoryStorage, RedisStorage
from limits.storage import Storage as Counters
from redis.exceptions import RedisError

from taskapi.api import problem
from taskapi.config import Settings, settings

REDIS_SECONDS: Final = 0.3
RETRY_REDIS_AFTER: Final = 5.0


class Limit(NamedTuple):
    """So many in each window of so many seconds."""

    name: str
    quota: int
    seconds: int


LOGIN_NAME_AT_ADDRESS = Limit("login", 5, 60)
LOGIN_ADDRESS = Limit("login-address", 30, 60)
LOGIN_NAME = Limit("login-name", 50, 3600)
REGISTER = Limit("register", 30, 60)
REFRESH = Limit("refresh", 120, 60)
PASSWORD = Limit("password", 5, 60)
PERSON = Limit("person", 6000, 60)


class Count(NamedTuple):
    """How far a limit is used up; `reset` is seconds from now."""

    limit: Limit
    remaining: int
    reset: int


def throttle(limit: Limit, *who: str) -> None:
    """Count one, or answer 429 where that is one too many."""
    count = hit(limit, *who)
    if count is not None and count.remaining < 0:
        problem("too_many_requests", headers={"Retry-After": str(count.reset)})


def hit(limit: Limit, *who: str) -> Count | None:
    """Count one and return how far the limit is used up; None where limits are off."""
    if not settings().ratelimit_enabled:
        return None
    moment = time.time()
    window = int(moment // limit.seconds)
    key = f"taskapi:limit:{limit.name}:{window}:{_short(who)}"
    used = _count(key, limit.seconds)
    count = Count(limit, limit.quota - used, max(1, int((window + 1) * limit.seconds - moment)))
    g.setdefault("limits", []).append(count)
    return count


def address() -> str:
    """Return the caller's address; an IPv6 customer has a whole /64."""
    try:
        parsed = ip_address(request.remote_addr or "")
    except ValueError:
        return request.remote_addr or ""
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)


def init_throttle(app: Flask, settings: Settings) -> None:
    """Count in Redis where there is one."""
    options: dict[str, Any] = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
    app.extensions["taskapi-limits"] = _Counters(
        RedisStorage(settings.redis_url, **options) if settings.redis_url and settings.ratelimit_enabled else None
    )
    app.after_request(_say_limits)


class _Counters:
    """Counters in Redis that go on in memory, each process for itself, while Redis is down."""

    def __init__(self, shared: Counters | None) -> None:
        self.shared = shared
        self.local = MemoryStorage()
        self.down_until = 0.0

    def add(self, key: str, seconds: int) -> int:
        if self.shared is not None and time.monotonic() >= self.down_until:
            try:
                return self.shared.incr(key, seconds)
            except RedisError as error:
                self.down_until = time.monotonic() + RETRY_REDIS_AFTER
                current_app.logger.warning("rate limits are counted in memory: Redis did not answer: %s", error)
        return self.local.incr(key, seconds)


def _count(key: str, seconds: int) -> int:
    counters: _Counters = current_app.extensions["taskapi-limits"]
    return counters.add(key, seconds)


def _short(who: tuple[str, ...]) -> str:
    """Return a key of fixed length that keeps no name in the clear: people type passwords there."""
    return sha256("\0".join(who).encode()).hexdigest()[:32]


def _say_limits(response: Response) -> Response:
    counts: list[Count] = g.get("limits", [])
    if counts:
        response.headers["RateLimit-Policy"] = ", ".join(
            f'"{c.limit.name}";q={c.limit.quota};w={c.limit.seconds}' for c in counts
        )
        response.headers["RateLimit"] = ", ".join(
            f'"{c.limit.name}";r={max(0, c.remaining)};t={c.reset}' for c in counts
        )
    return response
