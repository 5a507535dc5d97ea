"""The Redis of this deployment, for denylist and limits. One that does not answer is given up on within a second."""

from typing import Final

from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from taskapi.config import Settings
from taskapi.context import current_application

TIMEOUT_SECONDS: Final = 0.4


def redis() -> Redis | None:
    """Return the client, or None where no Redis is set."""
    client: Redis | None = current_application().extensions["taskapi-redis"]
    return client


def init_redis(app: Flask, settings: Settings) -> None:
    """Connect, when first asked something."""
    waits = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    client = Redis.from_url(settings.redis_url, retry=Retry(NoBackoff(), 0), **waits) if settings.redis_url else None
    app.extensions["taskapi-redis"] = client


def check_redis() -> str | None:
    """Return why Redis is down, or None; without a Redis there is none to be down."""
    try:
        if client := redis():
            client.ping()
    except RedisError as error:
        return f"it does not answer ({type(error).__name__})"
    return None
