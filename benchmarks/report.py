"""Measure, and write what came out into docs/performance.md, part by part. Best while nothing else is running.

python -m benchmarks.report --database postgresql:///name --redis redis://127.0.0.1:6379/15
python -m benchmarks.report in-process growth …                 # these parts alone
"""

import argparse
import os
import platform
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import psycopg

from benchmarks import growth, in_process, memory, over_http, profiles, sign_in, subject

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
PACKAGES = ("flask", "sqlalchemy", "psycopg", "marshmallow", "orjson", "pyjwt", "bcrypt", "granian")


class Places(NamedTuple):
    """Where PostgreSQL and Redis are; empty: that part of a table is left out."""

    database: str
    redis: str

    def all(self) -> list[tuple[str, str]]:
        """Return the pairs of database and Redis to measure."""
        return [("", "")] + [(self.database, redis) for redis in ("", self.redis) if self.database]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="by default all")
    parser.add_argument("--database", default="", help="postgresql://…, whose role may create databases")
    parser.add_argument("--redis", default="")
    options = parser.parse_args()
    for name in options.parts or PARTS:
        print(name, flush=True)
        write(name, PARTS[name](Places(options.database, options.redis)), options.database)


def write(name: str, measured: str, database: str) -> None:
    """Put what was measured in the place of what was there, with what it was measured on."""
    part = f"<!-- {name} -->\n{stamp(database)}\n\n{measured}\n<!-- end -->"
    text = re.sub(rf"<!-- {name} -->.*?<!-- end -->", lambda _: part, DOCUMENT.read_text(), flags=re.DOTALL)
    assert part in text, f"{DOCUMENT} has no place for {name}"
    DOCUMENT.write_text(text)


def stamp(database: str) -> str:
    """Say when, where and of what."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    engines = f"SQLite {sqlite3.sqlite_version}"
    if database:
        with psycopg.connect(database) as connection:
            number = connection.info.server_version
            engines += f", PostgreSQL {number // 10000}.{number % 10000}"
    machine = f"{os.cpu_count()} cores, {processor()}, {platform.system()}, Python {platform.python_version()}"
    return f"_{datetime.now(UTC):%Y-%m-%d}, commit {subject.revision()}; {machine}; {engines}; {packages}._"


def processor() -> str:
    """Return the processor's name, where Linux tells it."""
    told = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", told.read_text()) if told.exists() else None
    return found[1] if found else platform.processor()


def of_in_process(places: Places) -> str:
    """Return the table of calls in process."""
    measured = {about(*place): in_process.measure(*place) for place in places.all()}
    return across(measured, in_process.share, "{:.1%}", lambda times: f"{in_process.median(times):,.0f} µs")


def of_http(places: Places) -> str:
    """Return the table of requests over HTTP."""
    measured = {about(*place): over_http.measure(*place) for place in places.all()}
    return across(measured, in_process.share, "{:.2f}", lambda times: f"{1e6 / in_process.median(times):,.0f}/s")


def across(
    measured: dict[str, dict[str, list[float]]],
    share: Callable[[dict[str, list[float]], str], float],
    form: str,
    say: Callable[[list[float]], str],
) -> str:
    """Return one table of several measurements: each what it took, and its share of the bare route's rate."""
    lines = ["| | " + " | ".join(measured) + " |", "| --- |" + " --- |" * len(measured)]
    for name in next(iter(measured.values())):
        cells = (f"{say(times[name])}, {form.format(share(times, name))}" for times in measured.values())
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def about(database: str, redis: str) -> str:
    """Name a pair."""
    return ("PostgreSQL" if database else "SQLite") + (" and Redis" if redis else "")


def of_growth(places: Places) -> str:
    """Return the tables of growth on each database."""
    databases = ["", *filter(None, [places.database])]
    return "\n\n".join(f"On {about(database, '')}:\n\n{growth.report(database)}" for database in databases)


PARTS: dict[str, Callable[[Places], str]] = {
    "in-process": of_in_process,
    "over-http": of_http,
    "sign-in": lambda _: sign_in.report(),
    "growth": of_growth,
    "memory": lambda _: memory.report(),
    "profiles": lambda _: profiles.report(),
}

if __name__ == "__main__":
    main()
