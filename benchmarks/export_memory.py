"""Measure the memory that an export of many tasks adds to a worker, and the time of imports of 10,000. Linux only.

python -m benchmarks.export_memory                                # SQLite
python -m benchmarks.export_memory --database postgresql:///name  # an empty database of your own
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from tests import servers

PASSWORD = "correct horse battery staple"
IMPORT_ROWS = 10_000
MIB = 1024 * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://…; the default is SQLite")
    parser.add_argument("--tasks", type=int, nargs="+", default=[1_000, 100_000])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"TASKAPI_INSTANCE_PATH": folder, "TASKAPI_RATELIMIT_ENABLED": "false", "TASKAPI_BCRYPT_ROUNDS": "4"}
        settings["TASKAPI_DATABASE_URL"] = options.database
        if options.database:
            subprocess.run([sys.executable, "-m", "flask", "db", "upgrade"], env=os.environ | settings, check=True)
        with servers.serving(settings, Path(folder), workers=1) as address:
            for count in (0, *options.tasks):
                fill(address, count)
        print("| tasks | format | MiB | seconds | MiB before | peak | difference |\n|---|---|---|---|---|---|---|")
        for count in options.tasks:
            for file_format in ("json", "csv", "ics"):
                with servers.Server(settings, Path(folder), "--workers", "1") as server:
                    measure(server, count, file_format)


def fill(address: str, count: int) -> None:
    """Register a user, and import `count` tasks."""
    post(address, "auth/register", credentials_of(count))
    token = sign_in(address, count)
    for start in range(0, count, IMPORT_ROWS):
        rows = [row(number) for number in range(start, min(count, start + IMPORT_ROWS))]
        started = time.perf_counter()
        post(address, "tasks/import.json", {"tasks": rows}, token)
        print(f"import of {len(rows)} tasks after {start}: {time.perf_counter() - started:.2f} s")


def row(number: int) -> dict[str, object]:
    texts = {"title": f"Water plant number {number}", "description": "Twice a week, more in summer. " * 5}
    return texts | {"project": f"Room {number % 50}", "labels": ["home", f"shelf {number % 20}"], "priority": "low"}


def measure(server: servers.Server, count: int, file_format: str) -> None:
    """Export no tasks a few times, then all tasks of a user once, in a new worker."""
    address, (pid,) = server.address, server.workers()
    token_without_tasks, token = sign_in(address, 0), sign_in(address, count)
    for _ in range(5):
        download(address, file_format, token_without_tasks)
    before = memory(pid, "VmRSS")
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # reset the peak
    started = time.perf_counter()
    size = download(address, file_format, token)
    seconds = time.perf_counter() - started
    peak = memory(pid, "VmHWM")
    difference = f"{peak - before:.1f}"
    print(f"| {count} | {file_format} | {size / MIB:.1f} | {seconds:.1f} | {before:.1f} | {peak:.1f} | {difference} |")


def memory(pid: int, field: str) -> float:
    """Return a field of /proc/…/status in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def credentials_of(count: int) -> dict[str, str]:
    """Return the credentials of the user with `count` tasks."""
    return {"username": f"owner-{count}", "password": PASSWORD}


def sign_in(address: str, count: int) -> str:
    token: str = post(address, "auth/login", credentials_of(count))["access_token"]
    return token


def download(address: str, file_format: str, token: str) -> int:
    """Export tasks, and return the size of the file in bytes."""
    request = urllib.request.Request(f"{address}/api/v1/tasks/export.{file_format}")
    request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request) as response:
        return sum(map(len, iter(lambda: response.read(65536), b"")))


def post(address: str, path: str, body: dict[str, object] | dict[str, str], token: str = "") -> dict[str, str]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"{address}/api/v1/{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as response:
        content: dict[str, str] = json.load(response)
        return content


if __name__ == "__main__":
    main()
