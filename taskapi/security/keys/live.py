"""The ring in force: read anew without a restart, and kept where the new one is no good."""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock, Thread
from time import monotonic
from typing import Final

from flask import Flask

from taskapi.ops.metrics import KEY_RING_READ
from taskapi.security.keys.algorithms import UnfitKeyError
from taskapi.security.keys.jwk import Key
from taskapi.security.keys.ring import KeyRing, read_ring
from taskapi.security.keys.sources import Source, SourceError

LOCAL_SECONDS: Final = 1  # a file costs 30 µs
UNKNOWN_SECONDS: Final = 5  # the least between two readings for the sake of a kid that nobody knows


class LiveRing:
    """The ring of an application, shared by its threads. Raises SourceError and UnfitKeyError when it is made."""

    def __init__(self, app: Flask, source: Source, reload_seconds: int, own_seal: Callable[[], Key]) -> None:
        self.source = source
        self._log = app.logger
        self._pause = reload_seconds if source.remote else min(LOCAL_SECONDS, reload_seconds)
        self._own_seal = own_seal
        self._lock = Lock()
        self._read_at = monotonic()
        self._text = source.read()
        self._ring = self._made(self._text)
        self._refused: str | None = None
        self._note_good()

    def current(self) -> KeyRing:
        """Return the ring; when it is time it is read anew, and no request waits for a store to answer."""
        if self._is_due() and not self._lock.locked():
            if self.source.remote:
                Thread(target=self._reload_if_due, name="key-ring", daemon=True).start()
            else:
                self._reload_if_due()
        return self._ring

    def reread(self) -> KeyRing:
        """Return the ring for the sake of a key that it does not know, read anew unless that was just done."""
        with self._lock:
            if monotonic() >= self._read_at + min(UNKNOWN_SECONDS, self._pause):
                self._reload()
        return self._ring

    def age(self) -> float:
        """Return how many seconds ago the ring in force was read, or found unchanged."""
        return monotonic() - self._good_at

    def _is_due(self) -> bool:
        return monotonic() >= self._read_at + self._pause

    def _reload_if_due(self) -> None:
        with self._lock:
            if self._is_due():
                self._reload()

    def _reload(self) -> None:
        self._read_at = monotonic()
        try:
            text = self.source.read()
            if text == self._refused:
                return  # it was logged when it was refused
            if text != self._text:
                self._refused = text
                self._ring, self._text = self._made(text), text
            self._refused = None
            self._note_good()
        except (SourceError, UnfitKeyError) as error:
            self._log.warning("the key ring %s %s; the last good one stays in force", self.source.place, error)

    def _note_good(self) -> None:
        self._good_at = monotonic()
        KEY_RING_READ.set_to_current_time()

    def _made(self, text: str) -> KeyRing:
        ring = read_ring(text)
        for advice in ring.advice:
            self._log.warning("%s", advice)
        return ring if ring.sealing else replace(ring, sealing=(self._own_seal(),), derived={})
