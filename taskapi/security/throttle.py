"""Rate limits: so many a window, for a name, an address or a person; in Redis, or in memory where that is down."""

import time
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from threading import Lock
from typing import Final, NamedTuple

from flask import Flask, Response, current_app, g, request
from redis import Redis
from redis.exceptions import RedisError

from taskapi.api import problem
from taskapi.config import Settings, settings
from taskapi.security.redis import redis

RETRY_REDIS_SECONDS: Final = 5.0


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
    counters: Counters = current_app.extensions["taskapi-limits"]
    used = counters.add(limit, window, _short(who))
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


def init_throttle(app: Flask, _settings: Settings) -> None:
    """Count from nothing."""
    app.extensions["taskapi-limits"] = Counters()
    app.after_request(_say_limits)


class Counters:
    """Counters of the windows that run now: in Redis, or in this process's memory while that is down."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._local: dict[str, tuple[int, dict[str, int]]] = {}
        self._redis_down_until = 0.0

    def add(self, limit: Limit, window: int, who: str) -> int:
        """Count one, and return how many there were in the window."""
        store = redis()
        if store is not None and time.monotonic() >= self._redis_down_until:
            try:
                return _add_in(store, f"taskapi:limit:{limit.name}:{window}:{who}", limit.seconds)
            except RedisError as error:
                self._redis_down_until = time.monotonic() + RETRY_REDIS_SECONDS
                current_app.logger.warning("rate limits are counted in memory: Redis did not answer: %s", error)
        return self._add_here(limit.name, window, who)

    def _add_here(self, name: str, window: int, who: str) -> int:
        with self._lock:
            running, counts = self._local.get(name, (None, {}))
            if running != window:  # what the last window counted is of no use any more
                counts = {}
                self._local[name] = (window, counts)
            counts[who] = used = counts.get(who, 0) + 1
        return used


def _add_in(store: Redis, key: str, seconds: int) -> int:
    pipeline = store.pipeline(transaction=False)
    pipeline.incr(key)
    pipeline.expire(key, seconds)
    used, _ = pipeline.execute()
    return int(used)


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
