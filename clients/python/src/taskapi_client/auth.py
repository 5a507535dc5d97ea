"""Authentication for httpx: sends the access token, and refreshes it once for all requests."""

import logging
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import closing
from typing import TypeVar, cast

import anyio
import httpx

from taskapi_client.stores import Tokens, TokenStore

REFRESH_PATH = "/api/v1/auth/refresh"
# Their responses have tokens: a new session, or a new access token for the same one
TOKEN_PATHS = (
    "/auth/login", "/auth/second-factor", "/auth/openid/exchange", "/auth/refresh", "/auth/sessions",
    "/auth/verify-password", "/me/password", "/me/second-factor/confirm", "/me/second-factor/disable",
)  # fmt: skip
REFRESHABLE_CODES = {"token_expired", "token_revoked", "token_invalid"}
HEADERS_OF_ONE_REQUEST = {
    "authorization", "content-length", "content-type", "idempotency-key", "if-match", "if-none-match",
    "transfer-encoding",
}  # fmt: skip
POLL_SECONDS = 0.02
# After this time, the owner of the lock is assumed to hang. The server returns the same tokens to a second refresh for
# 10 seconds
LOCK_SECONDS = 8

logger = logging.getLogger("taskapi_client")
T = TypeVar("T")
# Yields a request to send, or the seconds to wait. Receives the response to a request
Exchange = Generator[httpx.Request | float, httpx.Response | None, T]


class SessionAuth(httpx.Auth):
    """The session of a user, for clients of httpx. Threads, tasks and processes that share the store refresh once."""

    def __init__(self, base_url: str, store: TokenStore) -> None:
        self.store = store
        self._base_url = base_url

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request as httpx.Client does."""
        with closing(self._flow(request)) as flow:
            step = next(flow, None)
            while step is not None:
                response = None
                if isinstance(step, httpx.Request):
                    response = yield step
                    if not _is_stream(response):
                        response.read()
                else:
                    time.sleep(step)
                step = _resume(flow, response)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send a request as httpx.AsyncClient does."""
        with closing(self._flow(request)) as flow:
            step = next(flow, None)
            while step is not None:
                response = None
                if isinstance(step, httpx.Request):
                    response = yield step
                    if not _is_stream(response):
                        await response.aread()
                else:
                    await anyio.sleep(step)
                step = _resume(flow, response)

    def _flow(self, request: httpx.Request) -> Exchange[None]:
        """Send a request. If its token is no longer valid, refresh, and send it again. The last response counts."""
        if not str(request.url).startswith(f"{self._base_url}/"):  # another server must not get the token
            yield request
            return
        tokens = self.store.load()
        response = yield from self._send(request, tokens)
        if tokens is None or response.status_code != 401 or _code(response) not in REFRESHABLE_CODES:
            return
        if "refresh_token" not in tokens:  # a personal token
            return
        tokens = yield from self._refresh(request, tokens)
        if tokens is not None:
            yield from self._send(request, tokens)

    def _refresh(self, request: httpx.Request, used: Tokens) -> Exchange[Tokens | None]:
        """Replace the tokens, unless somebody else has done so while this request waited for the lock."""
        is_locked = self.store.acquire()
        deadline = time.monotonic() + LOCK_SECONDS
        while not is_locked and time.monotonic() < deadline:
            yield POLL_SECONDS
            is_locked = self.store.acquire()
        try:
            current = self.store.load()
            if current is None or current["access_token"] != used["access_token"]:
                return current
            logger.debug("Refreshing the access token")
            response = yield from self._send(self._refresh_request(request, current["refresh_token"]), None)
            if response.status_code == 401:
                self.store.save(None)
            return self.store.load() if response.is_success else None
        finally:
            if is_locked:
                self.store.release()

    def _refresh_request(self, request: httpx.Request, token: str) -> httpx.Request:
        """Return a request with the user agent, the timeouts and the own headers of the one that was rejected."""
        headers = {name: value for name, value in request.headers.items() if name not in HEADERS_OF_ONE_REQUEST}
        body = {"refresh_token": token}
        return httpx.Request(
            "POST", self._base_url + REFRESH_PATH, json=body, headers=headers, extensions=request.extensions
        )

    def _send(self, request: httpx.Request, tokens: Tokens | None) -> Exchange[httpx.Response]:
        if tokens is not None:
            request.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        response = cast(httpx.Response, (yield request))
        if response.status_code == 200 and request.method != "GET" and request.url.path.endswith(TOKEN_PATHS):
            received = {name: value for name, value in response.json().items() if name != "recovery_codes"}
            self.store.save({**(self.store.load() or {}), **received})
        return response


def _resume(flow: Exchange[None], response: httpx.Response | None) -> httpx.Request | float | None:
    """Return the next step of a flow, or None at its end."""
    try:
        return flow.send(response)
    except StopIteration:
        return None


def _is_stream(response: httpx.Response) -> bool:
    """Return whether a response has no end that a client can wait for."""
    return bool(response.headers.get("Content-Type", "").startswith("text/event-stream"))


def _code(response: httpx.Response) -> str | None:
    """Return the code of an error; None if it comes from a proxy."""
    try:
        code: str | None = response.json().get("code")
    except (ValueError, AttributeError):
        return None
    return code
