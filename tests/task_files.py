"""Import and export files of tasks, and list tasks to compare them with the files."""

import json

from taskapi.extensions import NAMES

TASKS = "/api/v1/tasks"
EXPORT = f"{TASKS}/export"  # followed by the format
IMPORT = f"{TASKS}/import.json"
IMPORT_CSV = f"{TASKS}/import.csv"
SET_BY_IMPORT = {"id", "parent_id", "updated_at"}
BATCH_BYTES = 900_000  # a body has at most 1 MiB


def import_tasks(client, tasks, **query):
    body = json.dumps({"tasks": tasks})  # with \u escapes, which can express a lone surrogate
    return client.post(IMPORT, data=body, content_type="application/json", query_string=query)


def import_csv(client, text, content_type="text/csv", **query):
    data = text.encode() if isinstance(text, str) else text
    return client.post(IMPORT_CSV, data=data, content_type=content_type, query_string=query)


def counts(response):
    """Return how many rows an import has created, without what was recognized in the file."""
    assert response.status_code == 200, response.text
    return {name: response.json[name] for name in ("created", "projects", "labels", "dry_run")}


def export_csv(client):
    response = client.get(f"{EXPORT}.csv")
    assert response.status_code == 200
    return response.text


def export_tasks(client):
    response = client.get(f"{EXPORT}.json")
    assert response.status_code == 200
    return response.json["tasks"]


def list_tasks(client):
    """Return all tasks, the oldest first, each with the name of its project as `project`."""
    projects = {row["id"]: row["name"] for row in list_all(client, "/api/v1/projects")}
    tasks = list_all(client, TASKS, sort="created_at", archived="true")
    return [task | {"project": projects.get(task["project_id"])} for task in tasks]


def list_all(client, path, **query):
    """Return the items of all pages of a list."""
    items, cursor = [], {}
    while cursor is not None:
        page = client.get(path, query_string={"limit": 100, **query, **cursor}).json
        items += page["items"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    return items


def add_tasks(client, rows):
    """Add tasks, in batches if there are any."""
    if "batch" not in NAMES:
        responses = [client.post(TASKS, json=row) for row in rows]
        assert {response.status_code for response in responses} <= {201}
        return
    batch_size = max(1, min(100, BATCH_BYTES // max(len(json.dumps(row)) for row in rows)))
    for start in range(0, len(rows), batch_size):
        operations = [{"op": "create", "data": row} for row in rows[start : start + batch_size]]
        response = client.post(f"{TASKS}/batch", json={"operations": operations})
        assert response.status_code == 200, response.text


def without_ids(tasks):
    """Return tasks without the fields that an import sets. The index of the parent replaces its id."""
    indexes = {task["id"]: index for index, task in enumerate(tasks)}
    kept = [{name: value for name, value in task.items() if name not in SET_BY_IMPORT} for task in tasks]
    return [row | {"parent": indexes.get(task["parent_id"])} for row, task in zip(kept, tasks, strict=True)]


def row_errors(response):
    """Return the errors of a rejected file, by row."""
    assert (response.status_code, response.json["code"]) == (422, "validation_failed"), response.text
    [errors] = response.json["errors"].values()
    return errors


def add_examples(client):
    """Add four tasks of different kinds, and a deleted one."""
    garden = client.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    plants = client.post(TASKS, json={"title": "Plants", "project_id": garden, "labels": ["green", "Home, sweet"]}).json
    client.post(TASKS, json={"title": "Water", "parent_id": plants["id"], "due_date": "2030-01-31", "status": "done"})
    client.post(TASKS, json={"title": "Call", "due_at": "2030-01-31T09:00:00.25+01:00", "priority": "urgent"})
    client.post(TASKS, json={"title": "=1+1", "description": "- one\n- “two”, 'three'\n", "status": "cancelled"})
    deleted = client.post(TASKS, json={"title": "Gone"}).json
    client.delete(f"{TASKS}/{deleted['id']}")


def events(client):
    """Return the details of the account's activity, by event."""
    return {item["event"]: item["details"] for item in client.get("/api/v1/me/activity").json["items"]}
