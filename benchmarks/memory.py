"""Measure the memory of a worker of `flask serve`: at rest, and after more and more requests. Linux only.

python -m benchmarks.memory
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

from benchmarks import over_http, subject
from benchmarks.export_memory import memory
from benchmarks.in_process import discard_log
from tests.servers import ROOT, Server

REQUESTS = 100_000
SECONDS = 8  # of load for each kind of request
SORTS = '({"due", "title", "-created_at"})[math.random(3)]'
LISTS = f'"GET", "/api/v1/tasks?limit=" .. math.random(1, 100) .. "&sort=" .. {SORTS}, headers'
KINDS = over_http.REQUESTS | {"lists": LISTS}


def main() -> None:
    print(report())


def report(requests: int = REQUESTS) -> str:
    """Return the measurements as Markdown."""
    return "\n".join(["| requests | MiB resident |", "| --- | --- |", *measure(requests)])


def measure(requests: int) -> Iterator[str]:
    """Yield the rows of the table."""
    with subject.environment() as settings:
        folder = Path(settings["TASKAPI_INSTANCE_PATH"])
        with discard_log():
            users = subject.create_users(subject.application(settings, BCRYPT_ROUNDS=4), count=100)
        with Server(
            settings | compiled(folder), folder, "--workers", "1", "--threads", str(over_http.THREADS)
        ) as server:
            await_response(server.port)
            (worker,) = server.workers()
            sent = 0
            yield f"| none | {memory(worker, 'VmRSS'):.0f} |"
            while sent < requests:
                for name, request in KINDS.items():
                    options = over_http.script(name, users, folder, request)
                    sent += over_http.requests_of(over_http.wrk(server.address, options, SECONDS, refused=0.1))
                yield f"| {sent:,} | {memory(worker, 'VmRSS'):.0f} |"


def compiled(folder: Path) -> dict[str, str]:
    """Compile the modules as an image does, and return the settings that use them. Compilation itself takes memory."""
    settings = {"PYTHONPYCACHEPREFIX": str(folder / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "--help"]
    subprocess.run(command, cwd=ROOT, env=os.environ | settings, check=True, capture_output=True)
    return settings


def await_response(port: int) -> None:
    """Wait for the first response of the worker."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/healthz")
    connection.getresponse().read()


if __name__ == "__main__":
    main()
