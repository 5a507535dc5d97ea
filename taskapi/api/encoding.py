"""JSON out: UTC instants with `Z`, UUIDs as strings, at the speed of orjson."""

from typing import Any

import orjson
from flask.json.provider import JSONProvider

# The line's end is for people: their terminal's prompt stays on a line of its own
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE


def to_json(value: Any) -> bytes:
    """Return `value` as JSON bytes; TypeError for what JSON cannot say, lone surrogates included."""
    return orjson.dumps(value, option=OPTIONS)


class OrjsonProvider(JSONProvider):
    """Flask's own JSON, by the same means."""

    def dumps(self, obj: Any, **_kwargs: Any) -> str:
        """Return `obj` as JSON text."""
        return to_json(obj).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """Return what JSON text says."""
        return orjson.loads(s)
