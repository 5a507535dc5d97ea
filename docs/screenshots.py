"""Pictures of the browser client for docs/images/: `python -m docs.screenshots`, with a Chromium on the machine."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from flask.testing import FlaskClient
from playwright.sync_api import BrowserContext, sync_playwright
from werkzeug.serving import make_server

from taskapi import create_app
from taskapi.database import now

IMAGES = Path(__file__).parent / "images"
CREDENTIALS = {"username": "ada", "password": "analytical engine no 9"}
SCREENS = {"desktop": (1280, 800), "phone": (390, 780)}
PROJECTS = {"Garden": "#2f9e62", "Home": "#d9822b", "Studio": "#4361d8", "Travel": "#c2417c"}
LABELS = {"calls": "#2b8a9e", "errands": "#8a6d3b", "reading": "#7a4fc9", "waiting": "#868e96"}
OPEN = "Review the draft on the new website"
DESCRIPTION = "Comments in the margin, a verdict on top.\nAsk about the sign-in page."
SUBTASKS = {"Read the draft": "done", "Check the screenshots": "todo", "Write the verdict": "todo"}
TASKS: tuple[
    tuple[str, str | None, str, int | None, list[str]], ...
] = (  # title, project, priority, days ahead, labels
    ("Send the figures for the survey", "Studio", "high", -2, ["calls"]),
    ("Water the seedlings", "Garden", "none", 0, []),
    ("Pay the electricity bill", "Home", "none", 0, ["errands"]),
    ("Call Grandma", None, "none", 0, ["calls"]),
    ("Book a train to Lisbon", "Travel", "medium", 1, ["errands"]),
    ("Plan the housewarming", "Home", "low", 4, []),
    ("Read “Walden”", None, "none", None, ["reading"]),
    ("Take the lease to the notary", "Home", "none", 12, ["waiting"]),
    ("Repair the garden gate", "Garden", "medium", None, []),
)


@contextmanager
def served(folder: str) -> Iterator[tuple[str, FlaskClient]]:
    """Serve an application that nobody has used; yields its address and a client that is signed in."""
    app = create_app({"INSTANCE_PATH": folder, "LOG_LEVEL": "error"})
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    client = app.test_client()
    client.post("/api/v1/auth/register", json={**CREDENTIALS, "name": "Ada"})
    token = client.post("/api/v1/auth/login", json=CREDENTIALS).json["access_token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    yield f"http://127.0.0.1:{server.server_port}", client
    server.shutdown()


def fill(client: FlaskClient) -> str:
    """Give Ada what the pictures show; returns the id of the task that is open in them."""

    def add(kind: str, **values: Any) -> str:
        return str(client.post(f"/api/v1/{kind}", json=values).json["id"])

    projects = {name: add("projects", name=name, color=color) for name, color in PROJECTS.items()}
    for name, color in LABELS.items():
        add("labels", name=name, color=color)
    for title, project, priority, days, labels in TASKS:
        due = None if days is None else str((now() + timedelta(days=days)).date())
        add(
            "tasks", title=title, project_id=projects.get(project or ""), priority=priority, due_date=due, labels=labels
        )
    about = {"description": DESCRIPTION, "due_date": str(now().date()), "labels": ["reading"]}
    task = add("tasks", title=OPEN, status="in_progress", priority="urgent", project_id=projects["Studio"], **about)
    for title, status in SUBTASKS.items():
        add("tasks", title=title, status=status, parent_id=task, project_id=projects["Studio"])
    return task


def take(context: BrowserContext, address: str, task: str) -> None:
    """Take a picture of each size in each scheme."""
    page = context.new_page()
    for screen, (width, height) in SCREENS.items():
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.goto("about:blank")
            page.goto(f"{address}/#/today{f'?task={task}' if screen == 'desktop' else ''}")
            page.get_by_role("link", name="Water the seedlings").wait_for()
            page.wait_for_load_state("networkidle")
            page.screenshot(path=IMAGES / f"{screen}-{scheme}.png")


def main() -> None:
    """Take all pictures."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("Chromium is not there.")
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, served(folder) as (address, client), sync_playwright() as playwright:
        task = fill(client)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(locale="en-GB")
        context.request.post(f"{address}/api/v1/auth/login", data={**CREDENTIALS, "cookies": True})
        take(context, address, task)
        browser.close()


if __name__ == "__main__":
    main()
