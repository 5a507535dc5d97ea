"""Real servers for tests that need one to itself: started on a free port, stopped at the end."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_until(ready: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something to become true; an OSError counts as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if ready():
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.05)


def connects(port: int) -> bool:
    """Tell whether something listens there."""
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


class Redis:
    """A Redis of one's own, which may be frozen, killed and started again, empty."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def is_installed() -> bool:
        """Tell whether there is a redis-server to start."""
        return shutil.which("redis-server") is not None

    def start(self) -> None:
        """Start it with nothing in it."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        wait_until(lambda: connects(self.port))

    def kill(self) -> None:
        """Kill it, if it lives."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Let it answer nothing, while its port stays open."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it answer again."""
        assert self.process
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def gunicorn(environment: dict[str, str], folder: Path, *, workers: int = 2, threads: int = 4) -> Iterator[str]:
    """Serve the API with several worker processes; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "wsgi:app", "--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--threads", str(threads), "--worker-class", "gthread", "--keep-alive", "0"]
    env = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
    with (folder / "gunicorn.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        try:
            wait_until(lambda: connects(port), 60)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)
