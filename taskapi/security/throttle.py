"""Rate limits: so many a window, for a name, an address or a person; in Redis, or in memory where that is down."""

import time
from collections import deque
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from itertools import count
from threading import Lock
from typing import Any, NamedTuple

from flask import Flask, Response, request

from taskapi.api import problem
from taskapi.config import Settings, settings
from taskapi.context import current_application, current_g
from taskapi.security.redis import Store, redis


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
    used = hit(limit, *who)
    if used is not None and used.remaining < 0:
        problem("too_many_requests", headers={"Retry-After": str(used.reset)})


def hit(limit: Limit, *who: str) -> Count | None:
    """Count one and return how far the limit is used up; None where limits are off."""
    if not settings().ratelimit_enabled:
        return None
    moment = time.time()
    window = int(moment // limit.seconds)
    counters: Counters = current_application().extensions["taskapi-limits"]
    used = counters.add(limit, window, _short(who))
    counted = Count(limit, limit.quota - used, max(1, int((window + 1) * limit.seconds - moment)))
    current_g().setdefault("limits", []).append(counted)
    return counted


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
        self._here: dict[str, _Window] = {}
        self._taken: dict[str, _Window] = {}

    def add(self, limit: Limit, window: int, who: str) -> int:
        """Count one, and return how many there were in the window."""
        store = redis()
        if store is not None and (number := self._add_in(store, limit, window, who)) is not None:
            return number
        used: int = next(self._numbers(self._here, limit, window).setdefault(who, count(1)))
        return used

    def _add_in(self, store: Store, limit: Limit, window: int, who: str) -> int | None:
        """Take a hundredth of a large limit at once, so that few requests wait for it; of a small one, one.

        What several threads take at once is all kept. None: Redis is down.
        """
        numbers = self._numbers(self._taken, limit, window).setdefault(who, deque())
        try:
            number: int = numbers.popleft()
        except IndexError:
            step = max(1, limit.quota // 100)
            last = _take(store, f"limit:{limit.name}:{window}:{who}", step, limit.seconds)
            if last is None:
                return None
            numbers.extend(range(last - step + 2, last + 1))
            number = last - step + 1
        return number

    def _numbers(self, windows: "dict[str, _Window]", limit: Limit, number: int) -> dict[str, Any]:
        """Return the counters of the window that runs; what the last one counted is of no use any more."""
        with self._lock:
            window = windows.get(limit.name)
            if window is None or window.number != number:
                window = windows[limit.name] = _Window(number, {})
        return window.counters


class _Window(NamedTuple):
    """A window, and for each person the numbers to come."""

    number: int
    counters: dict[str, Any]


def _take(store: Store, key: str, step: int, seconds: int) -> int | None:
    key = store.prefix + key
    results = store.run(lambda pipeline: pipeline.incrby(key, step).expire(key, seconds))
    return int(results[0]) if results else None


def _short(who: tuple[str, ...]) -> str:
    """Return a key of fixed length that keeps no name in the clear: people type passwords there."""
    return sha256("\0".join(who).encode()).hexdigest()[:32]


def _say_limits(response: Response) -> Response:
    counts: list[Count] = current_g().get("limits", [])
    if counts:
        policies = [f'"{c.limit.name}";q={c.limit.quota};w={c.limit.seconds}' for c in counts]
        left = [f'"{c.limit.name}";r={max(0, c.remaining)};t={c.reset}' for c in counts]
        response.headers.add("RateLimit-Policy", ", ".join(policies))
        response.headers.add("RateLimit", ", ".join(left))
    return response
