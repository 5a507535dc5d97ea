"""Measure the memory of a worker: without requests, and after more and more requests. Linux only.

python -m benchmarks.memory
"""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks import over_http, subject
from benchmarks.export_memory import memory
from benchmarks.in_process import discard_log
from tests.servers import children

REQUESTS = 100_000
SECONDS = 8  # of load for each kind of request


def main() -> None:
    print(report())


def report() -> str:
    """Return the measurements as Markdown."""
    return "\n".join(["| requests | MiB resident |", "| --- | --- |", *measure()])


def measure() -> Iterator[str]:
    """Yield the rows of the table."""
    with subject.environment() as settings:
        folder = Path(settings["TASKAPI_INSTANCE_PATH"])
        with discard_log():
            users = subject.create_users(subject.application(settings, BCRYPT_ROUNDS=4), count=100)
        with over_http.serving("wsgi:app", settings, folder) as server:
            assert server.process
            (worker,) = children(server.process.pid)
            sent = 0
            yield f"| none | {memory(worker, 'VmRSS'):.0f} |"
            while sent < REQUESTS:
                for name in over_http.REQUESTS:
                    output = over_http.wrk(server.address, over_http.script(name, users, folder), SECONDS)
                    sent += int(re.findall(r"(\d+) requests in", output)[0])
                yield f"| {sent:,} | {memory(worker, 'VmRSS'):.0f} |"


if __name__ == "__main__":
    main()
