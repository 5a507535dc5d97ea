"""A client of streams: reads the events of a stream in a thread, so that tests can wait for each with a limit."""

import http.client
import json
import queue
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from urllib.parse import urlsplit

from tests.conftest import PASSWORD

STREAM = "/api/v1/changes/stream"
ENDED = "ended"


def ask(address, method, path, token="", body=None, **headers):
    """Send a request; return the status and the body."""
    data = None if body is None else json.dumps(body).encode()
    headers |= {"Content-Type": "application/json"} if data else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{address}/api/v1{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def sign_in(address, username):
    """Sign in; return the tokens."""
    status, tokens = ask(address, "POST", "/auth/login", body={"username": username, "password": PASSWORD})
    assert status == 200, tokens
    return tokens


def metric(address, name):
    """Return the sum of a metric over its labels."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=20) as response:
        text = response.read().decode()
    return sum(float(number) for number in re.findall(rf"^{name}(?:\{{[^}}]*\}})? ([\d.]+)", text, re.MULTILINE))


def add_task(address, token, title="Rake"):
    """Add a task of the token's user."""
    status, task = ask(address, "POST", "/tasks", token, {"title": title})
    assert status == 201, task
    return task


class Listening:
    """An open stream. `take` waits for the next event: its id, or ENDED."""

    def __init__(self, address, token="", since=None, connection=None, **headers):
        url = urlsplit(address)
        self.connection = connection or http.client.HTTPConnection(url.hostname, url.port, timeout=40)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        path = STREAM if since is None else f"{STREAM}?since={since}"
        self.connection.request("GET", url.path + path, headers={"Accept": "text/event-stream"} | headers)
        self._socket = self.connection.sock
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.comments = []
        self._events = queue.Queue()
        if self.status == 200:
            assert self.response.headers["Content-Type"] == "text/event-stream"
            threading.Thread(target=self._read, daemon=True).start()
        else:
            self.problem = json.loads(self.response.read())

    def _read(self):
        try:
            while line := self.response.readline():
                text = line.decode().rstrip("\n")
                if text.startswith(":"):
                    self.comments.append(text[1:].strip())
                if text.startswith("id:"):
                    self._events.put(text.removeprefix("id: "))
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            self.comments.append("broken")
        self._events.put(ENDED)

    def take(self, seconds=15):
        """Return the id of the next event, or ENDED. Raises queue.Empty."""
        assert self.status == 200, self.problem
        return self._events.get(timeout=seconds)

    def is_silent(self, seconds=1.0):
        """Return whether nothing arrives in this time."""
        try:
            self.take(seconds)
        except queue.Empty:
            return True
        return False

    def seconds_to_end(self):
        """Wait for the end; return how long it took."""
        started = time.monotonic()
        while self.take(10) != ENDED:
            pass
        return time.monotonic() - started

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads
        self.response.close()
        self.connection.close()
