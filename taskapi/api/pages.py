"""Pages of a list: how many, from where, and the link to the next."""

from functools import lru_cache
from urllib.parse import parse_qsl, urlencode

from marshmallow import Schema

from taskapi.api.fields import Text, Whole
from taskapi.context import current_request


class PageSchema(Schema):
    """Which page of a list."""

    limit = Whole(1, 100, load_default=20, metadata={"description": "How many at most."})
    cursor = Text(1, 2000, trim=False, metadata={"description": "The `next_cursor` of the page before."})


def next_link(cursor: str | None) -> dict[str, str]:
    """Return the Link header (RFC 8288) of the next page, as an absolute URL: not every client resolves a relative one.

    The path alone where the request names no host that can stand in a URL.
    """
    if cursor is None:
        return {}
    request = current_request()
    base = (request.root_url if request.host else f"{request.script_root}/").rstrip("/")
    return {"Link": f'<{base}{request.path}?{_but_for_cursor(request.query_string)}cursor={cursor}>; rel="next"'}


@lru_cache(maxsize=256)
def _but_for_cursor(query: bytes) -> str:
    """Return a query without its cursor, to be gone on with."""
    named = [(name, value) for name, value in parse_qsl(query.decode(), keep_blank_values=True) if name != "cursor"]
    return f"{urlencode(named)}&" if named else ""
