"""Rate limits: how often a user, an address or a name may do something in a window of time.

Counters are in Redis, or in this process's memory while there is none that answers. Windows are fixed: they begin on
the minute, the hour or the day.
"""

import time
from collections import deque
from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import sha256
from threading import Lock
from typing import Any, Final, NamedTuple, TypeVar

from flask import Flask, Response

from taskapi.api import problem
from taskapi.api.blueprint import declaration
from taskapi.config import Settings, settings
from taskapi.context import current_application, current_g
from taskapi.security.address import networks
from taskapi.security.redis import redis

View = TypeVar("View", bound=Callable[..., Any])
SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
MAX_COUNTERS: Final = 50_000  # of one limit in memory; about 10 MB
SHARED_COUNTERS: Final = 4096  # for all others, once there are so many


class Rate(NamedTuple):
    """A number of times in each window of so many seconds."""

    quota: int
    seconds: int


class Limit(NamedTuple):
    """A limit.

    A `silent` one is left out of the RateLimit fields, which would tell what others do. One that `spares_devices` does
    not count where a user has signed in on the device before. An `always_on` one counts even if rate limits are off.
    """

    name: str
    rate_of: Callable[[Settings], str]
    silent: bool = False
    spares_devices: bool = False
    always_on: bool = False


LOGIN = Limit("login", lambda s: s.ratelimit_login)
LOGIN_FAILED = Limit("login-failed", lambda s: s.ratelimit_login_failed, spares_devices=True)
LOGIN_ADDRESS = Limit("login-address", lambda s: s.ratelimit_login_address, spares_devices=True)
LOGIN_NAME = Limit("login-name", lambda s: s.ratelimit_login_name, silent=True)
LOGIN_DEVICE = Limit("login-device", lambda s: s.ratelimit_login_device, silent=True)
REGISTER = Limit("register", lambda s: s.ratelimit_register)
REGISTER_ALL = Limit("register-all", lambda s: s.ratelimit_register_all, silent=True)
REFRESH = Limit("refresh", lambda s: s.ratelimit_refresh)
PASSWORD = Limit("password", lambda s: s.ratelimit_password)
PASSWORD_ADDRESS = Limit("password-address", lambda s: s.ratelimit_password_address)
AUDIT_ADDRESS = Limit("audit-address", lambda s: s.ratelimit_audit_address, silent=True, always_on=True)
AUDIT_STRANGERS = Limit("audit-strangers", lambda s: s.ratelimit_audit_strangers, silent=True, always_on=True)
AUDIT_USER = Limit("audit-user", lambda s: s.ratelimit_audit_user, silent=True, always_on=True)
USER = Limit("user", lambda s: s.ratelimit_user)


class Counted(NamedTuple):
    """What one request used of a limit; `reset` is seconds from now, `places` are the counters, to take it back."""

    limit: Limit
    rate: Rate
    remaining: int
    reset: int
    places: list["Place"]


class Place(NamedTuple):
    """A counter: of a limit, in a window, for somebody. `quota` is what this one may reach."""

    limit: Limit
    seconds: int
    window: int
    who: str
    quota: int

    @property
    def step(self) -> int:
        """How many a process takes from Redis at once: a hundredth, so that few requests wait for it."""
        return max(1, self.quota // 100)

    @property
    def key(self) -> str:
        """The name of the counter in Redis, behind the prefix."""
        return f"limit:{self.limit.name}:{self.window}:{self.who}"


def limited(*limits: Limit) -> Callable[[View], View]:
    """Count the requests to a view by address, before the body is read."""

    def decorate(view: View) -> View:
        declaration(view).limits = limits
        return view

    return decorate


def throttle(limit: Limit, *who: str) -> Counted | None:
    """Count one for `who`, or answer 429 where that is one too many. Returns None where limits are off."""
    counted = count(limit, who)
    if counted is not None:
        refuse_exceeded(counted)
    return counted


def count_by_address(limit: Limit) -> Counted | None:
    """Count one for the caller's address and the networks that it belongs to; None where limits are off."""
    return count(limit, *((network,) for network, _ in networks()), shares=[share for _, share in networks()])


def refuse_exceeded(counted: Counted) -> None:
    """Answer 429 where a limit was exceeded."""
    if counted.remaining < 0:
        problem("too_many_requests", headers={"Retry-After": str(counted.reset)})


def count(limit: Limit, *whose: tuple[str, ...], shares: list[int] | None = None) -> Counted | None:
    """Count one in each counter, and refuse nothing; `shares` are how many times the quota each may reach."""
    if not (settings().ratelimit_enabled or limit.always_on):
        return None
    rate = _rate(limit.rate_of(settings()))
    moment = time.time()
    window = int(moment // rate.seconds)
    places = [
        Place(limit, rate.seconds, window, _short(who), rate.quota * share)
        for who, share in zip(whose, shares or [1] * len(whose), strict=True)
    ]
    used = _counters().add(places)
    remaining = min(place.quota - number for place, number in zip(places, used, strict=True))
    reset = max(1, int((window + 1) * rate.seconds - moment))
    counted = Counted(limit, rate, remaining, reset, places)
    if not limit.silent:
        current_g().setdefault("limits", {})[limit.name] = counted
    return counted


def take_back(*counted: Counted | None) -> None:
    """Count one less, after an attempt that was none of those that the limit is for."""
    for one in filter(None, counted):
        _counters().take_back(one.places)
        if not one.limit.silent:
            current_g().limits[one.limit.name] = one._replace(remaining=one.remaining + 1)


def address() -> str:
    """Return the smallest network of the caller: an IPv4 address or an IPv6 /64."""
    return networks()[0][0]


def init_throttle(app: Flask, _settings: Settings) -> None:
    """Count from nothing."""
    app.extensions["taskapi-limits"] = Counters()
    app.after_request(_say_limits)


class Counters:
    """The counters of the windows that run now."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._here: Windows = {}
        self._taken: Windows = {}

    def add(self, places: list[Place]) -> list[int]:
        """Count one in each, and return how many there were in its window."""
        return self._add_in_redis(places) or [self._add_here(place, 1) for place in places]

    def take_back(self, places: list[Place]) -> None:
        """Count one less in each."""
        store = redis()
        if store is None or store.run(partial(_increase, store.prefix, [(place, -1) for place in places])) is None:
            for place in places:
                self._add_here(place, -1)

    def _add_here(self, place: Place, by: int) -> int:
        with self._lock:
            counters = self._window(self._here, place)
            who = _bounded(counters, place.who)
            used: int = max(0, counters.get(who, 0) + by)
            counters[who] = used
        return used

    def _add_in_redis(self, places: list[Place]) -> list[int] | None:
        """Use the numbers that were taken before, and take more for the places that have none left, in one round trip.

        What several threads take at the same time is all kept. Returns None where Redis does not answer.
        """
        store = redis()
        if store is None:
            return None
        with self._lock:
            kept = [self._taken_numbers(place) for place in places]
            numbers = [have.popleft() if have else None for have in kept]
        missing = [(place, place.step) for place, number in zip(places, numbers, strict=True) if number is None]
        results = store.run(partial(_increase, store.prefix, missing)) if missing else []
        if results is None:
            return None
        last = iter(results[::2])
        for index, (place, number) in enumerate(zip(places, numbers, strict=True)):
            if number is None:
                end = int(next(last))
                numbers[index] = end - place.step + 1
                if place.step > 1:
                    kept[index].extend(range(end - place.step + 2, end + 1))
        return [number for number in numbers if number is not None]

    def _taken_numbers(self, place: Place) -> deque[int]:
        if place.step == 1:
            return deque()
        counters = self._window(self._taken, place)
        numbers: deque[int] = counters.setdefault(_bounded(counters, place.who), deque())
        return numbers

    @staticmethod
    def _window(windows: "Windows", place: Place) -> dict[str, Any]:
        """Return the counters of a window. The one before it is kept, for requests that began in it; others are not."""
        kept = windows.setdefault(place.limit.name, deque(maxlen=2))
        for window in kept:
            if window.number == place.window:
                return window.counters
        kept.append(_Window(place.window, {}))
        return kept[-1].counters


class _Window(NamedTuple):
    """A window, and its counters by whom they count for."""

    number: int
    counters: dict[str, Any]


@lru_cache
def _rate(text: str) -> Rate:
    """Return what a setting like `5/minute` says."""
    quota, period = text.split("/")
    return Rate(int(quota), SECONDS[period])


Windows = dict[str, deque[_Window]]  # by limit


def _counters() -> Counters:
    counters: Counters = current_application().extensions["taskapi-limits"]
    return counters


def _increase(prefix: str, places: list[tuple[Place, int]], pipeline: Any) -> None:
    """Add to each counter in Redis; it is gone with its window."""
    for place, by in places:
        pipeline.incrby(prefix + place.key, by)
        pipeline.expire(prefix + place.key, place.seconds)


def _bounded(counters: dict[str, Any], who: str) -> str:
    """Return the key of a counter. With too many of them new ones share a few, so that memory has a bound."""
    if who in counters or len(counters) < MAX_COUNTERS:
        return who
    return str(int(who, 16) % SHARED_COUNTERS)


def _short(who: tuple[str, ...]) -> str:
    """Return a key of fixed length that keeps no name in the clear: people type passwords there."""
    return sha256("\0".join(who).encode()).hexdigest()[:32]


def _say_limits(response: Response) -> Response:
    counts: dict[str, Counted] = current_g().get("limits", {})
    if counts:
        policies = [f'"{c.limit.name}";q={c.rate.quota};w={c.rate.seconds}' for c in counts.values()]
        left = [f'"{c.limit.name}";r={max(0, c.remaining)};t={c.reset}' for c in counts.values()]
        response.headers.add("RateLimit-Policy", ", ".join(policies))
        response.headers.add("RateLimit", ", ".join(left))
    return response
