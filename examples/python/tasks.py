"""A command-line program for tasks. It stays signed in, and keeps a copy of all tasks that it can update quickly.

    python tasks.py login ada
    python tasks.py add "Water the plants" --due 2030-06-01
    python tasks.py list
    python tasks.py done plants
    python tasks.py copy tasks.json
    python tasks.py logout

TASKAPI_URL is the address of the API. Requires the package of clients/python.
"""

import argparse
import json
import os
import sys
from datetime import date
from getpass import getpass
from pathlib import Path

from taskapi_client import FileStore, ProblemError, SignedOut, TaskApi, TaskApiError

TOKENS = Path("~/.config/taskapi/tokens.json")


def add(api: TaskApi, title: str, due: date | None) -> None:
    """Create a task."""
    task = api.tasks.create(title=title, due_date=due)
    print(f"Added: {task.title}")


def show(api: TaskApi) -> None:
    """Print the open tasks, those that are due first at the top."""
    for task in api.tasks.list(status=["todo", "in_progress"], sort="due", limit=100):
        print(task.due_date or "no date   ", task.title)


def complete(api: TaskApi, words: str) -> None:
    """Complete the open tasks with these words."""
    for task in api.tasks.list(q=words, status=["todo", "in_progress"]):
        api.tasks.update(task, status="done")
        print(f"Done: {task.title}")


def copy(api: TaskApi, file: Path) -> None:
    """Update a copy of all tasks. Only what has changed since the last time is read."""
    stored = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"cursor": None, "tasks": {}}
    tasks, count, has_more = stored["tasks"], 0, True
    while has_more:
        try:
            page = api.changes.list(since=stored["cursor"])
        except ProblemError as error:
            if error.code != "cursor_expired":
                raise
            tasks, stored["cursor"] = {}, None  # start again
            continue
        for change in page.changes:
            if change.type == "task":
                count += 1
                tasks.pop(str(change.id), None)
                if change.data is not None:
                    tasks[str(change.id)] = change.data.model_dump(mode="json")
        stored["cursor"], has_more = page.cursor, page.has_more
    file.write_text(json.dumps({"cursor": stored["cursor"], "tasks": tasks}), encoding="utf-8")
    print(f"{len(tasks)} tasks, {count} changes")


def run(api: TaskApi, options: argparse.Namespace) -> None:
    """Run a command."""
    match options.command:
        case "login":
            api.login(options.username, getpass())
        case "add":
            add(api, options.title, options.due)
        case "list":
            show(api)
        case "done":
            complete(api, options.words)
        case "copy":
            copy(api, options.file)
        case "logout":
            api.logout()


def main() -> None:
    """Read the command line, and explain errors."""
    parser = argparse.ArgumentParser(description="Manage your tasks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("login").add_argument("username")
    adding = commands.add_parser("add")
    adding.add_argument("title")
    adding.add_argument("--due", type=date.fromisoformat)
    commands.add_parser("list")
    commands.add_parser("done").add_argument("words")
    commands.add_parser("copy").add_argument("file", type=Path)
    commands.add_parser("logout")
    options = parser.parse_args()
    with TaskApi(os.environ.get("TASKAPI_URL", "http://127.0.0.1:8000"), store=FileStore(TOKENS)) as api:
        try:
            run(api, options)
        except SignedOut:
            sys.exit("Sign in first: python tasks.py login NAME")
        except TaskApiError as error:
            sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
