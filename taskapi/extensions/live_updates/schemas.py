"""The settings and the query of streams."""

from dataclasses import dataclass

from marshmallow import Schema, fields
from marshmallow.validate import Regexp

from taskapi.api.fields import Text
from taskapi.config import setting, whole

ADDRESS = Regexp(
    r"((\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[1-9][0-9]{0,4})?\Z",
    error="Must be an address and a port, such as 127.0.0.1:8001.",
)


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """The settings of this extension."""

    stream_address: str = setting(
        "",
        "Address and port where all workers of `flask serve` serve `GET /api/v1/changes/stream` without a thread for "
        "each stream, such as `127.0.0.1:8001`. A proxy forwards that path to it. Empty: see "
        "`TASKAPI_MAX_STREAM_THREADS`.",
        fields.String(validate=ADDRESS),
    )
    max_streams: int = setting(
        500, "Streams of one worker process at `TASKAPI_STREAM_ADDRESS`, of all users.", whole(1, 10_000)
    )
    max_streams_per_user: int = setting(
        10, "Streams of one user in one worker process. Each open page of the web client has one.", whole(1, 1000)
    )
    max_stream_threads: int = setting(
        2,
        "Streams of one worker process that use a thread of the server, because `TASKAPI_STREAM_ADDRESS` is empty, or "
        "the proxy does not use it. One user has at most half of them, rounded up. 0: none. Fewer than the threads of "
        "a worker.",
        whole(0, 200),
    )


class StreamQuerySchema(Schema):
    """The start of a stream."""

    since = Text(
        1,
        50,
        metadata={
            "pattern": "^([0-9]{1,18}(-[0-9]{1,18})?|now)$",
            "example": "7",
            "description": "The cursor of your copy. The first event comes at once if there are changes after it. The "
            "header `Last-Event-ID`, which browsers send when they reconnect, takes precedence. Without both, or with "
            "`now`, the first event has the current cursor.",
        },
    )
