"""A client of the Task API for programs, with httpx: refreshes once for all threads, reads pages, keeps in step.

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
STALE = {"token_expired", "token_revoked", "token_invalid"}
BUSY = {429, 503}
ATTEMPTS = 3
LONGEST_WAIT = 10.0


class SignInNeeded(Exception):  # noqa: N818 - no error: the session is over, and the password is asked for
    """The session is over: ask for the password."""


class SessionAuth(httpx.Auth):
    """Sends the access token, and refreshes once where it is stale, however many threads find it so."""

    def __init__(self, base_url: str) -> None:
        self._refresh_url = f"{base_url}/auth/refresh"
        self._tokens: Json = {}
        self._lock = Lock()

    def keep(self, tokens: Json) -> None:
        """Go on with the tokens of a response; entering the password again brings an access token alone."""
        self._tokens = {**self._tokens, **tokens}

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request with the token that is good now."""
        used = self._tokens.get("access_token")
        if used is None:
            raise SignInNeeded
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code == 401 and _code(response) in STALE:
            with self._lock:
                if self._tokens.get("access_token") == used:  # else another thread has refreshed meanwhile
                    yield from self._refresh()
            request.headers["Authorization"] = f"Bearer {self._tokens['access_token']}"
            yield request

    def _refresh(self) -> Generator[httpx.Request, httpx.Response, None]:
        answer = yield httpx.Request("POST", self._refresh_url, json={"refresh_token": self._tokens["refresh_token"]})
        answer.read()
        if answer.status_code == 401:
            self._tokens = {}
            raise SignInNeeded
        self._tokens = answer.raise_for_status().json()


class TaskApi:
    """The API, as one person; one for all threads."""

    def __init__(self, base_url: str, **options: Any) -> None:
        self._auth = SessionAuth(base_url)
        self._http = httpx.Client(base_url=base_url, timeout=10, **options)

    def __enter__(self) -> "TaskApi":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def sign_in(self, username: str, password: str) -> None:
        """Begin a session."""
        answer = self._http.post("/auth/login", json={"username": username, "password": password})
        self._auth.keep(answer.raise_for_status().json())

    def change_password(self, current: str, new: str) -> None:
        """Change the password. Every session ends, and the response brings a new one."""
        body = {"current_password": current, "new_password": new}
        self._auth.keep(self._send("PUT", "/me/password", attempts=1, json=body))

    def end_sessions(self) -> None:
        """Sign all devices out; this one goes on in a new session."""
        self._auth.keep(self._send("DELETE", "/auth/sessions", attempts=1))

    def get(self, path: str, **query: Any) -> Json:
        """Ask; again, where the service is busy or does not answer."""
        return self._send("GET", path, params=query)

    def create(self, path: str, body: Json) -> Json:
        """Send something new. The key makes it one thing, however often the request has to be sent."""
        return self._send("POST", path, json=body, headers={"Idempotency-Key": str(uuid4())})

    def patch(self, path: str, body: Json, version: int) -> Json:
        """Change something, if nobody else has changed it since; HTTPStatusError with 412 otherwise."""
        return self._send("PATCH", path, attempts=1, json=body, headers={"If-Match": f'"{version}"'})

    def pages(self, path: str, **query: Any) -> Iterator[Json]:
        """Yield the items of a list, however many pages it has."""
        while True:
            page = self.get(path, **query)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def changes(self, since: str | None = None) -> Iterator[tuple[list[Json], str]]:
        """Yield what changed, oldest first, each time with the cursor to go on from. Keep it with what you did.

        Raises HTTPStatusError with 410 where the cursor is too old: drop your copy, and begin without one.
        """
        more = True
        while more:
            page = self.get("/changes", **({"since": since} if since else {}))
            since, more = page["cursor"], page["has_more"]
            yield page["changes"], page["cursor"]

    def _send(self, method: str, path: str, *, attempts: int = ATTEMPTS, **request: Any) -> Json:
        for attempt in range(1, attempts + 1):
            wait = 0.2 * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311 - spreads the load
            try:
                answer = self._http.request(method, path, auth=self._auth, **request)
            except httpx.TransportError:
                if attempt == attempts:
                    raise
            else:
                wait = float(answer.headers.get("Retry-After", wait))
                if answer.status_code not in BUSY or attempt == attempts or wait > LONGEST_WAIT:
                    break
            time.sleep(wait)
        found: Json = answer.raise_for_status().json()
        return found


def _code(response: httpx.Response) -> str | None:
    response.read()
    code: str | None = response.json().get("code")
    return code
