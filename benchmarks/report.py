"""Run the benchmarks, and write the results into the pages that show them. Run it while nothing else is running.

python -m benchmarks.report --database postgresql:///name --redis redis://127.0.0.1:6379/15
python -m benchmarks.report in-process growth …                 # only these parts
"""

import argparse
import os
import platform
import re
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psycopg

from benchmarks import faults, growth, in_process, memory, mixed, over_http, profiles, sign_in, subject
from benchmarks.peers import __main__ as peers

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {"faults": "reliability.md"}  # of the other parts: performance.md
PACKAGES = ("flask", "sqlalchemy", "psycopg", "marshmallow", "orjson", "pyjwt", "bcrypt", "granian")


class Services(NamedTuple):
    """The URLs of PostgreSQL and Redis; empty: their columns are omitted."""

    database: str
    redis: str

    def databases(self) -> list[str]:
        """Return the databases to measure."""
        return ["", *filter(None, [self.database])]

    def all(self) -> list[tuple[str, str]]:
        """Return the pairs of database and Redis to measure."""
        return [("", "")] + [(self.database, redis) for redis in ("", self.redis) if self.database]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="the default is all")
    parser.add_argument("--database", default="", help="postgresql://…; its role may create databases")
    parser.add_argument("--redis", default="")
    options = parser.parse_args()
    for name in options.parts or PARTS:
        print(name, flush=True)
        write(name, PARTS[name](Services(options.database, options.redis)), options.database)


def write(name: str, results: str, database: str) -> None:
    """Replace a part of the page by new results and a description of the machine."""
    document = DOCS / PAGES.get(name, "performance.md")
    part = f"<!-- {name} -->\n{describe_environment(database)}\n\n{results}\n<!-- end -->"
    text = re.sub(rf"<!-- {name} -->.*?<!-- end -->", lambda _: part, document.read_text(), flags=re.DOTALL)
    assert part in text, f"{document} has no place for {name}"
    document.write_text(text)


def describe_environment(database: str) -> str:
    """Return the date, the commit, the machine and the versions of a measurement."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    engines = f"SQLite {sqlite3.sqlite_version}"
    if database:
        with psycopg.connect(database) as connection:
            number = connection.info.server_version
            engines += f", PostgreSQL {number // 10000}.{number % 10000}"
    machine = f"{os.cpu_count()} cores, {processor_name()}, {platform.system()}, Python {platform.python_version()}"
    return f"_{datetime.now(UTC):%Y-%m-%d}, commit {subject.revision()}; {machine}; {engines}; {packages}._"


def processor_name() -> str:
    """Return the name of the processor; on Linux the exact model."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    return found[1] if found else platform.processor()


def measure_in_process(services: Services) -> str:
    """Return the table of calls in process, and the table of the CPU time of the application on each database."""
    results = {database_name(*urls): in_process.measure(*urls) for urls in services.all()}
    times = results_table(results, in_process.share, "{:.1%}", lambda times: f"{in_process.median(times):,.0f} µs")
    return f"{times}\n\n{cpu_table(services)}"


def cpu_table(services: Services) -> str:
    """Return a table of the CPU time of the application alone, and of its rate on one core relative to SQLite."""
    clock = time.process_time
    found = {database_name(*urls): in_process.measure(*urls, clock=clock) for urls in services.all()}
    lines = ["| CPU time of the application | " + " | ".join(found) + " |", "| --- |" + " --- |" * len(found)]
    for name in ("list", "get", "create"):
        medians = [median(times[name]) for times in found.values()]
        cells = (f"{each:,.0f} µs, × {medians[0] / each:.2f}" for each in medians)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measure_over_http(services: Services) -> str:
    """Return the table of requests over HTTP."""
    results = {database_name(*urls): over_http.measure(*urls) for urls in services.all()}
    return results_table(results, in_process.share, "{:.2f}", lambda times: f"{1e6 / in_process.median(times):,.0f}/s")


def results_table(
    results: dict[str, dict[str, list[float]]],
    share: Callable[[dict[str, list[float]], str], float],
    share_format: str,
    format_times: Callable[[list[float]], str],
) -> str:
    """Return a table with a column for each database: the time or rate, and the rate relative to the bare route."""
    lines = ["| | " + " | ".join(results) + " |", "| --- |" + " --- |" * len(results)]
    for name in next(iter(results.values())):
        row = ((format_times(times[name]), share_format.format(share(times, name))) for times in results.values())
        lines.append(f"| {name} | " + " | ".join(f"{time}, {rate}" for time, rate in row) + " |")
    return "\n".join(lines)


def database_name(database: str, redis: str) -> str:
    """Return the heading of a column."""
    return ("PostgreSQL" if database else "SQLite") + (" and Redis" if redis else "")


def measure_growth(services: Services) -> str:
    """Return the tables of growth on each database."""
    databases = services.databases()
    return "\n\n".join(f"On {database_name(database, '')}:\n\n{growth.report(database)}" for database in databases)


PARTS: dict[str, Callable[[Services], str]] = {
    "in-process": measure_in_process,
    "over-http": measure_over_http,
    "sign-in": lambda _: sign_in.report(),
    "mixed": lambda services: mixed.report(services.databases()),
    "growth": measure_growth,
    "memory": lambda _: memory.report(),
    "profiles": lambda _: profiles.report(),
    "peers": lambda _: peers.report([*peers.PEERS]),
    "faults": lambda _: "\n".join(faults.report()),
}

if __name__ == "__main__":
    main()
