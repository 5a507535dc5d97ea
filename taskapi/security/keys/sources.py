"""Key sources: a file, an environment variable, a registered secret store, or a single key in the settings."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from time import monotonic
from typing import Final, NamedTuple

from flask import Flask

from taskapi.config.sources import decode_text
from taskapi.context import current_application
from taskapi.ops.metrics import KEY_SET_READ
from taskapi.security.keys.key import InvalidKeyError, Jwk, Key
from taskapi.security.keys.key_set import KeySet, format_members, parse_key_set

LOCAL_SECONDS: Final = 1  # between two readings of a file, which takes 30 µs
UNKNOWN_KID_SECONDS: Final = 5  # the minimum between two readings because of an unknown kid
_STORE_URL: Final = re.compile(r"([a-z][a-z0-9-]+)://(.+)", re.DOTALL)


class SourceError(Exception):
    """A key source cannot be read. The message follows the name of the source: "cannot be read"."""


class Source(NamedTuple):
    """A place that the key set is read from. A file has a `path` and can be written.

    A `remote` source is read in the background. `warning` returns a message for the operator, or None.
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
    """Return the source that TASKAPI_JWT_KEYS names. Raises SourceError if no store is registered for its scheme."""
    if location.startswith("env:") and location != "env:":
        return Source(location, partial(_read_variable, location.removeprefix("env:")))
    if found := _STORE_URL.fullmatch(location):
        if found[1] not in _STORES:
            raise SourceError(f"has an unknown scheme: {found[1]}://")
        return _STORES[found[1]](location)
    path = Path(location)
    return Source(location, partial(_read_file, path), path)


def fixed_source(jwk: Jwk) -> Source:
    """Return the source of a key set with this key alone."""
    text = format_members([jwk])
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


class KeyReloader:
    """The current key set of an application, reloaded without a restart and shared by its threads.

    A source that cannot be read, or has no valid key set, leaves the last one in use. Raises SourceError and
    InvalidKeyError at the first reading.
    """

    def __init__(self, app: Flask, source: Source, reload_seconds: int, make_sealing_key: Callable[[], Key]) -> None:
        self.source = source
        self._log = app.logger
        self._interval = reload_seconds if source.remote else min(LOCAL_SECONDS, reload_seconds)
        self._make_sealing_key = make_sealing_key
        self._lock = Lock()
        self._read_at = monotonic()
        self._text = source.read()
        self._key_set = self._parse(self._text)
        self._invalid_text: str | None = None
        self._note_success()

    def current(self) -> KeySet:
        """Return the key set, reloaded if it is time. No request waits for a remote store."""
        if self._is_due() and not self._lock.locked():
            if self.source.remote:
                Thread(target=self._reload_if_due, name="key-set", daemon=True).start()
            else:
                self._reload_if_due()
        return self._key_set

    def reload_for_unknown_kid(self) -> KeySet:
        """Return the key set, reloaded unless that was done in the last seconds.

        Only one request waits for a remote store: anybody can send unknown kids, and a store may take long to fail.
        """
        if self._lock.acquire(blocking=not self.source.remote):
            try:
                if monotonic() >= self._read_at + min(UNKNOWN_KID_SECONDS, self._interval):
                    self._reload()
            finally:
                self._lock.release()
        return self._key_set

    def age(self) -> float:
        """Return the seconds since the key set was last read with success."""
        return monotonic() - self._success_at

    def _is_due(self) -> bool:
        return monotonic() >= self._read_at + self._interval

    def _reload_if_due(self) -> None:
        with self._lock:
            if self._is_due():
                self._reload()

    def _reload(self) -> None:
        try:
            text = self.source.read()
            if text == self._invalid_text:
                return  # its error was logged at the first reading
            if text != self._text:
                self._invalid_text = text
                self._key_set, self._text = self._parse(text), text
            self._invalid_text = None
            self._note_success()
        except (SourceError, InvalidKeyError) as error:
            self._log.warning("the key set %s %s; the last valid one stays in use", self.source.place, error)
        finally:
            self._read_at = monotonic()

    def _note_success(self) -> None:
        self._success_at = monotonic()
        KEY_SET_READ.set_to_current_time()

    def _parse(self, text: str) -> KeySet:
        key_set = parse_key_set(text)
        for advice in key_set.advice:
            self._log.warning("%s", advice)
        return key_set if key_set.sealing else replace(key_set, sealing=(self._make_sealing_key(),), derived={})


def current_key_set() -> KeySet:
    """Return the current key set of the application."""
    return key_reloader().current()


def key_reloader() -> KeyReloader:
    """Return the key reloader of the application."""
    found: KeyReloader = current_application().extensions["taskapi-keys"]
    return found
