"""Servers for tests that need their own: each is started on a free port, and stopped at the end."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Self

import psycopg

ROOT = Path(__file__).parent.parent
# PostgreSQL refuses to run as root
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
AS_POSTGRES: dict[str, Any] = {"user": "postgres", "group": "postgres"} if IS_ROOT else {}


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_until(ready: Callable[[], object], seconds: float = 60) -> None:
    """Wait until `ready` returns true. An OSError counts as false. Raises TimeoutError."""
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
    """Return True if a server listens on the port. Raises OSError otherwise."""
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def children(pid: int) -> list[int]:
    """Return the ids of the direct child processes (Linux)."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Redis:
    """A Redis server that tests can freeze, kill and restart."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def is_installed() -> bool:
        """Return whether redis-server is installed."""
        return shutil.which("redis-server") is not None

    def start(self, *options: str) -> None:
        """Start the server. It is empty, unless the command SAVE has saved its data."""
        defaults = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(["redis-server", *defaults, *options], stdout=subprocess.DEVNULL)
        wait_until(lambda: connects(self.port))

    def kill(self) -> None:
        """Kill the server if it runs."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Stop the process with SIGSTOP: the port stays open, and no request gets a response."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server continue."""
        assert self.process
        self.process.send_signal(signal.SIGCONT)


class Postgres:
    """A PostgreSQL server that tests can stop, freeze and restart; with `primary` its streaming replica."""

    def __init__(self, primary: "Postgres | None" = None) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.folder = Path(mkdtemp(prefix="taskapi-postgres-"))  # postgres has no access to folders of pytest
        if AS_POSTGRES:
            shutil.chown(self.folder, **AS_POSTGRES)
        options = ["-D", str(self.folder), "-U", "postgres", "--no-sync"]
        if primary:
            options += ["-h", "127.0.0.1", "-p", str(primary.port), "--checkpoint=fast", "--write-recovery-conf"]
        else:
            options += ["--auth", "trust", "--encoding", "UTF8"]
        command = [self.program("pg_basebackup" if primary else "initdb"), *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **AS_POSTGRES)

    @staticmethod
    def program(name: str) -> str | None:
        """Return the path of a program of PostgreSQL. On Debian, those of the server are not on PATH."""
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        return shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, folders)))

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        options = ["-D", self.folder, "-p", str(self.port), "-h", "127.0.0.1", "-c", "unix_socket_directories="]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([self.program("postgres"), *options], stderr=log, **AS_POSTGRES)
        wait_until(self.accepts_connections)

    def accepts_connections(self) -> bool:
        """Return whether the server accepts connections."""
        ready = [self.program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0

    def new_database(self) -> str:
        """Create an empty database whose owner is no superuser; returns its URL."""
        name = f"taskapi_{secrets.token_hex(4)}"
        self.execute(f"CREATE ROLE {name} LOGIN CREATEDB", f"CREATE DATABASE {name} OWNER {name}")
        return f"postgresql://{name}@127.0.0.1:{self.port}/{name}"

    def execute(self, *statements: str) -> Any:
        """Execute statements as the superuser; return the rows of the last one, if it has any."""
        server = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(server, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def read_only(self, url: str, switch: str) -> None:
        """Make a database read-only (`on`) or writable (`off`), and end its sessions, so that all of them notice."""
        name = url.rpartition("/")[2]
        self.execute(
            f"ALTER DATABASE {name} SET default_transaction_read_only = {switch}",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        )

    def stop(self, how: str = "immediate") -> None:
        """Stop the server: `fast` rolls back and disconnects its sessions, `immediate` is like a crash."""
        assert self.process
        self.process.send_signal(signal.SIGINT if how == "fast" else signal.SIGQUIT)
        self.process.wait(60)
        self.process = None

    def freeze(self) -> None:
        """Stop all processes with SIGSTOP: the port stays open, and no connection gets a response."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server continue."""
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop the server if it runs, and delete its files."""
        if self.process:
            self.thaw()
            self.stop()
        shutil.rmtree(self.folder)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process
        for pid in (self.process.pid, *children(self.process.pid)):
            os.kill(pid, number)


class Server:
    """The API, served by `flask serve`. A restart uses the same port. By default it stops without a drain."""

    def __init__(self, environment: dict[str, str], folder: Path, *options: str, application: str = "wsgi:app") -> None:
        self.application = application
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = {**os.environ, "DRAIN_SECONDS": "0", **environment}
        self.log = folder / "server.log"
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str | Path]:
        """Return the command that starts the server."""
        flask = Path(sys.executable).with_name("flask")
        return [flask, "--app", self.application.partition(":")[0], "serve", "--port", str(self.port), *self.options]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server, and wait until a worker accepts connections."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        process = self.process

        def accepts() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"The server ended with {process.returncode}: {self.log.read_text()[-2000:]}")
            return connects(self.port)

        wait_until(accepts)

    def workers(self) -> list[int]:
        """Return the ids of the worker processes."""
        assert self.process
        return [pid for pid in children(self.process.pid) if "spawn_main" in command_line(pid)]

    def stop(self) -> None:
        """Stop the server with SIGTERM if it runs: requests in flight finish."""
        if self.process:
            self.process.terminate()
            self.process.wait(60)
            self.process = None


class Gunicorn(Server):
    """The API, served by gunicorn with gunicorn.conf.py of the repository."""

    def command(self) -> list[str | Path]:
        """Return the command that starts the server."""
        gunicorn = Path(sys.executable).with_name("gunicorn")
        return [gunicorn, self.application, "--bind", f"127.0.0.1:{self.port}", *self.options]

    def workers(self) -> list[int]:
        """Return the ids of the worker processes."""
        assert self.process
        return children(self.process.pid)


def command_line(pid: int) -> str:
    """Return the command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


@contextmanager
def serving(environment: dict[str, str], folder: Path, *, workers: int = 2, threads: int = 4) -> Iterator[str]:
    """Serve the API with several worker processes; yields its address."""
    with Server(environment, folder, "--workers", str(workers), "--threads", str(threads)) as server:
        yield server.address
