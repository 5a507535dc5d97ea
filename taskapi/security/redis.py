"""The Redis client, which only counts rate limits. While Redis accepts no writes, processes count in memory."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from flask import Flask

from taskapi.config import Settings
from taskapi.context import current_application

TIMEOUT_SECONDS: Final = 0.4
RETRY_SECONDS: Final = 1.0
FULL: Final = 0.95  # share of its memory above which a Redis with an eviction policy evicts keys
PROBE_SECONDS: Final = 10  # life of the key that the check writes

Commands = Callable[[Any], object]


class Store:
    """A Redis server that may fail and recover. While it fails, one request per second tries it; no other waits."""

    def __init__(self, app: Flask, url: str, prefix: str) -> None:
        from redis import Redis, RedisError, ResponseError  # noqa: PLC0415 - without a URL, nothing needs it
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        waits = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
        self.client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), **waits)
        self.error: type[Exception] = RedisError
        self.refusal: type[Exception] = ResponseError
        self.prefix = prefix
        self._log = app.logger
        self._lock = Lock()
        self._is_down = False
        self._retry_at = 0.0

    def run(self, commands: Commands) -> list[Any] | None:
        """Run the commands that `commands` adds to a pipeline, in one round trip. Returns None while Redis fails."""
        if self._is_down and not self._may_retry():
            return None
        pipeline = self.client.pipeline(transaction=False)
        commands(pipeline)
        try:
            results: list[Any] = pipeline.execute()
        except self.error as error:
            self._note_failure(error)
            return None
        if self._is_down:
            self._is_down = False
            self._log.warning("Redis responds again: rate limits are counted there")
        return results

    def _may_retry(self) -> bool:
        with self._lock:
            due = time.monotonic() >= self._retry_at
            if due:
                self._retry_at = time.monotonic() + RETRY_SECONDS
        return due

    def _note_failure(self, error: Exception) -> None:
        """Count in memory, and close the connections: an open one may lead to a server that is now a replica."""
        self._retry_at = time.monotonic() + RETRY_SECONDS
        self.client.connection_pool.disconnect(inuse_connections=False)
        if not self._is_down:
            self._is_down = True
            self._log.warning("rate limits are counted in memory: Redis failed: %s", error)


def redis() -> Store | None:
    """Return the Redis of the application, or None if no URL is configured."""
    store: Store | None = current_application().extensions["taskapi-redis"]
    return store


def init_redis(app: Flask, settings: Settings) -> None:
    """Create the client. It connects at the first command."""
    url = settings.redis_url
    app.extensions["taskapi-redis"] = Store(app, url, settings.redis_prefix) if url else None


def check_redis() -> str | None:
    """Return why Redis does not count limits reliably, or None. Also None without a Redis URL."""
    store = redis()
    if store is None:
        return None
    try:
        store.client.set(f"{store.prefix}probe", 1, ex=PROBE_SECONDS)
    except store.error as error:
        if isinstance(error, store.refusal):
            return f"it accepts no writes: {' '.join(str(error).split())}"
        return f"it does not respond ({type(error).__name__})"
    policy, use = eviction(store)
    return f"it is full and evicts counters: maxmemory-policy is {policy}" if policy and use >= FULL else None


def eviction(store: Store) -> tuple[str, float]:
    """Return the eviction policy, empty if Redis evicts nothing, and the share of its memory in use (0 to 1)."""
    try:
        memory: Any = store.client.info("memory")
    except store.error:  # the user may not run INFO, for example
        return "", 0.0
    limit, policy = int(memory.get("maxmemory", 0)), str(memory.get("maxmemory_policy", "noeviction"))
    return ("", 0.0) if not limit or policy == "noeviction" else (policy, int(memory["used_memory"]) / limit)
