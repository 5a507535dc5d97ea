"""The exceptions of the client. All of them are a `TaskApiError`."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from taskapi_client.models import ErrorCode

# The session has ended, or there is none: the user must enter the password
SIGNED_OUT_CODES = {
    "token_missing", "token_malformed", "token_invalid", "token_expired", "token_revoked", "invalid_refresh_token",
}  # fmt: skip


class TaskApiError(Exception):
    """Something went wrong. Catch it to catch everything that the client raises."""


class ConnectionFailed(TaskApiError):
    """The server was not reached, or its response was lost. `__cause__` is the exception of httpx."""


class UnexpectedResponse(TaskApiError):
    """The response is not what the API describes: a page of a proxy, or a later version of the API."""


class ProblemError(TaskApiError):
    """The server rejected the request. `code` identifies the error; `problem` is the whole body."""

    def __init__(
        self, status: int, problem: dict[str, Any], retry_after: float | None = None, current: Any = None
    ) -> None:
        super().__init__(status, problem, retry_after, current)  # all arguments, so that it can be pickled
        self.status = status
        self.problem = problem
        self.retry_after = retry_after
        """The number of seconds after which the server expects another attempt."""
        self.code: ErrorCode | None = problem.get("code")
        """None if the response is not one of the API, for example that of a proxy."""
        self.title: str | None = problem.get("title")
        self.detail: str | None = problem.get("detail")
        self.request_id: str | None = problem.get("request_id")
        """The id of the request in the logs of the server."""
        self.errors: dict[str, Any] = problem.get("errors") or {}
        """The messages about invalid values, by place (`json`, `query`, `path`) and field."""

    def __str__(self) -> str:
        text = self.detail or "The server rejected the request."
        messages = "".join(f" {place}: {message}" for place, message in _flat(self.errors))
        return f"{text}{messages} (status {self.status}, code {self.code}, request {self.request_id})"


class SignedOut(ProblemError):
    """The session has ended, or there is none: call `login`."""


class SecondFactorRequired(ProblemError):
    """The password is right, and the user has a second factor: call `login_with_code` with `challenge` and a code."""

    @property
    def challenge(self) -> str:
        """Proves that the password was right, for 5 minutes."""
        return str(self.problem["challenge"])


class NotFound(ProblemError):
    """The resource does not exist, or belongs to another user."""


class ValidationProblem(ProblemError):
    """The request has invalid values. `errors` lists them by place and field."""


class RateLimited(ProblemError):
    """Too many requests. `retry_after` is the number of seconds to wait."""


class VersionMismatch(ProblemError):
    """Somebody else has changed the resource. Nothing was saved."""

    @property
    def current(self) -> Any:
        """The resource as it is now, of the type that the method returns."""
        return self.args[3]


def problem_of(response: httpx.Response, parse_current: Callable[[Any], object] | None = None) -> ProblemError:
    """Return the exception for a response that is an error."""
    try:
        body = response.json()
    except ValueError:
        body = None
    problem = body if isinstance(body, dict) else {}
    current = parse_current(problem["current"]) if parse_current and "current" in problem else None
    kind = _kind(response.status_code, problem)
    return kind(response.status_code, problem, retry_after(response), current)


def _kind(status: int, problem: dict[str, Any]) -> type[ProblemError]:
    code = problem.get("code")
    if code in SIGNED_OUT_CODES:
        return SignedOut
    if code == "second_factor_required" and "challenge" in problem:
        return SecondFactorRequired
    if code == "version_mismatch":
        return VersionMismatch
    if "errors" in problem:
        return ValidationProblem
    return {404: NotFound, 429: RateLimited}.get(status, ProblemError)


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of the header Retry-After, which is a number or a date."""
    value = response.headers.get("Retry-After", "")
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _flat(errors: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each message with its path, such as `json.title`."""
    if isinstance(errors, dict):
        for name, value in errors.items():
            yield from _flat(value, f"{path}.{name}" if path else str(name))
    else:
        yield path, " ".join(map(str, errors))
