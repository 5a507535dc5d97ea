"""The Redis of this deployment, for denylist and limits. One that does not answer is given up on within a second."""

import os
from collections import deque
from typing import Any, Final

from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import RedisError
from redis.retry import Retry

from taskapi.config import Settings
from taskapi.context import current_application

TIMEOUT_SECONDS: Final = 0.4


def redis() -> Redis | None:
    """Return the client, or None where no Redis is set."""
    client: Redis | None = current_application().extensions["taskapi-redis"]
    return client


def ask(client: Redis, *command: str) -> Any:
    """Run a command of reading by a connection that is kept, in half of the time that the client's own way takes.

    Raises RedisError. One that was lost while it lay idle is not missed.
    """
    kept: deque[Any] = current_application().extensions["taskapi-redis-kept"]
    while True:
        try:
            connection, is_new = kept.pop(), False
        except IndexError:
            pool = client.connection_pool
            connection, is_new = pool.connection_class(**pool.connection_kwargs), True
        try:
            connection.send_command(*command)
            answer = connection.read_response()
        except BaseException as error:
            connection.disconnect()
            if is_new or not isinstance(error, Lost):
                raise
        else:
            kept.append(connection)
            return answer


def init_redis(app: Flask, settings: Settings) -> None:
    """Connect, when first asked something; no process uses the connections of the one that it was forked from."""
    waits = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    client = Redis.from_url(settings.redis_url, retry=Retry(NoBackoff(), 0), **waits) if settings.redis_url else None
    app.extensions["taskapi-redis"] = client
    app.extensions["taskapi-redis-kept"] = kept = deque[Any]()
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=kept.clear)


def check_redis() -> str | None:
    """Return why Redis is down, or None; without a Redis there is none to be down."""
    try:
        if client := redis():
            client.ping()
    except RedisError as error:
        return f"it does not answer ({type(error).__name__})"
    return None
