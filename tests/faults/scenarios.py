"""The faults: each function starts the service, causes a fault while clients send requests, and returns the results."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from socket import create_connection
from urllib.request import Request, urlopen

import psycopg

from tests.faults.load import Figures, load
from tests.proxy import Nginx
from tests.servers import ROOT, Postgres, Redis, Server, wait_until

VERSIONS = ROOT / "taskapi" / "migrations" / "versions"
SIZES = ("--workers", "2", "--threads", "8")


@contextmanager
def service(database_url: str, folder: Path, *options: str, **settings: str) -> Iterator[Server]:
    """Serve the API on a database, which is migrated first."""
    environment = {
        "TASKAPI_DATABASE_URL": database_url,
        "TASKAPI_INSTANCE_PATH": str(folder),
        "TASKAPI_BCRYPT_ROUNDS": "4",
        "TASKAPI_RATELIMIT_ENABLED": "false",
        "TASKAPI_PASSWORD_QUEUE": "100",  # all clients sign in at once
        "TASKAPI_LOG_LEVEL": "warning",
        **settings,
    }
    assert upgrade(environment)
    with Server(environment, folder, *(options or SIZES)) as server:
        yield server


def upgrade(environment: dict[str, str], history: Path = VERSIONS.parent) -> bool:
    """Apply all migrations of a folder; return whether that succeeded."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade", "--directory", str(history)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, check=False)
    return done.returncode == 0


def migrated(postgres: Postgres, folder: Path) -> Figures:
    """Add a column to the table of tasks, first while an idle transaction locks the table, and then again."""
    history = shutil.copytree(VERSIONS.parent, folder / "migrations")
    head = max(path.name for path in VERSIONS.glob("*.py"))[:4]
    (history / "versions" / "9999_more.py").write_text(f"""from alembic import op
revision, down_revision = "9999", "{head}"
def upgrade(): op.execute("ALTER TABLE tasks ADD COLUMN more integer")
""")
    url = postgres.new_database()
    with service(url, folder) as server, load(server.address, folder=folder) as running:
        with psycopg.connect(url) as idle:
            idle.execute("SELECT count(*) FROM tasks")
            assert not upgrade(server.environment, history)
        assert upgrade(server.environment, history)
        return running.recovery()


def workers_killed(postgres: Postgres, folder: Path, *, kills: int) -> Figures:
    """Kill the older of two workers with SIGKILL, each time after both have started.

    A worker that dies within 5.5 s of its start ends the server, which its service manager starts again.
    """
    with service(postgres.new_database(), folder) as server, load(server.address, folder=folder) as running:
        for kill in range(kills):
            wait_until(lambda: server.log.read_text().count("Started worker-") == 2 + kill)  # noqa: B023 - used at once
            os.kill(min(server.workers()), signal.SIGKILL)
            time.sleep(4)
        return running.recovery()


def stopped_and_started(postgres: Postgres, folder: Path, *, times: int) -> Figures:
    """Stop the service with SIGTERM while it handles requests, and start it again."""
    url = postgres.new_database()
    with service(url, folder, DRAIN_SECONDS="1") as server, load(server.address, folder=folder) as running:
        for _ in range(times):
            server.stop()
            server.start()
        return running.recovery()


def rolling_restarts(postgres: Postgres, folder: Path, *, restarts: int, drain_seconds: int) -> Figures:
    """Restart two instances behind nginx repeatedly, one after the other.

    They drain for longer than nginx avoids an instance that was down, so that nginx always has one to use.
    """
    with (
        service(postgres.new_database(), folder, DRAIN_SECONDS=str(drain_seconds)) as one,
        Server(one.environment, folder, *SIZES) as two,
        Nginx(folder, one.port, two.port) as proxy,
        load(f"https://127.0.0.1:{proxy.https}", folder=folder) as running,
    ):
        for number in range(restarts):
            restart((one, two)[number % 2])
        return running.recovery()


def restart(server: Server) -> None:
    """Restart an instance, and wait until it is ready."""
    server.stop()
    server.start()
    wait_until(lambda: urlopen(f"{server.address}/readyz").status == 200)


def slow_senders(postgres: Postgres, folder: Path, *, seconds: int) -> Figures:
    """Let more clients than there are threads send one byte per second, through nginx."""
    with (
        service(postgres.new_database(), folder) as server,
        Nginx(folder, server.port, server.port) as proxy,
        ExitStack() as connections,
        load(f"https://127.0.0.1:{proxy.https}", folder=folder) as running,
    ):
        senders = [connections.enter_context(create_connection(("127.0.0.1", proxy.http))) for _ in range(64)]
        for data in (b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n", *[b" "] * seconds):
            for sender in senders:
                sender.sendall(data)
            time.sleep(1)
        return running.recovery()


def postgres_restarted(postgres: Postgres, folder: Path, *, how: str, down_seconds: float) -> Figures:
    """Stop PostgreSQL, leave it down for a while, and start it again."""
    with service(postgres.new_database(), folder) as server, load(server.address, folder=folder) as running:
        postgres.stop(how)
        time.sleep(down_seconds)
        postgres.start()
        return running.recovery()


def postgres_frozen(postgres: Postgres, folder: Path, *, seconds: float, patience: int) -> Figures:
    """Freeze PostgreSQL for some seconds."""
    settings = {"TASKAPI_DATABASE_TIMEOUT_SECONDS": str(patience)}
    url = postgres.new_database()
    with service(url, folder, **settings) as server, load(server.address, folder=folder) as running:
        postgres.freeze()
        try:
            time.sleep(seconds)
        finally:
            postgres.thaw()
        return running.recovery()


def postgres_read_only(postgres: Postgres, folder: Path, *, seconds: float) -> Figures:
    """Make PostgreSQL read-only for some seconds, like a standby that is not promoted yet."""
    url = postgres.new_database()
    with service(url, folder) as server, load(server.address, folder=folder) as running:
        postgres.read_only(url, "on")
        time.sleep(seconds)
        postgres.read_only(url, "off")
        return running.recovery()


def postgres_failed_over(folder: Path, *, seconds: float, synchronous: bool = True) -> Figures:
    """Crash the primary for good, and promote its streaming replica after some seconds.

    The URL names both servers. Each commit waits for the replica, if it is synchronous.
    """
    primary = Postgres()
    primary.start()
    url = primary.new_database()
    replica = Postgres(primary)
    replica.start()
    try:
        if synchronous:
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        state = [("sync" if synchronous else "async",)]
        wait_until(lambda: primary.execute("SELECT sync_state FROM pg_stat_replication") == state)
        name = url.rpartition("/")[2]
        url = f"postgresql://{name}@/{name}?host=127.0.0.1:{primary.port}&host=127.0.0.1:{replica.port}"
        with service(url, folder) as server, load(server.address, folder=folder) as running:
            primary.stop()
            time.sleep(seconds)
            replica.execute("SELECT pg_promote()")
            return running.recovery()
    finally:
        replica.remove()
        primary.remove()


def redis_killed(postgres: Postgres, redis: Redis, folder: Path, *, seconds: float) -> Figures:
    """Kill Redis, and start it again after some seconds without its data."""
    url = postgres.new_database()
    with (
        service(url, folder, TASKAPI_REDIS_URL=redis.url, TASKAPI_RATELIMIT_ENABLED="true") as server,
        load(server.address, folder=folder) as running,
    ):
        redis.kill()
        time.sleep(seconds)
        redis.start()
        return running.recovery()


def redis_frozen(postgres: Postgres, redis: Redis, folder: Path, *, seconds: float) -> Figures:
    """Freeze Redis for some seconds."""
    url = postgres.new_database()
    with (
        service(url, folder, TASKAPI_REDIS_URL=redis.url, TASKAPI_RATELIMIT_ENABLED="true") as server,
        load(server.address, folder=folder) as running,
    ):
        redis.freeze()
        try:
            time.sleep(seconds)
        finally:
            redis.thaw()
        return running.recovery()


def many_writers_on_sqlite(folder: Path, *, seconds: float) -> Figures:
    """Let 64 clients write to one SQLite file through four processes with sixteen threads each."""
    options = ("--workers", "4", "--threads", "16")
    with (
        service(f"sqlite:///{folder / 'tasks.db'}", folder, *options) as server,
        load(server.address, folder=folder, clients=64) as running,
    ):
        time.sleep(seconds)
        return running.recovery()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Yield a folder on a disk of 32 MiB, in memory. Raises CalledProcessError where mounting is not permitted."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", disk], check=True, capture_output=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def disk_full(disk: Path, folder: Path, *, seconds: float) -> Figures:
    """Fill the disk of a SQLite file, and free the space after some seconds."""
    with (
        service(f"sqlite:///{disk / 'tasks.db'}", folder) as server,
        load(server.address, folder=folder) as running,
    ):
        fill(disk / "ballast")
        time.sleep(seconds)
        (disk / "ballast").unlink()
        return running.recovery()


def fill(path: Path) -> None:
    """Write a file until the disk is full."""
    with path.open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(2**16))
        except OSError:
            return


def clocks_apart(postgres: Postgres, folder: Path, *, seconds: float, apart: int = 5) -> Figures:
    """Let each client alternate between two instances, one of which has a clock that is ahead."""
    url = postgres.new_database()
    with service(url, folder) as server:
        ahead = Server(server.environment | clock_ahead(folder, apart), folder, *SIZES)
        with ahead:
            assert clock_offset(ahead.address) > 0 >= clock_offset(server.address)
            with load(server.address, ahead.address, folder=folder) as running:
                time.sleep(seconds)
                return running.recovery()


def clock_offset(address: str) -> float:
    """Return how many seconds a server's clock is ahead of ours, less the time that its response takes."""
    account = {"username": f"clock-{secrets.token_hex(6)}", "password": "correct horse battery staple"}
    request = Request(f"{address}/api/v1/auth/register", json.dumps(account).encode())
    request.add_header("Content-Type", "application/json")
    with urlopen(request) as response:
        return datetime.fromisoformat(json.load(response)["created_at"]).timestamp() - time.time()


def clock_ahead(folder: Path, seconds: int) -> dict[str, str]:
    """Return an environment in which the clock of Python is ahead from the start of the interpreter."""
    start = f"import time, time_machine; time_machine.travel(time.time() + {seconds}, tick=True).start()"
    (folder / "sitecustomize.py").write_text(start, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}
