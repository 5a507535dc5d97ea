"""The 422 response to invalid values: messages by field, limited in number and size."""

from heapq import nsmallest
from typing import Any, Final, NoReturn

from flask import json

from taskapi.api.error_catalogue import CATALOGUE
from taskapi.api.errors import problem

MAX_MESSAGES: Final = 100
MAX_NAME_LENGTH: Final = 100
MAX_LISTED_BYTES: Final = 48 * 1024  # of `errors`, so that the whole body stays under 64 KiB


def invalid(place: str, errors: dict[Any, Any], **members: Any) -> NoReturn:
    """Respond 422. `place` is json, query, path, csv or form; `errors` are messages by field, which may be nested.

    At most MAX_MESSAGES messages are listed; `errors_omitted` is the number of the others.
    """
    errors = _replace_surrogates(errors)
    fields = (name for name in errors if isinstance(name, str) and name != "_schema")
    names = [shorten(name) for name in nsmallest(6, fields)]  # marshmallow reports unknown fields in no order
    named = f": {', '.join(names[:5])}{', …' * (len(names) > 5)}." if names else "."
    detail = CATALOGUE["validation_failed"].detail.removesuffix(".") + named
    listing = _Listing()
    listed = listing.copy(errors)
    if listing.omitted:
        members["errors_omitted"] = listing.omitted
    problem("validation_failed", detail, errors={place: listed}, **members)


def shorten(text: str) -> str:
    """Return `text` with at most MAX_NAME_LENGTH characters and an ellipsis."""
    return text if len(text) <= MAX_NAME_LENGTH else f"{text[:MAX_NAME_LENGTH]}…"


class _Listing:
    """Copies messages until their number or size is too large for a response, and counts the others."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self.omitted = 0

    def copy(self, errors: Any) -> Any:
        """Return the part of `errors` (messages by field, nested) that is listed; None if no message is."""
        if isinstance(errors, dict):
            return self._copy_fields(errors)
        if isinstance(errors, list):
            return [listed for each in errors if (listed := self.copy(each)) is not None] or None
        size = len(json.dumps(errors).encode())
        if self.messages >= MAX_MESSAGES or self.bytes + size > MAX_LISTED_BYTES:
            self.omitted += 1
            return None
        self.messages += 1
        self.bytes += size
        return errors

    def _copy_fields(self, errors: dict[Any, Any]) -> dict[Any, Any] | None:
        listed = {}
        for name, messages in errors.items():
            short = shorten(name) if isinstance(name, str) else name
            size = len(json.dumps(str(short)).encode())
            self.bytes += size
            if (copied := self.copy(messages)) is None:
                self.bytes -= size
            else:
                listed[short] = copied
        return listed or None


def _replace_surrogates(value: Any) -> Any:
    """Return `value` with `?` for lone surrogates, which names of unknown fields may have and JSON cannot contain."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_replace_surrogates(key): _replace_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_replace_surrogates(item) for item in value]
    return value
