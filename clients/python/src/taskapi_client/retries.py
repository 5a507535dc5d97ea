"""Requests that were lost, or that the server asks to send again."""

import random
from dataclasses import dataclass

import httpx

from taskapi_client.auth import REFRESH_PATH
from taskapi_client.errors import retry_after

TEMPORARY_STATUSES = {502, 503, 504}
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

Outcome = httpx.Response | httpx.RequestError


@dataclass(frozen=True)
class RetryPolicy:
    """How often a request is sent, and how many seconds to wait at most before the next attempt."""

    max_attempts: int = 3
    max_wait: float = 10.0

    def wait_seconds(self, outcome: Outcome, attempt: int) -> float | None:
        """Return when to send a request again, or None to accept the outcome. The first attempt is number 1."""
        if attempt >= self.max_attempts or not _is_temporary(outcome):
            return None
        wanted = retry_after(outcome) if isinstance(outcome, httpx.Response) else None
        if wanted is None:
            wanted = min(0.2 * 2**attempt * random.uniform(0.5, 1.5), self.max_wait)  # noqa: S311 - spreads the load
        return wanted if wanted <= self.max_wait else None


def _is_temporary(outcome: Outcome) -> bool:
    """Return whether another attempt can succeed, and cannot change anything twice."""
    if isinstance(outcome, httpx.RequestError):
        return isinstance(outcome, NOT_SENT) or _is_repeatable(outcome.request)
    if outcome.status_code == 429:  # the server has not processed the request
        return True
    is_temporary = outcome.status_code in TEMPORARY_STATUSES or retry_after(outcome) is not None
    return outcome.is_error and is_temporary and _is_repeatable(outcome.request)


def _is_repeatable(request: httpx.Request) -> bool:
    """With an Idempotency-Key, and after a refresh, the server returns the first response again."""
    is_refresh = request.url.path.endswith(REFRESH_PATH)
    return request.method in {"GET", "HEAD"} or "Idempotency-Key" in request.headers or is_refresh
