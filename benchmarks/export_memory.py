"""What an export of many tasks takes of a worker's memory, and how long an import of 10,000 takes. Linux only.

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
AT_ONCE = 10_000
MIB = 1024 * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://…; SQLite without")
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
        print("| tasks | form | MiB | seconds | MiB resident before | at most | more |\n|---|---|---|---|---|---|---|")
        for count in options.tasks:
            for form in ("json", "csv", "ics"):
                with servers.Server(settings, Path(folder), "--workers", "1") as server:
                    measure(server, count, form)


def fill(address: str, count: int) -> None:
    post(address, "auth/register", person(count))
    token = sign_in(address, count)
    for start in range(0, count, AT_ONCE):
        rows = [row(number) for number in range(start, min(count, start + AT_ONCE))]
        began = time.perf_counter()
        post(address, "tasks/import.json", {"tasks": rows}, token)
        print(f"import of {len(rows)} behind {start}: {time.perf_counter() - began:.2f} s")


def row(number: int) -> dict[str, object]:
    words = {"title": f"Water plant number {number}", "description": "Twice a week, more in summer. " * 5}
    return words | {"project": f"Room {number % 50}", "labels": ["home", f"shelf {number % 20}"], "priority": "low"}


def measure(server: servers.Server, count: int, form: str) -> None:
    """Export nothing a few times, then everything once, in a worker that did no more before."""
    address, (pid,) = server.address, server.workers()
    nothing, all_of_it = sign_in(address, 0), sign_in(address, count)
    for _ in range(5):
        download(address, form, nothing)
    before = memory(pid, "VmRSS")
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the peak
    began = time.perf_counter()
    size = download(address, form, all_of_it)
    seconds = time.perf_counter() - began
    peak = memory(pid, "VmHWM")
    print(f"| {count} | {form} | {size / MIB:.1f} | {seconds:.1f} | {before:.1f} | {peak:.1f} | {peak - before:.1f} |")


def memory(pid: int, field: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def person(count: int) -> dict[str, str]:
    return {"username": f"owner-{count}", "password": PASSWORD}


def sign_in(address: str, count: int) -> str:
    token: str = post(address, "auth/login", person(count))["access_token"]
    return token


def download(address: str, form: str, token: str) -> int:
    request = urllib.request.Request(f"{address}/api/v1/tasks/export.{form}")
    request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request) as answer:
        return sum(map(len, iter(lambda: answer.read(65536), b"")))


def post(address: str, path: str, body: dict[str, object] | dict[str, str], token: str = "") -> dict[str, str]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"{address}/api/v1/{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        found: dict[str, str] = json.load(answer)
        return found


if __name__ == "__main__":
    main()
