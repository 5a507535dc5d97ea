"""A client of the Task API with httpx: one refresh for all threads, pagination, and the change feed.

In use:

    with TaskApi("http://127.0.0.1:8000/api/v1") as api:
        api.sign_in("ada", "analytical engine no 9")
        task = api.create("/tasks", {"title": "Water the plants"})
        for task in api.pages("/tasks", status="todo"):
            print(task["title"])
"""

import random
import time
from collections.abc import Generator, Iterator
from threading import Lock
from typing import Any
from uuid import uuid4

import httpx

Json = dict[str, Any]
REFRESHABLE_CODES = {"token_expired", "token_revoked", "token_invalid"}
RETRYABLE_STATUSES = {429, 503}
MAX_ATTEMPTS = 3
MAX_WAIT_SECONDS = 10.0


class SignInRequired(Exception):  # noqa: N818 - not a failure, but a state: the session has ended
    """The session has ended: ask for the password."""


class SessionAuth(httpx.Auth):
    """Sends the access token, and refreshes it once for all threads."""

    def __init__(self, base_url: str) -> None:
        self._refresh_url = f"{base_url}/auth/refresh"
        self._tokens: Json = {}
        self._lock = Lock()

    def store(self, tokens: Json) -> None:
        """Store the tokens of a response. Entering the password again returns only an access token."""
        self._tokens = {**self._tokens, **tokens}

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request with the current token; refresh it if necessary."""
        used = self._tokens.get("access_token")
        if used is None:
            raise SignInRequired
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code == 401 and _code(response) in REFRESHABLE_CODES:
            with self._lock:
                if self._tokens.get("access_token") == used:  # otherwise another thread has refreshed
                    yield from self._refresh()
            request.headers["Authorization"] = f"Bearer {self._tokens['access_token']}"
            yield request

    def _refresh(self) -> Generator[httpx.Request, httpx.Response, None]:
        response = yield httpx.Request("POST", self._refresh_url, json={"refresh_token": self._tokens["refresh_token"]})
        response.read()
        if response.status_code == 401:
            self._tokens = {}
            raise SignInRequired
        self._tokens = response.raise_for_status().json()


class TaskApi:
    """The API for one user. Threads can share an instance."""

    def __init__(self, base_url: str, **options: Any) -> None:
        self._auth = SessionAuth(base_url)
        self._http = httpx.Client(base_url=base_url, timeout=10, **options)

    def __enter__(self) -> "TaskApi":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def sign_in(self, username: str, password: str) -> None:
        """Start a session."""
        response = self._http.post("/auth/login", json={"username": username, "password": password})
        self._auth.store(response.raise_for_status().json())

    def change_password(self, current: str, new: str) -> None:
        """Change the password. Every session ends, and the response starts a new one."""
        body = {"current_password": current, "new_password": new}
        self._auth.store(self._send("PUT", "/me/password", attempts=1, json=body))

    def end_sessions(self) -> None:
        """Sign out all devices; this one gets a new session."""
        self._auth.store(self._send("DELETE", "/auth/sessions", attempts=1))

    def get(self, path: str, **query: Any) -> Json:
        """Send a GET request; repeat it on temporary errors."""
        return self._send("GET", path, params=query)

    def create(self, path: str, body: Json) -> Json:
        """Create something. The key prevents duplicates when the request is repeated."""
        return self._send("POST", path, json=body, headers={"Idempotency-Key": str(uuid4())})

    def patch(self, path: str, body: Json, version: int) -> Json:
        """Change something. Raises HTTPStatusError with 412 if it was changed since."""
        return self._send("PATCH", path, attempts=1, json=body, headers={"If-Match": f'"{version}"'})

    def pages(self, path: str, **query: Any) -> Iterator[Json]:
        """Yield the items of all pages of a list."""
        while True:
            page = self.get(path, **query)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def changes(self, since: str | None = None) -> Iterator[tuple[list[Json], str]]:
        """Yield pages of changes, oldest first, each with the next cursor. Store the cursor together with your copy.

        Raises HTTPStatusError with 410 if the cursor has expired: discard your copy, and start without a cursor.
        """
        more = True
        while more:
            page = self.get("/changes", **({"since": since} if since else {}))
            since, more = page["cursor"], page["has_more"]
            yield page["changes"], page["cursor"]

    def _send(self, method: str, path: str, *, attempts: int = MAX_ATTEMPTS, **request: Any) -> Json:
        for attempt in range(1, attempts + 1):
            wait = 0.2 * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311 - spreads the load
            try:
                response = self._http.request(method, path, auth=self._auth, **request)
            except httpx.TransportError:
                if attempt == attempts:
                    raise
            else:
                wait = float(response.headers.get("Retry-After", wait))
                if response.status_code not in RETRYABLE_STATUSES or attempt == attempts or wait > MAX_WAIT_SECONDS:
                    break
            time.sleep(wait)
        body: Json = response.raise_for_status().json()
        return body


def _code(response: httpx.Response) -> str | None:
    response.read()
    code: str | None = response.json().get("code")
    return code
