"""Measure the memory that an import of 16 MiB adds to a worker. Linux only.

python -m benchmarks.import_memory                                # SQLite
python -m benchmarks.import_memory --database postgresql:///name  # an empty database of your own
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmarks.export_memory import MIB, credentials_of, memory, post, sign_in
from tests import servers

BYTES = 16 * MIB
ROWS = 20_000
Rows = Callable[[int], dict[str, object]]
PROSE = "Twice a week, more in summer. "


def prose(number: int) -> dict[str, object]:
    """Return a typical row. A file of the maximum size has 20,000 of them."""
    texts = {"title": f"Water plant number {number}", "description": PROSE * 17}
    return texts | {"project": f"Room {number % 50}", "labels": ["home", f"shelf {number % 20}"], "priority": "low"}


def short(number: int) -> dict[str, object]:
    """Return a row with only a title."""
    return {"title": f"Task {number}"}


def long(text: str) -> Rows:
    """Return rows with a description of the maximum length, made of `text`."""
    return lambda number: {"title": f"Task {number}", "description": (text * 20_000)[:20_000]}


FILES: dict[str, tuple[Rows, int]] = {
    "20,000 tasks": (prose, ROWS),
    "tasks with long descriptions": (long(PROSE), ROWS),
    "the same, with one emoji in each": (lambda number: {**long(PROSE)(number), "title": "\U0001f331"}, ROWS),
    "long descriptions of CJK": (long("\u690d\u7269\u306b\u6c34\u3092"), ROWS),
    "long descriptions that fold to 18 times as much": (long("\ufdfa"), ROWS),
    "refused: 20,001 tasks": (prose, ROWS + 1),
    "refused: a million tasks": (short, 1_000_000),
    "refused: no task has a title": (lambda _: {"description": PROSE * 18}, ROWS),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://…; the default is SQLite")
    options = parser.parse_args()
    print("| file | MiB | status | seconds | MiB added | times the file |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        settings = {"TASKAPI_INSTANCE_PATH": folder, "TASKAPI_RATELIMIT_ENABLED": "false", "TASKAPI_BCRYPT_ROUNDS": "4"}
        settings["TASKAPI_DATABASE_URL"] = options.database
        if options.database:
            subprocess.run([sys.executable, "-m", "flask", "db", "upgrade"], env=os.environ | settings, check=True)
        for number, (description, (row, max_rows)) in enumerate(FILES.items()):
            with servers.Server(settings, Path(folder), "--workers", "1") as server:
                measure(server, number, description, file_of(row, max_rows))


def file_of(row: Rows, max_rows: int) -> bytes:
    """Return a file with `max_rows` rows, or with as many as fit into 16 MiB."""
    rows: list[bytes] = []
    size = 20
    for number in range(max_rows):
        text = json.dumps(row(number), ensure_ascii=False).encode()
        size += len(text) + 1
        if size > BYTES:
            break
        rows.append(text)
    return b'{"tasks":[' + b",".join(rows) + b"]}"


def measure(server: servers.Server, number: int, description: str, body: bytes) -> None:
    """Import a small file a few times, then the large one, in a new worker."""
    address, (pid,) = server.address, server.workers()
    post(address, "auth/register", credentials_of(number))
    token = sign_in(address, number)
    for _ in range(3):
        post(address, "tasks/import.json", {"tasks": [prose(0)] * 10}, token)
    before = memory(pid, "VmRSS")
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # reset the peak
    started = time.perf_counter()
    status = send(address, body, token)
    seconds = time.perf_counter() - started
    added, size = memory(pid, "VmHWM") - before, len(body) / MIB
    print(f"| {description} | {size:.1f} | {status} | {seconds:.1f} | {added:.1f} | {added / size:.1f} |", flush=True)


def send(address: str, body: bytes, token: str) -> int:
    """Import a file, and return the status."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{address}/api/v1/tasks/import.json", body, headers)
    try:
        with urllib.request.urlopen(request) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


if __name__ == "__main__":
    main()
