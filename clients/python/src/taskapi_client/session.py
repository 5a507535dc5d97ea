"""What the synchronous and the asynchronous client share."""

import logging
from typing import Any

import httpx
from pydantic_core import from_json

from taskapi_client.auth import SessionAuth
from taskapi_client.calls import Call, nothing
from taskapi_client.errors import ConnectionFailed
from taskapi_client.retries import Outcome, RetryPolicy
from taskapi_client.stores import MemoryStore, TokenStore

VERSION = "1.0.0"
HEADERS = {"User-Agent": f"taskapi-client/{VERSION} python-httpx/{httpx.__version__}"}
TIMEOUT_SECONDS = 30.0
DEFAULT_RETRY = RetryPolicy()
BUSY = {429, 502, 503, 504}  # statuses of a server that may respond later

logger = logging.getLogger("taskapi_client")


class Session:
    """The server, the tokens and the retries of a client."""

    def __init__(self, base_url: str, token: str | None, store: TokenStore | None, retry: RetryPolicy) -> None:
        self.base_url = base_url.rstrip("/")
        self.store = store or MemoryStore()
        if token is not None:
            self.store.save({"access_token": token})
        self._auth = SessionAuth(self.base_url, self.store)
        self._retry = retry

    @property
    def is_signed_in(self) -> bool:
        """Whether the client has tokens. The server may have ended their session."""
        return self.store.load() is not None

    def _url(self, path: str) -> str:
        if not path.startswith("/"):  # else the token could be sent to another server
            raise ValueError(f"The path must start with a slash: {path!r}")
        return self.base_url + path

    def _pause(self, outcome: Outcome, attempt: int) -> float | None:
        """Return the seconds until the next attempt, or None if the outcome is final."""
        seconds = self._retry.wait_seconds(outcome, attempt)
        if seconds is not None:
            request = outcome.request
            logger.info("Sending %s %s again in %.1f s: %r", request.method, request.url.path, seconds, outcome)
        return seconds


# The session stores the tokens of the responses
LOGOUT = Call("POST", "/api/v1/auth/logout", nothing)
LOGOUT_OTHERS = Call("DELETE", "/api/v1/auth/sessions", nothing)
LOGOUT_EVERYWHERE = Call("DELETE", "/api/v1/auth/sessions", nothing, query={"include_current": True})


def login(username: str, password: str) -> Call[None]:
    """Return the call that starts a session."""
    return Call("POST", "/api/v1/auth/login", nothing, body={"username": username, "password": password})


def login_with_code(challenge: str, code: str) -> Call[None]:
    """Return the call that starts the session of a user with a second factor."""
    return Call("POST", "/api/v1/auth/second-factor", nothing, body={"challenge": challenge, "code": code})


def login_with_openid(code: str, verifier: str) -> Call[None]:
    """Return the call that starts a session after a sign-in at the OpenID provider."""
    return Call("POST", "/api/v1/auth/openid/exchange", nothing, body={"code": code, "verifier": verifier})


def login_with_passkey(credential: dict[str, Any]) -> Call[None]:
    """Return the call that starts a session with a passkey."""
    return Call("POST", "/api/v1/auth/passkeys", nothing, body={"credential": credential})


def confirm_second_factor(code: str) -> Call[list[str]]:
    """Return the call that enables a second factor."""
    path = "/api/v1/me/second-factor/confirm"
    return Call("POST", path, lambda body: from_json(body)["recovery_codes"], body={"code": code})


def disable_second_factor(password: str, code: str) -> Call[None]:
    """Return the call that disables the second factor."""
    path = "/api/v1/me/second-factor/disable"
    return Call("POST", path, nothing, body={"password": password, "code": code})


def verify_password(password: str) -> Call[None]:
    """Return the call that gets a fresh access token."""
    return Call("POST", "/api/v1/auth/verify-password", nothing, body={"password": password})


def change_password(current: str, new: str) -> Call[None]:
    """Return the call that changes the password."""
    body = {"current_password": current, "new_password": new}
    return Call("PUT", "/api/v1/me/password", nothing, body=body)


def received(outcome: Outcome) -> httpx.Response:
    """Return the response, or raise the error of the connection."""
    if isinstance(outcome, httpx.RequestError):
        request = outcome.request
        raise ConnectionFailed(f"{request.method} {request.url.copy_with(query=None)}: {outcome!r}") from outcome
    return outcome
