"""Redis counts rate limits, and only that. While it takes no writes, each process counts in its own memory."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from taskapi.config import Settings
from taskapi.context import current_application

TIMEOUT_SECONDS: Final = 0.4
RETRY_SECONDS: Final = 1.0
FULL: Final = 0.95  # of its memory, from where on a Redis that evicts is evicting
PROBE_SECONDS: Final = 10

Commands = Callable[[Any], object]


class Store:
    """A Redis that may go away and come back. One caller a second finds out; nobody else waits for it meanwhile."""

    def __init__(self, app: Flask, url: str, prefix: str) -> None:
        waits = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
        self.client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), **waits)
        self.prefix = prefix
        self._log = app.logger
        self._lock = Lock()
        self._is_down = False
        self._retry_at = 0.0

    def run(self, commands: Commands) -> list[Any] | None:
        """Run what `commands` puts into a pipeline, in one round trip; return the results, or None while it is down."""
        if self._is_down and not self._may_retry():
            return None
        pipeline = self.client.pipeline(transaction=False)
        commands(pipeline)
        try:
            results: list[Any] = pipeline.execute()
        except RedisError as error:
            self._go_down(error)
            return None
        if self._is_down:
            self._is_down = False
            self._log.warning("Redis answers again: rate limits are counted there")
        return results

    def _may_retry(self) -> bool:
        with self._lock:
            due = time.monotonic() >= self._retry_at
            if due:
                self._retry_at = time.monotonic() + RETRY_SECONDS
        return due

    def _go_down(self, error: RedisError) -> None:
        """Close the connections too: one that is kept may lead to a server that has become a replica."""
        self._retry_at = time.monotonic() + RETRY_SECONDS
        self.client.connection_pool.disconnect(inuse_connections=False)
        if not self._is_down:
            self._is_down = True
            self._log.warning("rate limits are counted in memory: Redis failed: %s", error)


def redis() -> Store | None:
    """Return the Redis of the current application, or None where none is set."""
    store: Store | None = current_application().extensions["taskapi-redis"]
    return store


def init_redis(app: Flask, settings: Settings) -> None:
    """Connect at the first command."""
    url = settings.redis_url
    app.extensions["taskapi-redis"] = Store(app, url, settings.redis_prefix) if url else None


def check_redis() -> str | None:
    """Return why limits are not counted reliably in Redis, or None; also None where no Redis is set."""
    store = redis()
    if store is None:
        return None
    try:
        store.client.set(f"{store.prefix}probe", 1, ex=PROBE_SECONDS)
    except ResponseError as error:
        return f"it takes no writes: {' '.join(str(error).split())}"
    except RedisError as error:
        return f"it does not answer ({type(error).__name__})"
    policy, use = eviction(store)
    return f"it is full and evicts counters: maxmemory-policy is {policy}" if policy and use >= FULL else None


def eviction(store: Store) -> tuple[str, float]:
    """Return the policy by which a Redis evicts keys, and how full it is (0 to 1); no policy: it evicts nothing."""
    try:
        memory: Any = store.client.info("memory")
    except RedisError:  # a user who may not ask, for one
        return "", 0.0
    most, policy = int(memory.get("maxmemory", 0)), str(memory.get("maxmemory_policy", "noeviction"))
    return ("", 0.0) if not most or policy == "noeviction" else (policy, int(memory["used_memory"]) / most)
