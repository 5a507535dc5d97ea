"""Key sources: a file, an environment variable, a registered secret store, or a single key in the settings."""

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from taskapi.config.sources import decode_text
from taskapi.security.keys.algorithms import Jwk
from taskapi.security.keys.files import to_text

SCHEME: Final = re.compile(r"([a-z][a-z0-9-]+)://(.+)", re.DOTALL)
VARIABLE: Final = re.compile(r"env:(.+)", re.DOTALL)


class SourceError(Exception):
    """A key source cannot be read. The message says why and follows the name of the place, as "cannot be read"."""


class Source(NamedTuple):
    """A place that the key set is read from. A file has a `path` and can be written.

    A `remote` source is read in the background. `warning` returns what an operator should know of it, or None.
    """

    place: str
    read: Callable[[], str]
    path: Path | None = None
    remote: bool = False
    warning: Callable[[], str | None] = lambda: None


_STORES: Final[dict[str, Callable[[str], Source]]] = {}


def register_store(scheme: str, open_store: Callable[[str], Source]) -> None:
    """Let TASKAPI_JWT_KEYS name a secret store as `scheme://…`. `open_store` gets the location and makes its source."""
    _STORES[scheme] = open_store


def open_source(location: str) -> Source:
    """Return the source that TASKAPI_JWT_KEYS names. Raises SourceError for a kind of place that we do not know."""
    if found := VARIABLE.fullmatch(location):
        return Source(location, partial(_read_variable, found[1]))
    if found := SCHEME.fullmatch(location):
        if found[1] not in _STORES:
            raise SourceError(f"is no place that we know: {found[1]}://")
        return _STORES[found[1]](location)
    path = Path(location)
    return Source(location, partial(_read_file, path), path)


def fixed(jwk: Jwk) -> Source:
    """Return the source of a ring of one."""
    text = to_text([jwk])
    return Source("", lambda: text)


def _read_file(path: Path) -> str:
    try:
        return decode_text(path.read_bytes())
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise SourceError("is neither UTF-8 nor UTF-16 text") from None


def _read_variable(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise SourceError("is not set") from None
