"""A user who calls every operation on owned rows, and checks each response against a copy of what must be there."""

import random
import time
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient

TASKS, PROJECTS, LABELS = "/api/v1/tasks", "/api/v1/projects", "/api/v1/labels"


RETRIES = 1000  # of reading all rows while requests get 503


class UnavailableError(Exception):
    """A request was answered with 503: the copy may be out of date by that request."""


class User:
    """A client with the rows that its user must have. `calls` counts the requests, `wrong` lists wrong responses."""

    def __init__(self, client: FlaskClient, seed: int) -> None:
        self.client = client
        self.random = random.Random(seed)
        self.tasks: dict[str, dict[str, Any]] = {}
        self.trash: set[str] = set()
        self.projects: dict[str, str] = {}
        self.labels: set[str] = set()
        self.cursor: str | None = None
        self.feed: dict[str, Any] = {}
        self.calls = self.unavailable = self.shared = 0
        self.wrong: list[str] = []

    def act(self) -> None:
        """Call one operation, chosen by chance. After a 503, read again what is there."""
        try:
            self.random.choice(self.ACTIONS)(self)
        except UnavailableError:
            self.unavailable += 1
            self._reload()

    def call(self, method: str, url: str, expected: int, **options: Any) -> Any:
        """Send a request; a wrong status is noted."""
        response = self._send(method, url, options)
        while response.status_code == 503 and "Too many" in response.text[:300]:  # exports or batches run already
            time.sleep(0.05)
            response = self._send(method, url, options)
        if response.status_code == 503:
            raise UnavailableError
        if response.status_code != expected:
            self.wrong.append(f"{method} {url}: {response.status_code} {response.text[:200]}")
            raise UnavailableError
        return response

    def check(self, right: bool, what: str) -> None:
        """Note what is wrong."""
        if not right:
            self.wrong.append(what)

    def add(self) -> None:
        """Add a task, in a project or below a task, with labels."""
        names = self.random.sample(["home", "garden", "work"], self.random.randrange(3))
        data: dict[str, Any] = {"title": f"Task {self.random.random()}", "labels": names}
        if self.projects and self.random.random() < 0.5:
            data["project_id"] = self.random.choice([*self.projects])
        made = self.call("POST", TASKS, 201, json=data).json
        self.labels |= {*names}
        self._put(made)

    def add_project(self) -> None:
        """Add a project."""
        name = f"Project {self.random.random()}"
        made = self.call("POST", PROJECTS, 201, json={"name": name}).json
        self.projects[made["id"]] = name

    def show(self) -> None:
        """Show a task."""
        if self.tasks:
            task_id = self.random.choice([*self.tasks])
            shown = self.call("GET", f"{TASKS}/{task_id}", 200).json
            self.check(shown == self.tasks[task_id], f"GET {task_id}: {shown} for {self.tasks[task_id]}")

    def change(self) -> None:
        """Change a task, its labels and its status."""
        if self.tasks:
            task_id = self.random.choice([*self.tasks])
            changes = {"status": self.random.choice(["todo", "done"]), "labels": self.random.sample(["home", "new"], 1)}
            changed = self.call("PATCH", f"{TASKS}/{task_id}", 200, json=changes).json
            self.check(changed["labels"] == changes["labels"], f"labels of {task_id}")
            self.labels |= {*changes["labels"]}
            self._put(changed)
            if changed["recurrence"]:  # a task that recurs adds the next one when it is done, and removes it again
                self._reload()

    def move_to_trash(self) -> None:
        """Move a task to the trash, and restore it half of the time."""
        if self.tasks:
            task_id = self.random.choice([*self.tasks])
            self.call("DELETE", f"{TASKS}/{task_id}", 204)
            self.trash.add(task_id)
            del self.tasks[task_id]
            if self.random.random() < 0.5:
                self._put(self.call("POST", f"{TASKS}/{task_id}/restore", 200).json)
                self.trash.discard(task_id)

    def delete(self) -> None:
        """Delete a task permanently."""
        if self.trash:
            self.call("DELETE", f"{TASKS}/{self.trash.pop()}?permanent=true", 204)

    def batch(self) -> None:
        """Add two tasks and change one, in one request."""
        operations: list[dict[str, Any]] = [{"op": "create", "data": {"title": f"Batch {i}"}} for i in range(2)]
        if self.tasks:
            operations.append({"op": "update", "id": next(iter(self.tasks)), "data": {"priority": "high"}})
        for result in self.call("POST", f"{TASKS}/batch", 200, json={"operations": operations}).json["results"]:
            self._put(result["data"])

    def list_tasks(self) -> None:
        """List the tasks, page by page, and by filters."""
        self.check(self._listed("limit=7") == {*self.tasks}, "the list of tasks")
        done = {task_id for task_id, task in self.tasks.items() if task["status"] == "done"}
        self.check(self._listed("status=done&sort=title") == done, "the tasks that are done")
        home = {task_id for task_id, task in self.tasks.items() if "home" in task["labels"]}
        self.check(self._listed("label=home") == home, "the tasks with a label")
        bare = {task_id for task_id, task in self.tasks.items() if not task["labels"]}
        self.check(self._listed("without=labels&limit=100") == bare, "the tasks without labels")
        batches = {task_id for task_id, task in self.tasks.items() if "Batch" in task["title"]}
        self.check(self._listed("q=batch&limit=100") == batches, "the search")
        self.check(self._listed("deleted=true&limit=100") == self.trash, "the trash")

    def count(self) -> None:
        """Compare the counts of the summary, of projects and of labels."""
        by_status = self.call("GET", f"{TASKS}/summary", 200).json["by_status"]
        self.check(sum(by_status.values()) == len(self.tasks), f"the summary {by_status}")
        for project in self.call("GET", f"{PROJECTS}?limit=100", 200).json["items"]:
            number = sum(task["project_id"] == project["id"] for task in self.tasks.values())
            self.check(sum(project["task_counts"].values()) == number, f"the counts of {project}")
        labels = self.call("GET", LABELS, 200).json["items"]
        self.check({label["name"] for label in labels} == self.labels, "the labels")
        for label in labels:
            number = sum(label["name"] in task["labels"] for task in self.tasks.values())
            self.check(label["task_count"] == number, f"the count of {label}")

    def synchronize(self) -> None:
        """Read the change feed, and compare the copy that it makes."""
        more = True
        while more:
            since = f"?since={self.cursor}" if self.cursor else ""
            page = self.call("GET", f"/api/v1/changes{since}", 200).json
            for change in page["changes"]:
                if change["type"] == "task":
                    self.feed[change["id"]] = change["data"]
            self.cursor, more = page["cursor"], page["has_more"]
        copy = {task_id: task for task_id, task in self.feed.items() if task}
        self.check(copy == self.tasks, f"the copy has {len(copy)} tasks of {len(self.tasks)}")

    def export(self) -> None:
        """Export in each format, and import a task."""
        exported = self.call("GET", f"{TASKS}/export.json", 200).json["tasks"]
        self.check({task["id"] for task in exported} == {*self.tasks}, "the export")
        self.call("GET", f"{TASKS}/export.csv", 200)
        self.call("GET", f"{TASKS}/export.ics", 200)
        account = self.call("GET", "/api/v1/me/export", 200).json
        self.check(len(account["tasks"]) == len(self.tasks) + len(self.trash), "the export of the account")
        file = {"tasks": [{"title": "Imported", "labels": ["imported"], "project": None}]}
        self.call("POST", f"{TASKS}/import.json", 200, json=file)
        self._reload()

    def order(self) -> None:
        """Move a task behind another of its group, and compare the order of the group."""
        bare = [task for task in self.tasks.values() if task["project_id"] is task["parent_id"] is None]
        if len(bare) > 1:
            moved, place = self.random.sample(bare, 2)
            self._put(self.call("POST", f"{TASKS}/{moved['id']}/move", 200, json={"after": place["id"]}).json)
            shown = self._pages("sort=position&without=project&without=parent&limit=100")
            right = sorted((self.tasks[task["id"]] for task in bare), key=lambda task: task["position"])
            self.check(shown == [task["id"] for task in right], "the order by position")

    def nest(self) -> None:
        """Add a task with two subtasks, compare their counts, and delete all three."""
        parent = self.call("POST", TASKS, 201, json={"title": "Parent"}).json["id"]
        for status in ("todo", "done"):
            self.call("POST", TASKS, 201, json={"title": "Child", "parent_id": parent, "status": status})
        counts = self.call("GET", f"{TASKS}/subtask-counts?task_id={parent}", 200).json["items"]
        self.check(counts == [{"task_id": parent, "done": 1, "total": 2}], f"the counts of subtasks {counts}")
        self.call("DELETE", f"{TASKS}/{parent}?permanent=true", 204)
        self._reload()

    def recur(self) -> None:
        """Complete a task that recurs and has a reminder, and compare the reminders."""
        data = {"title": "Again", "due_date": "2090-01-31", "recurrence": "FREQ=WEEKLY", "reminders": ["P1D"]}
        made = self.call("POST", TASKS, 201, json=data).json
        done = self.call("PATCH", f"{TASKS}/{made['id']}", 200, json={"status": "done"}).json
        self._put(done)
        self._put(self.call("GET", f"{TASKS}/{done['next_id']}", 200).json)
        waiting = {task["id"] for task in self.tasks.values() if task["reminders"] and task["status"] == "todo"}
        listed = self.call("GET", "/api/v1/reminders?limit=100", 200).json["items"]
        self.check({each["task_id"] for each in listed} == waiting, f"{len(listed)} reminders for {len(waiting)}")

    def change_all(self) -> None:
        """Change all tasks with a label, empty the trash, and delete and restore the label."""
        number = sum("home" in task["labels"] for task in self.tasks.values())
        count = self.call("GET", f"{TASKS}/count?label=home", 200).json["count"]
        self.check(count == number, f"{count} tasks with a label for {number}")
        change = {"op": "update", "count": count, "data": {"priority": "low"}}
        self.call("POST", f"{TASKS}/bulk?label=home", 200, json={"change": change})
        self.call("DELETE", "/api/v1/trash", 204)
        self._reload()
        changed = [task["priority"] for task in self.tasks.values() if "home" in task["labels"]]
        self.check((changed, self.trash) == (["low"] * number, set()), "the change of all tasks, and the empty trash")
        for label in self.call("GET", f"{LABELS}?limit=100", 200).json["items"]:
            if label["name"] == "home":
                self.call("DELETE", f"{LABELS}/{label['id']}", 204)
                self.call("POST", f"{LABELS}/{label['id']}/restore", 200)
        self._reload()
        self.check(sum("home" in task["labels"] for task in self.tasks.values()) == number, "the restored label")

    def archive(self) -> None:
        """Archive a project, and delete and restore it."""
        if self.projects:
            url = f"{PROJECTS}/{self.random.choice([*self.projects])}"
            before = {*self.tasks}
            self.call("PATCH", url, 200, json={"archived": True})
            self.call("PATCH", url, 200, json={"archived": False})
            self.call("DELETE", url, 204)
            self.call("POST", f"{url}/restore", 200)
            self._reload()
            self.check({*self.tasks} == before, "the tasks of the restored project")

    def share(self) -> None:
        """Read a calendar and the tasks by secrets of their own, until they are deleted. Few may be made in an hour."""
        self.shared += 1
        if self.shared > 5:
            return
        calendar = self.call("POST", "/api/v1/me/calendars", 201, json={"name": "Mine"}).json
        path = urlsplit(calendar["url"]).path
        self.call("GET", path, 200)
        self.call("DELETE", f"/api/v1/me/calendars/{calendar['id']}", 204)
        self.call("GET", path, 404)
        body = {"name": "Script", "permissions": ["task:read"]}
        token = self.call("POST", "/api/v1/me/tokens", 201, json=body).json
        bearer = {"Authorization": f"Bearer {token['token']}"}
        read = self.call("GET", f"{TASKS}?limit=100", 200, headers=bearer).json["items"]
        self.check({task["id"] for task in read} <= {*self.tasks}, "the tasks that a personal token reads")
        self.call("DELETE", f"/api/v1/me/tokens/{token['id']}", 204)
        self.call("GET", TASKS, 401, headers=bearer)

    def look(self) -> None:
        """Read the account, its activity and its sessions."""
        self.call("GET", "/api/v1/me", 200)
        self.call("GET", "/api/v1/me/activity", 200)
        self.check(len(self.call("GET", "/api/v1/auth/sessions", 200).json["items"]) == 1, "the sessions")

    ACTIONS = (
        add, add, add, add_project, show, show, show, change, change, move_to_trash, delete, batch, list_tasks, count,
        synchronize, export, look, order, nest, recur, change_all, archive, share,
    )  # fmt: skip

    def _send(self, method: str, url: str, options: dict[str, Any]) -> Any:
        self.calls += 1
        return self.client.open(url, method=method, **options)

    def _put(self, task: dict[str, Any]) -> None:
        self.tasks[task["id"]] = task

    def _listed(self, query: str) -> set[str]:
        return {*self._pages(query)}

    def _pages(self, query: str) -> list[str]:
        """Return the ids of all pages of a list."""
        found: list[str] = []
        url: str | None = f"{TASKS}?{query}"
        while url:
            response = self.call("GET", url, 200)
            found += [item["id"] for item in response.json["items"]]
            cursor = response.json["next_cursor"]
            url = f"{TASKS}?{query}&cursor={cursor}" if cursor else None
        self.check(len(found) == len({*found}), f"a row is on two pages of {query}")
        return found

    def _reload(self) -> None:
        """Replace the copy by what is there: after a 503 it is not known whether the change was made."""
        for _ in range(RETRIES):
            try:
                tasks, url = {}, f"{TASKS}?limit=100"
                cursor: str | None = ""
                while cursor is not None:
                    page = self.call("GET", url + (f"&cursor={cursor}" if cursor else ""), 200).json
                    tasks |= {task["id"]: task for task in page["items"]}
                    cursor = page["next_cursor"]
                trash = self._listed("deleted=true&limit=100")
                projects = self.call("GET", f"{PROJECTS}?limit=100", 200).json["items"]
                labels = self.call("GET", f"{LABELS}?limit=100", 200).json["items"]
            except UnavailableError:
                self.unavailable += 1
                time.sleep(0.1)
                continue
            self.tasks, self.trash = tasks, trash
            self.projects = {project["id"]: project["name"] for project in projects}
            self.labels = {label["name"] for label in labels}
            return
        raise AssertionError(f"the rows cannot be read: {self.wrong}")
