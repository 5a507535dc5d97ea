"""The asynchronous client, for asyncio and trio. `client.py` is made from this module."""

from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic
from typing import Any, Self, TypeVar

import httpx
from anyio import sleep

from taskapi_client import session
from taskapi_client.async_resources import AsyncResources
from taskapi_client.calls import Call
from taskapi_client.errors import ConnectionFailed, ProblemError, SignedOut, problem_of
from taskapi_client.retries import Outcome, RetryPolicy
from taskapi_client.session import Session
from taskapi_client.stores import TokenStore

T = TypeVar("T")


class AsyncTaskApi(Session, AsyncResources):
    """A client for one user, which concurrent requests can share.

    `base_url` is the origin of the API, with its path prefix if it has one. `token` is a personal token, which
    replaces a sign-in. `store` keeps the tokens of a sign-in. Options of the connections, such as a proxy or
    certificates, are options of your own `http_client`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        store: TokenStore | None = None,
        retry: RetryPolicy = session.DEFAULT_RETRY,
        timeout: float | httpx.Timeout = session.TIMEOUT_SECONDS,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        super().__init__(base_url, token, store, retry)
        self._http = http_client or httpx.AsyncClient(timeout=timeout, headers=session.HEADERS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. The user stays signed in."""
        await self._http.aclose()

    async def login(self, username: str, password: str) -> None:
        """Start a session. Raise `SecondFactorRequired` if the user has a second factor."""
        await self._send(session.login(username, password))

    async def login_with_code(self, challenge: str, code: str) -> None:
        """Start the session of a user with a second factor: the challenge is that of `SecondFactorRequired`."""
        await self._send(session.login_with_code(challenge, code))

    async def login_with_openid(self, code: str, verifier: str) -> None:
        """Start a session with the code that a browser got after a sign-in at the OpenID provider."""
        await self._send(session.login_with_openid(code, verifier))

    async def login_with_passkey(self, credential: dict[str, Any]) -> None:
        """Start a session with the credential that an authenticator has made of `passkeys.sign_in_options`."""
        await self._send(session.login_with_passkey(credential))

    async def logout(self) -> None:
        """End the session of this client."""
        with suppress(SignedOut):  # it had ended already
            await self._send(session.LOGOUT)
        self.store.save(None)

    async def logout_everywhere(self) -> None:
        """End all sessions of the user, on all devices."""
        await self._send(session.LOGOUT_EVERYWHERE)
        self.store.save(None)

    async def logout_others(self) -> None:
        """End all other sessions of the user. This client gets a new one."""
        await self._send(session.LOGOUT_OTHERS)

    async def verify_password(self, password: str) -> None:
        """Enter the password again, which some operations require (`fresh_token_required`)."""
        await self._send(session.verify_password(password))

    async def change_password(self, current: str, new: str) -> None:
        """Change the password. Every session ends, and this client gets a new one."""
        await self._send(session.change_password(current, new))

    async def confirm_second_factor(self, code: str) -> list[str]:
        """Enable the second factor that `second_factor.start` has prepared; return the recovery codes.

        Every session ends, and this client gets a new one.
        """
        return await self._send(session.confirm_second_factor(code))

    async def disable_second_factor(self, password: str, code: str) -> None:
        """Disable the second factor. Every session ends, and this client gets a new one."""
        await self._send(session.disable_second_factor(password, code))

    async def follow_changes(self, since: str = "now", *, poll_seconds: float = 10.0) -> AsyncIterator[str]:
        """Yield the cursor of the last change: at once if it is not `since`, and then after each change. Never ends.

        Pass the cursor of your copy, and read the changes after it with `changes.list`. Cursors arrive by the stream of
        the server. While it has no stream to give, or cannot be reached, the client asks every `poll_seconds`.
        """
        stream, stream_at = self._url("/api/v1/changes/stream"), 0.0
        while True:
            try:
                response = await self.request("GET", "/api/v1/changes", params={"since": "now"})
                if (cursor := response.json()["cursor"]) != since:
                    since = cursor
                    yield since
                if monotonic() >= stream_at:
                    query, headers = {"since": since}, {"Accept": "text/event-stream"}
                    async with self._http.stream(
                        "GET", stream, params=query, headers=headers, auth=self._auth
                    ) as events:
                        if events.is_error:
                            await events.aread()
                            raise problem_of(events)
                        async for line in events.aiter_lines():
                            if line.startswith("id: "):
                                since = line.removeprefix("id: ")
                                yield since
            except ProblemError as error:
                if error.status not in session.BUSY:
                    raise
                stream_at = monotonic() + (error.retry_after or poll_seconds)
            except (ConnectionFailed, httpx.RequestError):
                stream_at = monotonic() + poll_seconds
            await sleep(1.0 if monotonic() >= stream_at else poll_seconds)

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send any request, with the options of `httpx.AsyncClient.request`. Raise the error of its response."""
        response = await self._deliver(self._http.build_request(method, self._url(path), **options))
        if response.is_error:
            raise problem_of(response)
        return response

    async def _send(self, call: Call[T], /) -> T:
        return call.result(await self._deliver(call.request(self._http, self.base_url)))

    async def _deliver(self, request: httpx.Request) -> httpx.Response:
        attempt = 1
        while True:
            outcome = await self._attempt(request)
            seconds = self._pause(outcome, attempt)
            if seconds is None:
                return session.received(outcome)
            await sleep(seconds)
            attempt += 1

    async def _attempt(self, request: httpx.Request) -> Outcome:
        try:
            return await self._http.send(request, auth=self._auth)
        except httpx.RequestError as error:
            return error
