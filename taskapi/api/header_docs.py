"""The headers of answers in the OpenAPI document: each described once, and referred to by name."""

from typing import Any


def _text(description: str, example: str) -> dict[str, Any]:
    return {"schema": {"type": "string"}, "description": description, "example": example}


HEADERS = {
    "X-Request-ID": _text(
        "The id of this request, in the logs too. One that you send, of `[A-Za-z0-9._-]{1,64}`, is kept.",
        "5fb4e1a743cd4f67b112c2c10d7fe9d8",
    ),
    "Cache-Control": _text("Who may keep the answer, and for how long.", "private, no-cache"),
    "RateLimit": _text(
        "On limited routes: what is left of each limit, and the seconds until it is whole.", '"user";r=5999;t=42'
    ),
    "RateLimit-Policy": _text("On limited routes: each limit, and its window in seconds.", '"user";q=6000;w=60'),
    "Retry-After": _text("Try again after so many seconds.", "42"),
    "WWW-Authenticate": _text(
        "What to authenticate by, and why not (RFC 6750; RFC 9470 where a recent password entry is asked for).",
        'Bearer error="invalid_token"',
    ),
    "ETag": _text("Send it back as `If-None-Match`, or as `If-Match` with a change.", '"7"'),
    "Location": _text("Where it is.", "/api/v1/tasks/01980a5c-3f00-7a10-8c4e-5d1f0a2b3c03"),
    "Link": _text(
        'The next page, `rel="next"` (RFC 8288).',
        '<https://tasks.example.org/api/v1/tasks?limit=20&cursor=…>; rel="next"',
    ),
    "Set-Cookie": _text(
        "With cookies: the tokens, and the values for `X-CSRF-TOKEN`.",
        "__Host-csrf_access_token=mW2Yt0…; Secure; Path=/; SameSite=Strict",
    ),
    "Access-Control-Allow-Origin": _text("Pages of every origin may read this.", "*"),
    "Clear-Site-Data": _text("With cookies, where the caller's own session ended.", '"cache"'),
    "Content-Disposition": _text("The name of the file.", 'attachment; filename="tasks.json"'),
    "Idempotency-Replayed": _text("`true`: the answer of the first time, and nothing was done.", "true"),
}
LIMITS = ("RateLimit", "RateLimit-Policy")
ENDED = ("Set-Cookie", "Clear-Site-Data")  # where the caller's own session may end


def headers(*names: str) -> dict[str, Any]:
    """Return the headers of an answer: its id, and these."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *names)}
