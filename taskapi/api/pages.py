"""Pages of a list: how many, from where, and the link to the next."""

from urllib.parse import urlencode

from flask import request
from marshmallow import Schema

from taskapi.api.fields import Text, Whole


class PageSchema(Schema):
    """Which page of a list."""

    limit = Whole(1, 100, load_default=20, metadata={"description": "How many at most."})
    cursor = Text(1, 2000, trim=False, metadata={"description": "The `next_cursor` of the page before."})


def next_link(cursor: str | None) -> dict[str, str]:
    """Return the Link header (RFC 8288) of the next page, relative to this one's address."""
    if cursor is None:
        return {}
    query = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    return {"Link": f'<{request.path}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'}
