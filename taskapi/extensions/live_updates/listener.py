"""The listener: serves all streams of a worker process in one thread, at an address of its own.

A worker of Granian needs a thread for each response that is being sent. The listener needs none: it reads the head of a
request with h11, lets the application respond in one more thread, and keeps the connection if that opened a stream.
It closes each connection after one response, and serves no other route.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from threading import Thread
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import h11
from flask import Flask
from werkzeug.test import create_environ
from werkzeug.wrappers import Response

from taskapi.extensions.live_updates.streams import TICK, Stream

CONNECTION: Final = "taskapi.stream"  # in the environ of a request to the listener
PATH: Final = "/changes/stream"
HEAD_BYTES: Final = 32 * 1024
HEAD_SECONDS: Final = 10
STUCK_SECONDS: Final = 30  # that a client may read nothing although there is something to read
BUFFER_BYTES: Final = 4096  # that wait for a client in this process; further events are not written
MORE_CONNECTIONS: Final = 64  # besides the streams: requests without a response yet
BACKLOG: Final = 256


class Listener:
    """Serves streams at an address that all workers share."""

    def __init__(self, app: Flask, address: str, most: int, close: Callable[[Stream], None]) -> None:
        self.close: Final = close
        self.connections: set[_Connection] = set()
        self.most: Final = most + MORE_CONNECTIONS
        self._app = app
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._threads = ThreadPoolExecutor(1, "live-updates-open")

    def start(self) -> None:
        """Serve in a thread, once the application is complete."""
        Thread(target=lambda: asyncio.run(self._serve()), name="live-updates-listener", daemon=True).start()

    async def _serve(self) -> None:
        checks: dict[str, Callable[[], str | None]] = {}
        while "shutdown" not in checks:  # the last part of the application
            await asyncio.sleep(0.05)
            checks = self._app.extensions.get("taskapi-checks", {})
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: _Connection(self, loop), self._host, self._port, reuse_port=True, backlog=BACKLOG
            )
        except (OSError, OverflowError, ValueError) as error:  # in use, or no port; Windows cannot share one
            self._app.logger.warning("live updates: cannot listen at %s:%s: %s", self._host, self._port, error)
            return
        while True:
            if checks["shutdown"]():
                server.close()  # a proxy then uses another instance
            for connection in list(self.connections):
                connection.tick()
            await asyncio.sleep(TICK)

    async def respond(self, environ: dict[str, Any]) -> Response:
        """Return the response of the application."""
        respond = partial(Response.from_app, self._app.wsgi_app, environ, buffered=True)
        return await asyncio.get_running_loop().run_in_executor(self._threads, respond)


class _Connection(asyncio.Protocol):
    """A connection: one request, and its stream. All its methods run in the thread of the listener."""

    def __init__(self, listener: Listener, loop: asyncio.AbstractEventLoop) -> None:
        self._listener = listener
        self._loop = loop
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self.stream: Stream | None = None  # which the view opens
        self._transport: Any = None
        self._drop: Any = None
        self._task: asyncio.Task[None] | None = None
        self._since = time.monotonic()  # when the connection was opened, or the client stopped reading
        self._is_streaming = self._is_paused = False

    def connection_made(self, transport: Any) -> None:
        """Accept the connection, unless there are too many."""
        self._transport, self._drop = transport, transport.abort
        transport.set_write_buffer_limits(high=BUFFER_BYTES)
        if len(self._listener.connections) >= self._listener.most:
            self._drop()
        else:
            self._listener.connections.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Close the stream."""
        self._listener.connections.discard(self)
        if self.stream:
            self._listener.close(self.stream)

    def pause_writing(self) -> None:
        """Write no events while the client does not read; it gets the latest one later."""
        self._is_paused, self._since = True, time.monotonic()

    def resume_writing(self) -> None:
        """Write events again."""
        self._is_paused = False
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Read the head of the request. What follows it is ignored."""
        if self._task or self._transport.is_closing():
            return
        try:
            self._http.receive_data(data)
            request = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._send_head(error.error_status_hint, [])
            self._finish()
            return
        if isinstance(request, h11.Request):
            self._task = self._loop.create_task(self._respond(request))

    async def _respond(self, request: h11.Request) -> None:
        try:
            response = await self._listener.respond(self._environ(request))
            self._is_streaming = self.stream is not None and response.status_code == HTTPStatus.OK
            self._send_head(response.status_code, list(response.headers))
            self._send(h11.Data(data=response.data))
            if self._is_streaming:
                self._flush()
            else:
                self._finish()
        finally:
            if self.stream and (not self._is_streaming or self._transport.is_closing()):
                self._listener.close(self.stream)

    def _environ(self, request: h11.Request) -> dict[str, Any]:
        """Return the request for the application. As nginx does, omit headers with `_`, which could forge others."""
        path, _, query = request.target.partition(b"?")
        name = unquote_to_bytes(path).decode("latin-1")
        return create_environ(
            method=request.method.decode(),
            query_string=query.decode("latin-1"),
            headers=[
                (field.decode(), value.decode("latin-1")) for field, value in request.headers if b"_" not in field
            ],
            environ_overrides={
                "PATH_INFO": name if name.endswith(PATH) else "/-",  # every other path is not found
                "REMOTE_ADDR": self._transport.get_extra_info("peername")[0],
                "CONTENT_LENGTH": "",  # a body is not read
                "HTTP_TRANSFER_ENCODING": "",
                CONNECTION: self,
            },
        )

    def wake(self) -> None:
        """Send what the stream has to send. Called by other threads."""
        with suppress(RuntimeError):  # the loop has ended, with its process
            self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        """Send what the stream has to send."""
        if self.stream is None or not self._is_streaming or self._is_paused or self._transport.is_closing():
            return
        if data := self.stream.poll():
            self._send(h11.Data(data=data))
        if self.stream.ended:
            self._finish()

    def tick(self) -> None:
        """End what takes too long, and send a heartbeat if it is time."""
        age = time.monotonic() - self._since
        is_over = self.stream is not None and self.stream.is_over()
        is_ending = not self._is_streaming or self._transport.is_closing()
        if (self._is_paused and (is_over or age > STUCK_SECONDS)) or (is_ending and age > HEAD_SECONDS):
            self._drop()
        else:
            self._flush()

    def _finish(self) -> None:
        """End the response, and close the connection, which the client must read to the end in HEAD_SECONDS."""
        self._send(h11.EndOfMessage())
        self._transport.close()
        self._since = time.monotonic()

    def _send_head(self, status: int, headers: list[tuple[str, str]]) -> None:
        kept = [(name, value) for name, value in headers if name.lower() not in {"connection", "content-length"}]
        self._send(h11.Response(status_code=status, headers=[*kept, ("Connection", "close")]))

    def _send(self, event: h11.Event) -> None:
        if data := self._http.send(event):
            self._transport.write(data)
