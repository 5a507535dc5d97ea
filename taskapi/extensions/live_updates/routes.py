"""The route /changes/stream, and the two ways to serve it: by a thread of the server, or by the listener."""

import os
from collections.abc import Iterator
from functools import partial
from threading import Event
from typing import Any, Final

from flask import Flask, Response, request

from taskapi.api import Blueprint, problem
from taskapi.config import Settings, settings_of
from taskapi.context import current_application, current_g, current_request
from taskapi.extensions.changes.queries import CURSOR, NOW, find_changes
from taskapi.extensions.live_updates.listener import CONNECTION, Listener
from taskapi.extensions.live_updates.schemas import StreamQuerySchema, StreamSettings
from taskapi.extensions.live_updates.streams import RETRY, TICK, Form, Stream, Streams
from taskapi.extensions.live_updates.watcher import Watcher
from taskapi.ops.health import STATE_FILE
from taskapi.security.cookies import SAFE_METHODS
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller

NAME: Final = "taskapi-live-updates"
EVENT_STREAM: Final = "text/event-stream"
EXAMPLE: Final = 'retry: 2000\n\nid: 7\ndata: {"cursor":"7"}\n\n:\n\n'
CONTENT: Final = {EVENT_STREAM: {"schema": {"type": "string"}, "example": EXAMPLE}}
HEARTBEAT: Final = 15  # seconds; proxies close a connection on which nothing is sent for about 60
THREAD_HEARTBEAT: Final = 2  # seconds; only by writing does a server notice that a client has gone, and free the place
DEVELOPMENT_THREADS: Final = 8  # of `flask run`, which starts a thread for each connection
HEADERS: Final = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}  # nginx passes it on at once

blp = Blueprint("live_updates", __name__, url_prefix="/api/v1/changes", tag="changes")


@blp.get("/stream")
@blp.doc(responses={200: {"description": "Events, each with the cursor of the last change.", "content": CONTENT}})
@blp.arguments(StreamQuerySchema, location="query")
@blp.response(200, errors=("invalid_cursor", "too_many_requests", "stream_unavailable"))
@requires(Permission.TASK_READ)
def stream_changes(query: dict[str, Any]) -> Response:
    """Wait for changes: server-sent events, for `EventSource` or `fetch`.

    Each event has the cursor of the last change as its id and in its data. When it differs from the cursor of your
    copy, request `GET /changes?since=…` with the cursor of your copy. An event stands for all changes before it, so
    none is lost while the connection is interrupted. Comments are sent while nothing changes.

    The stream ends when the token expires or is revoked, and before the server stops; connect again then. A request
    without `Accept: text/event-stream` gets the first event only. On 429 and 503, poll `GET /changes` for a while.
    """
    cursor = request.headers.get("Last-Event-ID") or query.get("since", NOW)
    found = None if cursor == NOW else CURSOR.fullmatch(cursor) or problem("invalid_cursor")
    since = int(found[1]) if found else None
    if EVENT_STREAM not in request.headers.get("Accept", "") or request.method == "HEAD":
        first = Stream(caller(), None, lambda: None, HEARTBEAT)
        first.start(int(find_changes({"since": NOW})["cursor"]))
        return Response(RETRY + first.poll(), content_type=EVENT_STREAM, headers=HEADERS)
    connection: Any = request.environ.get(CONNECTION)
    changed = Event()
    watcher: Watcher = current_application().extensions[NAME]
    streams = watcher.streams
    stream = streams.open(caller(), since, connection.wake if connection else changed.set, _form(connection))
    try:  # after it was opened, so that no change between the two is missed
        stream.start(int(find_changes({"since": NOW})["cursor"]))
    except BaseException:
        streams.close(stream)
        raise
    watcher.wake()
    if connection:
        connection.stream = stream
        return Response(RETRY, content_type=EVENT_STREAM, headers=HEADERS)
    response = Response(_send(stream, changed), content_type=EVENT_STREAM, headers=HEADERS)
    response.call_on_close(partial(streams.close, stream))
    return response


def _form(connection: Any) -> Form:
    """Return how to serve a stream. Responds 503 on a server whose shutdown the streams would delay."""
    environ, options = request.environ, settings_of(StreamSettings)
    if connection:
        return Form(HEARTBEAT, options.max_streams, options.max_streams_per_user)
    most = options.max_stream_threads
    if environ.get("SERVER_SOFTWARE", "").startswith("Werkzeug"):
        most = DEVELOPMENT_THREADS
    elif "shutdown" not in current_application().extensions["taskapi-checks"]:
        most = 0
    if most == 0 or not environ.get("wsgi.multithread"):
        problem("stream_unavailable", "This server does not send streams.")
    return Form(THREAD_HEARTBEAT, most, min(options.max_streams_per_user, (most + 1) // 2))


def _send(stream: Stream, changed: Event) -> Iterator[bytes]:
    """Yield the events of a stream, in a thread of the server."""
    yield RETRY
    while not stream.is_over():
        if data := stream.poll():
            yield data
        else:
            changed.wait(TICK)
            changed.clear()
    yield stream.poll()


def note_change(response: Response) -> Response:
    """Let the streams of the caller look, after a request that may have changed something."""
    if current_request().method not in SAFE_METHODS and (found := current_g().get("caller")):
        current_application().extensions[NAME].note_change(found.id)
    return response


def init_live_updates(app: Flask, settings: Settings) -> None:
    """Create the streams. A worker of `flask serve` also notes changes at once, and starts the listener."""
    options: Any = settings
    streams = Streams(app)
    app.extensions[NAME] = Watcher(app, streams)
    if os.environ.get(STATE_FILE):
        app.after_request(note_change)
        if options.stream_address:
            Listener(app, options.stream_address, options.max_streams, streams.close).start()
