"""Fixtures for the flows, which run where only the package and pytest are installed."""

import json
import os
import secrets
import time

import pytest
from forging import decode_token, sign
from relay import Relay

from taskapi_client import AsyncTaskApi, MemoryStore, TaskApi

ADDRESS = os.environ["ADDRESS"]
PASSWORD = "correct horse battery staple"


@pytest.fixture
def relay():
    with Relay(ADDRESS) as relay:
        yield relay


@pytest.fixture
def username():
    """A new user."""
    username = f"user-{secrets.token_hex(6)}"
    with TaskApi(ADDRESS) as api:
        api.account.register(username=username, password=PASSWORD)
    return username


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def api(relay, username, store):
    """A client whose user is signed in."""
    with TaskApi(relay.url, store=store) as api:
        api.login(username, PASSWORD)
        yield api


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture
async def async_api(anyio_backend, relay, username, store):
    """The same for asynchronous programs."""
    async with AsyncTaskApi(relay.url, store=store) as api:
        await api.login(username, PASSWORD)
        yield api


@pytest.fixture
def expire(store):
    """Replace the access token by one that expired 45 minutes ago."""
    return lambda: store.save(expired(store.load()))


def expired(tokens):
    """Return tokens whose access token has expired."""
    tokens = json.loads(json.dumps(tokens))
    header, claims = decode_token(tokens["access_token"])
    now = int(time.time())
    past = {"iat": now - 3600, "nbf": now - 3600, "exp": now - 2700}
    return {**tokens, "access_token": sign(header, {**claims, **past}, secret=os.environ["SECRET"])}
