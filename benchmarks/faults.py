"""Cause each fault of tests/faults, for longer than the tests do, and print a table of the results.

It starts its own servers: PostgreSQL, Redis and nginx must be installed. Only root can mount the small disk.

python -m benchmarks.faults              # all
python -m benchmarks.faults clocks disk  # only those whose name contains one of these words
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, fields
from functools import partial
from importlib.metadata import version
from pathlib import Path

from tests.faults import scenarios
from tests.faults.load import Figures
from tests.servers import ROOT, Postgres, Redis


def main() -> None:
    print(*describe_environment(), "", sep="\n")
    for line in report(sys.argv[1:]):
        print(line, flush=True)


def report(words: Sequence[str] = ()) -> Iterator[str]:
    """Yield the rows of the table: the faults whose name contains one of the words, by default all."""
    yield "| fault | " + " | ".join(field.name.replace("_", " ") for field in fields(Figures)) + " | duration |"
    yield "| --- |" + " ---: |" * (len(fields(Figures)) + 1)
    with servers() as (postgres, redis):
        for name, run in faults(postgres, redis):
            if not words or any(word in name for word in words):
                yield row(name, run)


def faults(postgres: Postgres, redis: Redis) -> Iterator[tuple[str, Callable[[Path], Figures]]]:
    yield "a worker killed every 4 s", partial(scenarios.workers_killed, postgres, kills=15)
    yield "SIGTERM and start, five times", partial(scenarios.stopped_and_started, postgres, times=5)
    for how in ("fast", "immediate"):
        yield f"PostgreSQL restarted, {how}", partial(scenarios.postgres_restarted, postgres, how=how, down_seconds=5)
    for patience in (3, 10):
        frozen = partial(scenarios.postgres_frozen, postgres, seconds=30, patience=patience)
        yield f"PostgreSQL frozen for 30 s, given up after {patience} s", frozen
    yield "PostgreSQL reads only for 10 s", partial(scenarios.postgres_read_only, postgres, seconds=10)
    yield "Redis killed for 10 s, then empty", partial(scenarios.redis_killed, postgres, redis, seconds=10)
    yield "Redis frozen for 10 s", partial(scenarios.redis_frozen, postgres, redis, seconds=10)
    yield "4 × 16 writers on SQLite for 20 s", partial(scenarios.many_writers_on_sqlite, seconds=20)
    yield "disk full for 10 s", on_small_disk
    yield "20 rolling restarts", partial(scenarios.rolling_restarts, postgres, restarts=20, drain_seconds=5)
    yield "64 slow senders for 20 s", partial(scenarios.slow_senders, postgres, seconds=20)
    yield "clocks 5 s apart for 20 s", partial(scenarios.clocks_apart, postgres, seconds=20)


def on_small_disk(folder: Path) -> Figures:
    with scenarios.small_disk(folder) as disk:
        return scenarios.disk_full(disk, folder, seconds=10)


def row(name: str, run: Callable[[Path], Figures]) -> str:
    """Cause a fault, and return its row."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            figures = [
                f"{figure:.1f}" if isinstance(figure, float) else figure for figure in astuple(run(Path(folder)))
            ]
        except (TimeoutError, subprocess.CalledProcessError) as error:
            figures = [error]
    return f"| {name} | {' | '.join(map(str, figures))} | {time.monotonic() - started:.0f} s |"


@contextmanager
def servers() -> Iterator[tuple[Postgres, Redis]]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        postgres, redis = Postgres(), Redis(Path(folder))
        for server, end in ((postgres, postgres.remove), (redis, redis.kill)):
            running.callback(end)
            server.start()
        yield postgres, redis


def describe_environment() -> list[str]:
    """Return the versions of the code and of the programs, and the number of CPU cores."""
    programs = (["git", "describe", "--always", "--dirty"], [Postgres.program("postgres"), "--version"])
    programs += (["redis-server", "--version"], ["uname", "-srm"])
    outputs = [subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True) for words in programs]
    lines = [output.stdout.strip() for output in outputs]
    return [*lines, f"Python {platform.python_version()}", f"granian {version('granian')}", f"{os.cpu_count()} cores"]


if __name__ == "__main__":
    main()
