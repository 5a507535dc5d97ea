"""The memory of a worker: at rest, and after more and more requests. Linux only.

python -m benchmarks.memory
"""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks import over_http, subject
from benchmarks.export_memory import memory
from benchmarks.in_process import quietly

REQUESTS = 100_000
SECONDS = 8  # of one kind of request, before the next


def main() -> None:
    print(report())


def report() -> str:
    """Return what was measured, as Markdown."""
    return "\n".join(["| requests | MiB resident |", "| --- | --- |", *measure()])


def measure() -> Iterator[str]:
    with subject.environment() as settings:
        folder = Path(settings["TASKAPI_INSTANCE_PATH"])
        with quietly():
            people = subject.people(subject.application(settings, BCRYPT_ROUNDS=4), count=100)
        with over_http.serving("wsgi:app", settings, folder) as server:
            (worker,) = server.workers()
            done = 0
            yield f"| none | {memory(worker, 'VmRSS'):.0f} |"
            while done < REQUESTS:
                for name in over_http.REQUESTS:
                    said = over_http.wrk(server.address, over_http.script(name, people, folder), SECONDS)
                    done += int(re.findall(r"(\d+) requests in", said)[0])
                yield f"| {done:,} | {memory(worker, 'VmRSS'):.0f} |"


if __name__ == "__main__":
    main()
