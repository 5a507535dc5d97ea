"""Rate limits: how many requests a user, an address or a name may make in a window of time.

Counters are in Redis, or in the memory of this process while no Redis responds. Windows are fixed: they begin on the
minute, the hour or the day.
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from functools import lru_cache, partial
from hashlib import sha256
from itertools import chain
from threading import Lock
from time import monotonic
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from flask import Flask

from taskapi.api import problem
from taskapi.api.blueprint import declaration
from taskapi.api.concurrency import WaitingLine
from taskapi.config import Settings, settings
from taskapi.context import current_application, current_request
from taskapi.security.client_address import client_networks
from taskapi.security.redis import Store

View = TypeVar("View", bound=Callable[..., Any])
SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
MAX_COUNTERS: Final = 50_000  # in memory for each limit and window; about 10 MB
PATIENCE: Final = 0.2  # seconds that a request waits for others
SHARED_COUNTERS: Final = 4096  # shared by all further keys
USAGES: Final = "taskapi.usages"  # in the environment of a request: what it has counted


class Rate(NamedTuple):
    """A quota of requests in each window, whose length is in seconds."""

    quota: int
    seconds: int


class Limit(NamedTuple):
    """A rate limit.

    The RateLimit fields omit a `silent` limit, which would show what other users do. A limit that `spares_devices` does
    not count sign-ins with the user's device cookie. An `always_on` one counts even if rate limits are off.
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
TIMEZONE = Limit("timezone", lambda s: s.ratelimit_timezone)
AUDIT_ADDRESS = Limit("audit-address", lambda s: s.ratelimit_audit_address, silent=True, always_on=True)
AUDIT_STRANGERS = Limit("audit-strangers", lambda s: s.ratelimit_audit_strangers, silent=True, always_on=True)
AUDIT_USER = Limit("audit-user", lambda s: s.ratelimit_audit_user, silent=True, always_on=True)
USER = Limit("user", lambda s: s.ratelimit_user)


class Counter(NamedTuple):
    """A counter of a limit in a window for one key: a user, an address or a name, hashed. It may reach `quota`."""

    limit: Limit
    seconds: int
    window: int
    key: str
    quota: int

    @property
    def step(self) -> int:
        """The numbers that a process reserves in Redis at once: a hundredth, so that few requests wait for it."""
        return max(1, self.quota // 100)

    @property
    def redis_key(self) -> str:
        """The name of the counter in Redis, without the prefix."""
        return f"limit:{self.limit.name}:{self.window}:{self.key}"


class Usage(NamedTuple):
    """What a request has counted for a limit: what remains, the seconds until the window ends, and its counters."""

    limit: Limit
    rate: Rate
    remaining: int
    reset: int
    counters: list[Counter]


class ParallelRequests:
    """The requests that run in this process, by user.

    Every user may run one request. All further requests share `spare` threads; a user who already writes may use half
    of them for writes. A request for which no thread is left waits while the others are quick. It is rejected once one
    of them has run for longer than PATIENCE, or it has waited that long. Requests wait in the order of their arrival.
    """

    def __init__(self, spare: int) -> None:
        self._spare = self._most_writes = spare
        self._started: dict[UUID, list[float]] = {}
        self._writers: list[UUID] = []
        self._line = WaitingLine()

    def start(self, user_id: UUID, *, writes: bool) -> Callable[[], None]:
        """Count a request that starts, and return the function that counts its end.

        Responds 429 if the user has no thread left.
        """
        full_since = partial(self._full_since, user_id, writes)
        with self._line:
            if (self._line.waiting or full_since() is not None) and not self._line.wait_for_room(full_since, PATIENCE):
                detail = "Your other requests take long, and no thread is free for another. Send fewer at once."
                problem("too_many_requests", detail, headers={"Retry-After": "1"})
            moment = monotonic()
            if running := self._started.setdefault(user_id, []):
                self._spare -= 1
            running.append(moment)
            if writes:
                self._writers.append(user_id)
        return partial(self._stop, user_id, moment, writes)

    def _full_since(self, user_id: UUID, writes: bool) -> float | None:
        """Return when the oldest request of the user started if the user has no thread left."""
        running = self._started.get(user_id)
        has_too_many_writes = writes and len(self._writers) >= self._most_writes // 2 and user_id in self._writers
        return running[0] if running and (self._spare <= 0 or has_too_many_writes) else None

    def _stop(self, user_id: UUID, moment: float, writes: bool) -> None:
        with self._line:
            running = self._started[user_id]
            running.remove(moment)
            if running:
                self._spare += 1
            else:
                del self._started[user_id]
            if writes:
                self._writers.remove(user_id)
            self._line.notify_all()


class Kind(StrEnum):
    """What a request does that may take long."""

    BODY = "send a body"
    PASSWORD = "check a password"  # noqa: S105 - no password
    READ = "read many rows"
    WRITE = "write"


class SlowRequests:
    """The requests of this process that may keep a thread for long, by kind, whoever sends them.

    At most `most` of one kind run at once, and half as many again of all kinds, so that threads are left for quick
    reads. A further request waits while the others are quick, at most for `patience` seconds.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._most_of_all = most + most // 2
        self._started: dict[Kind, list[float]] = {kind: [] for kind in Kind}
        self._line = WaitingLine()

    @contextmanager
    def hold(self, kind: Kind, patience: float = PATIENCE, share: int = 1) -> Iterator[None]:
        """Count a request during the block. Responds 503 beyond the places of its kind, divided by `share`."""
        of_kind = self._started[kind]
        full_since = partial(self._full_since, kind, share)
        with self._line:
            if (self._line.waiting or full_since() is not None) and not self._line.wait_for_room(full_since, patience):
                problem("unavailable", f"Too many requests {kind} at once.", headers={"Retry-After": "1"})
            moment = monotonic()
            of_kind.append(moment)
        try:
            yield
        finally:
            with self._line:
                of_kind.remove(moment)
                self._line.notify_all()

    def _full_since(self, kind: Kind, share: int) -> float | None:
        """Return when the request started that has to end soon for another one of this kind; None if there is room."""
        if len(self._started[kind]) >= max(1, self._most // share):
            return self._started[kind][0]
        everything = list(chain.from_iterable(self._started.values()))
        return max(everything) if len(everything) >= self._most_of_all else None


def slow_requests() -> SlowRequests:
    """Return the slow requests of this process."""
    requests: SlowRequests = current_application().extensions["taskapi-slow-requests"]
    return requests


def limited(*limits: Limit) -> Callable[[View], View]:
    """Declare limits of a view that the guard counts by address, before the body is read."""

    def decorate(view: View) -> View:
        declaration(view).limits = limits
        return view

    return decorate


def enforce_limit(limit: Limit, *key: str) -> Usage | None:
    """Count one request for `key`, or respond 429 if that exceeds the limit. Returns None while rate limits are off."""
    usage = count(limit, key)
    if usage is not None:
        reject_exceeded(usage)
    return usage


def reject_exceeded(usage: Usage) -> None:
    """Respond 429 if a limit is exceeded."""
    if usage.remaining < 0:
        problem("too_many_requests", headers={"Retry-After": str(usage.reset)})


def count_by_address(limit: Limit) -> Usage | None:
    """Count one request for the client's address and its networks; None while rate limits are off."""
    networks = client_networks()
    return count(limit, *((network,) for network, _ in networks), shares=[share for _, share in networks])


def count(limit: Limit, *keys: tuple[str, ...], shares: list[int] | None = None) -> Usage | None:
    """Count one request for each key without rejecting any; `shares` multiply the quota of each key."""
    current = settings()
    if not (current.ratelimit_enabled or limit.always_on):
        return None
    rate = _parse_rate(limit.rate_of(current))
    moment = time.time()
    window = int(moment // rate.seconds)
    counters = [
        Counter(limit, rate.seconds, window, _hash_key(key), rate.quota * share)
        for key, share in zip(keys, shares or [1] * len(keys), strict=True)
    ]
    remaining = min(_counter_store().add(counters))
    reset = max(1, int((window + 1) * rate.seconds - moment))
    usage = Usage(limit, rate, remaining, reset, counters)
    if not limit.silent:
        _usages()[limit.name] = usage
    return usage


def refund(*usages: Usage | None) -> None:
    """Subtract what was counted, if the limit turns out not to apply to the request."""
    for usage in filter(None, usages):
        _counter_store().subtract(usage.counters)
        if not usage.limit.silent:
            _usages()[usage.limit.name] = usage._replace(remaining=usage.remaining + 1)


def _usages() -> dict[str, Usage]:
    """Return what the request has counted, by the name of the limit."""
    usages: dict[str, Usage] = current_request().environ.setdefault(USAGES, {})
    return usages


def init_rate_limit(app: Flask, settings: Settings) -> None:
    """Create the counters."""
    app.extensions["taskapi-limits"] = CounterStore(app.extensions["taskapi-redis"])
    app.extensions["taskapi-requests"] = ParallelRequests(settings.max_parallel_requests)
    app.extensions["taskapi-slow-requests"] = SlowRequests(
        settings.max_parallel_requests if settings.ratelimit_enabled else sys.maxsize
    )


class CounterStore:
    """The counters of the current windows, in Redis or in memory."""

    def __init__(self, redis: Store | None) -> None:
        self._redis = redis
        self._lock = Lock()
        self._in_memory: Windows = {}
        self._reserved: Windows = {}  # numbers that were reserved in Redis and not used yet

    def add(self, counters: list[Counter]) -> list[int]:
        """Add one to each counter, and return what remains of each quota; less than 0 if it is exceeded."""
        if self._redis and (used := self._add_in_redis(self._redis, counters)):
            return [counter.quota - number for counter, number in zip(counters, used, strict=True)]
        return self._add_in_memory(counters, 1)

    def subtract(self, counters: list[Counter]) -> None:
        """Subtract one from each counter."""
        store = self._redis
        changes = [(counter, -1) for counter in counters]
        if store is None or store.run(partial(_increment, store.prefix, changes)) is None:
            self._add_in_memory(counters, -1)

    def _add_in_memory(self, counters: list[Counter], by: int) -> list[int]:
        remaining = []
        with self._lock:
            for counter in counters:
                values = self._values(self._in_memory, counter)
                key = _bounded_key(values, counter.key)
                values[key] = used = max(0, values.get(key, 0) + by)
                remaining.append(counter.quota - used)
        return remaining

    def _add_in_redis(self, store: Store, counters: list[Counter]) -> list[int] | None:
        """Use reserved numbers, and reserve more in one round trip for counters without any.

        Numbers that several threads reserve at the same time are all kept. Returns None if Redis does not respond.
        """
        with self._lock:
            reserved = [self._reserved_numbers(counter) for counter in counters]
            numbers = [queue.popleft() if queue else None for queue in reserved]
        missing = [(counter, counter.step) for counter, number in zip(counters, numbers, strict=True) if number is None]
        results = store.run(partial(_increment, store.prefix, missing)) if missing else []
        if results is None:
            return None
        last = iter(results[::2])
        for index, (counter, number) in enumerate(zip(counters, numbers, strict=True)):
            if number is None:
                end = int(next(last))
                numbers[index] = end - counter.step + 1
                if counter.step > 1:
                    reserved[index].extend(range(end - counter.step + 2, end + 1))
        return [number for number in numbers if number is not None]

    def _reserved_numbers(self, counter: Counter) -> deque[int]:
        if counter.step == 1:
            return deque()
        values = self._values(self._reserved, counter)
        numbers: deque[int] = values.setdefault(_bounded_key(values, counter.key), deque())
        return numbers

    @staticmethod
    def _values(windows: "Windows", counter: Counter) -> dict[str, Any]:
        """Return the values of a window by key. The window before is kept for requests that began in it."""
        kept = windows.setdefault(counter.limit.name, deque(maxlen=2))
        for window in kept:
            if window.number == counter.window:
                return window.values
        kept.append(_Window(counter.window, {}))
        return kept[-1].values


class _Window(NamedTuple):
    number: int
    values: dict[str, Any]


Windows = dict[str, deque[_Window]]  # by limit


@lru_cache
def _parse_rate(text: str) -> Rate:
    """Return the rate of a setting such as `5/minute`."""
    quota, period = text.split("/")
    return Rate(int(quota), SECONDS[period])


def _counter_store() -> CounterStore:
    store: CounterStore = current_application().extensions["taskapi-limits"]
    return store


def _increment(prefix: str, changes: list[tuple[Counter, int]], pipeline: Any) -> None:
    """Add to each counter in Redis, where it expires with its window."""
    for counter, by in changes:
        pipeline.incrby(prefix + counter.redis_key, by)
        pipeline.expire(prefix + counter.redis_key, counter.seconds)


def _bounded_key(values: dict[str, Any], key: str) -> str:
    """Return the key of the counter. Beyond MAX_COUNTERS, new keys share SHARED_COUNTERS counters, to bound memory."""
    if key in values or len(values) < MAX_COUNTERS:
        return key
    return str(int(key, 16) % SHARED_COUNTERS)


def _hash_key(key: tuple[str, ...]) -> str:
    """Return a key of fixed length without names in clear text: users type passwords into the name field by mistake."""
    return sha256("\0".join(key).encode()).hexdigest()[:32]


def limit_headers(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the RateLimit fields of a response, given the environment of its request."""
    usages: dict[str, Usage] = environ.get(USAGES, {})
    if not usages:
        return []
    policies = [f'"{u.limit.name}";q={u.rate.quota};w={u.rate.seconds}' for u in usages.values()]
    left = [f'"{u.limit.name}";r={max(0, u.remaining)};t={u.reset}' for u in usages.values()]
    return [("RateLimit-Policy", ", ".join(policies)), ("RateLimit", ", ".join(left))]
