"""Where a client keeps its tokens."""

import json
import os
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import fcntl

Tokens = dict[str, Any]  # a response with tokens, as the server sent it


class TokenStore(ABC):
    """Keeps the tokens of one session. Several clients and threads can share it. Override `load` and `save`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @abstractmethod
    def load(self) -> Tokens | None:
        """Return the tokens, or None without a session."""

    @abstractmethod
    def save(self, tokens: Tokens | None) -> None:
        """Replace the tokens. They can be serialized as JSON. None means that the session has ended."""

    def acquire(self) -> bool:
        """Take the lock for a refresh and return True, or return False if it is taken. Never wait."""
        return self._lock.acquire(blocking=False)

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()


class MemoryStore(TokenStore):
    """Keeps the tokens in memory. The user signs in again after a restart."""

    def __init__(self) -> None:
        super().__init__()
        self._tokens: Tokens | None = None

    def load(self) -> Tokens | None:
        """Return the tokens, or None."""
        return self._tokens

    def save(self, tokens: Tokens | None) -> None:
        """Replace the tokens."""
        self._tokens = tokens


class FileStore(TokenStore):
    """Keeps the tokens in a file that only its owner can read. Several processes can share it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.path = Path(path).expanduser()
        self._descriptor: int | None = None

    def load(self) -> Tokens | None:
        """Return the tokens. None without a file, or if it is damaged: the user signs in again."""
        try:
            tokens: Tokens = json.loads(self.path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return tokens

    def save(self, tokens: Tokens | None) -> None:
        """Replace the file in one step, so that no reader sees a part of it. None deletes it."""
        if tokens is None:
            self.path.unlink(missing_ok=True)
            return
        self._make_folder()
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}-")  # with mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(tokens, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)  # noqa: PTH105 - the name is a string
        except BaseException:
            os.unlink(name)  # noqa: PTH108
            raise

    def acquire(self) -> bool:
        """Take the lock among threads and among processes. It is released if the process dies.

        Windows has no such lock. Two processes that refresh at the same time get the same tokens from the server.
        """
        if not super().acquire():
            return False
        is_locked = False
        try:
            is_locked = self._lock_file()
        finally:
            if not is_locked:
                super().release()
        return is_locked

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        super().release()

    def _lock_file(self) -> bool:
        if sys.platform == "win32":
            return True
        self._make_folder()
        descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def _make_folder(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
