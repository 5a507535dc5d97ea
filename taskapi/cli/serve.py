"""`flask serve`: the production server: Granian, with draining, shared metrics and the application's log format."""

import math
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from taskapi.cli.command import Command
from taskapi.ops.health import STATE_FILE, begin_drain, create_state_file

FINISH_SECONDS = 30  # for requests in flight, once the port is closed
START_SECONDS = 10  # for a new worker to start, before SIGHUP stops the one that it replaces
HEADER_SECONDS = 30  # for a client to send the head of a request, and between requests of one connection
HEAD_BYTES = 32 * 1024  # of a request line and its headers
IN_MEMORY = "/dev/shm"  # noqa: S108 - counters that are written on a stalled disk would stop every request
# Granian's messages go to the handler that the application gives the root logger
LOGGERS: dict[str, Any] = {
    name: {"handlers": [], "propagate": True, "level": "INFO"} for name in ("_granian", "granian.access")
}


def available_cpus() -> int:
    """Return how many CPUs this process may use: its affinity, and the quota of its cgroup, rounded up."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):  # no cgroup of version 2
        return cpus
    return cpus if quota == "max" else max(1, min(cpus, math.ceil(int(quota) / int(period))))


@click.command("serve", cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0: any IPv4 address.")
@click.option("--port", envvar="PORT", default=8000, show_default=True, type=click.IntRange(1, 65535), show_envvar=True)
@click.option(
    "--workers", envvar="WEB_CONCURRENCY", type=click.IntRange(1, 256), show_envvar=True,
    help="Worker processes.  [default: one for each CPU that this process may use]",
)  # fmt: skip
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1, 256), help="Threads of each worker.")
@click.option(
    "--drain-seconds", envvar="DRAIN_SECONDS", default=5, show_default=True, type=click.IntRange(0, 3600),
    show_envvar=True, help="How long requests are still accepted after SIGTERM, while /readyz responds 503.",
)  # fmt: skip
@with_appcontext
def serve(host: str, port: int, workers: int | None, threads: int, drain_seconds: int) -> None:
    """Serve the API in production.

    SIGTERM: /readyz responds 503 at once, new connections are accepted for --drain-seconds more, then requests in
    flight finish. A second SIGTERM ends the drain. SIGHUP replaces the workers one by one. New workers
    load the current code, keys and instance/config.py; the environment stays the same.
    """
    from granian import Granian  # noqa: PLC0415 - no other command needs it
    from granian.constants import HTTPModes, Interfaces  # noqa: PLC0415
    from granian.http import HTTP1Settings  # noqa: PLC0415

    _require_free_port(host, port)
    multiprocessing.set_start_method("spawn", force=True)  # a forked worker would keep the code of this process
    folder = Path(tempfile.mkdtemp(prefix="taskapi-", dir=IN_MEMORY if Path(IN_MEMORY).is_dir() else None))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    state = create_state_file(folder)
    os.environ[STATE_FILE] = str(state)
    server = Granian(
        "wsgi:app",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers or available_cpus(),
        blocking_threads=threads,
        http=HTTPModes.http1,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=HEAD_BYTES),
        respawn_failed_workers=True,
        respawn_interval=START_SECONDS,
        workers_kill_timeout=FINISH_SECONDS,
        log_dictconfig={"loggers": LOGGERS},
    )
    server.on_startup(lambda: _drain_before_stopping(drain_seconds, state))
    try:
        server.serve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _require_free_port(host: str, port: int) -> None:
    """Fail if another server uses the port. Granian would share the port with it."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise click.ClickException(f"Port {port} of {host} cannot be used: {error.strerror}.") from None


def _drain_before_stopping(seconds: int, state: Path) -> None:
    """Drain before the server's own handler of SIGTERM runs. Called after that handler is installed.

    The workers learn of SIGINT too, and of a drain of 0 seconds, so that they end long responses.
    """
    stop: Any = signal.getsignal(signal.SIGTERM)

    def drain(number: int, frame: Any) -> None:
        begin_drain(state)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        if number == signal.SIGINT or not seconds or not hasattr(signal, "SIGALRM"):  # Windows has no timer signal
            stop(number, frame)
        else:
            signal.signal(signal.SIGALRM, stop)
            signal.alarm(seconds)

    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGINT, drain)
