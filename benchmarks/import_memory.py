"""Measure the memory that an import of 16 MiB adds to a worker. Linux only.

python -m benchmarks.import_memory                                # SQLite
python -m benchmarks.import_memory --database postgresql:///name  # an empty database of your own
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from benchmarks.export_memory import MIB, credentials_of, memory, post, sign_in
from tests import servers

BYTES = 16 * MIB
ROWS = 20_000
TYPES = {"json": "application/json", "csv": "text/csv", "ics": "text/calendar"}
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

TODOIST = "TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE"


def todoist(number: int) -> list[str]:
    """Return a task of Todoist with everything that an import converts."""
    title = f"Water plant number {number} @home @shelf{number % 20}" + " x" * 100 * (number % 2)
    return ["task", title, PROSE * 17, "1", str(1 + number % 4), "Ada (1)", "", "every day", "en", "Europe/Berlin"]


def plain(number: int) -> list[str]:
    """Return a typical row of a German spreadsheet."""
    return [
        f"Pflanze {number} gie\u00dfen",
        PROSE * 17,
        "31.01.2030 09:00",
        f"Zimmer {number % 50}",
        "b\u00fcro,zuhause",
    ]


def csv_file(header: str, row: Callable[[int], list[str]], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """Return a CSV file with ROWS rows."""
    text = StringIO(newline="")
    text.write(header.replace(",", delimiter) + "\r\n")
    csv.writer(text, delimiter=delimiter).writerows(map(row, range(ROWS)))
    return text.getvalue().encode(encoding)[:BYTES]


TABLES: dict[str, Callable[[], bytes]] = {
    "CSV: 20,000 tasks": lambda: csv_file("title,description,due_at,project,labels", plain),
    "CSV of Excel: `;`, Windows-1252": lambda: csv_file(
        "Title,Description,Due At,Project,Labels", plain, ";", "cp1252"
    ),
    "CSV of Excel: tab, UTF-16": lambda: csv_file("title,description,due_at,project,labels", plain, "\t", "utf-16"),
    "CSV of Todoist": lambda: csv_file(TODOIST, todoist),
    "refused CSV: no line break": lambda: b"title\r\n" + b"x" * (BYTES - 7),
    "refused CSV: empty rows of a million columns": lambda: b"title" + b"," * (BYTES - 5),
}


def calendar_file() -> bytes:
    """Return a calendar with ROWS to-dos."""
    todo = (
        "BEGIN:VTODO\r\nUID:{0}\r\nSUMMARY:Water plant number {0}\r\nDESCRIPTION:{1}\r\nPRIORITY:5\r\n"
        "DUE;TZID=Europe/Berlin:20300131T090000\r\nCATEGORIES:home,shelf {2}\r\nEND:VTODO\r\n"
    )
    todos = "".join(todo.format(number, PROSE * 17, number % 20) for number in range(ROWS))
    return f"BEGIN:VCALENDAR\r\n{todos}END:VCALENDAR\r\n".encode()


CALENDARS: dict[str, Callable[[], bytes]] = {
    "calendar: 20,000 to-dos": calendar_file,
    "calendar: 20,000 to-dos with a rule of repetition": lambda: calendar_file().replace(
        b"PRIORITY:5", b"PRIORITY:5\r\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TH"
    ),
    "refused calendar: no line break": lambda: b"BEGIN:VCALENDAR\r\n" + b"x" * (BYTES - 17),
    "refused calendar: one line of many folds": lambda: b"BEGIN:VCALENDAR\r\nX:" + b"a\r\n " * (BYTES // 5),
    "calendar without to-dos": lambda: b"BEGIN:VCALENDAR\r\n" + b"X:y\r\n" * (BYTES // 6) + b"END:VCALENDAR\r\n",
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
        for number, (description, write) in enumerate(TABLES.items(), len(FILES)):
            with servers.Server(settings, Path(folder), "--workers", "1") as server:
                measure(server, number, description, write(), "csv")
        for number, (description, write) in enumerate(CALENDARS.items(), len(FILES) + len(TABLES)):
            with servers.Server(settings, Path(folder), "--workers", "1") as server:
                measure(server, number, description, write(), "ics")


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


def measure(server: servers.Server, number: int, description: str, body: bytes, form: str = "json") -> None:
    """Import a small file a few times, then the large one, in a new worker."""
    address, (pid,) = server.address, server.workers()
    post(address, "auth/register", credentials_of(number))
    token = sign_in(address, number)
    for _ in range(3):
        post(address, "tasks/import.json", {"tasks": [prose(0)] * 10}, token)
    send(address, body[:0], token, form)
    before = memory(pid, "VmRSS")
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # reset the peak
    started = time.perf_counter()
    status = send(address, body, token, form)
    seconds = time.perf_counter() - started
    added, size = memory(pid, "VmHWM") - before, len(body) / MIB
    print(f"| {description} | {size:.1f} | {status} | {seconds:.1f} | {added:.1f} | {added / size:.1f} |", flush=True)


def send(address: str, body: bytes, token: str, form: str) -> int:
    """Import a file, and return the status."""
    headers = {"Content-Type": TYPES[form], "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{address}/api/v1/tasks/import.{form}", body, headers)
    try:
        with urllib.request.urlopen(request) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


if __name__ == "__main__":
    main()
