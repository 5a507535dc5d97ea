"""Files of tasks, as a client sends and gets them."""

import json

TASKS = "/api/v1/tasks"
EXPORT = f"{TASKS}/export"  # with the format behind it
IMPORT = f"{TASKS}/import.json"
IMPORT_CSV = f"{TASKS}/import.csv"
NEW = {"id", "parent_id", "updated_at"}  # what an import gives anew


def bring(client, tasks, **query):
    body = json.dumps({"tasks": tasks})  # with \u escapes, where a surrogate can stand alone
    return client.post(IMPORT, data=body, content_type="application/json", query_string=query)


def bring_csv(client, text, content_type="text/csv", **query):
    data = text.encode() if isinstance(text, str) else text
    return client.post(IMPORT_CSV, data=data, content_type=content_type, query_string=query)


def table(client):
    answer = client.get(f"{EXPORT}.csv")
    assert answer.status_code == 200
    return answer.text


def exported(client):
    answer = client.get(f"{EXPORT}.json")
    assert answer.status_code == 200
    return answer.json["tasks"]


def meaning(tasks):
    """Return tasks without the ids that they happen to have: a parent is told by its place."""
    places = {task["id"]: place for place, task in enumerate(tasks)}
    kept = [{name: value for name, value in task.items() if name not in NEW} for task in tasks]
    return [row | {"parent": places.get(task["parent_id"])} for row, task in zip(kept, tasks, strict=True)]


def faults(answer):
    assert (answer.status_code, answer.json["code"]) == (422, "validation_failed"), answer.text
    [errors] = answer.json["errors"].values()
    return errors


def live(client):
    """Have tasks of every kind."""
    garden = client.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    plants = client.post(TASKS, json={"title": "Plants", "project_id": garden, "labels": ["green", "Home, sweet"]}).json
    client.post(TASKS, json={"title": "Water", "parent_id": plants["id"], "due_date": "2030-01-31", "status": "done"})
    client.post(TASKS, json={"title": "Call", "due_at": "2030-01-31T09:00:00.25+01:00", "priority": "urgent"})
    client.post(TASKS, json={"title": "=1+1", "description": "- one\n- “two”, 'three'\n", "status": "cancelled"})
    gone = client.post(TASKS, json={"title": "Gone"}).json
    client.delete(f"{TASKS}/{gone['id']}")


def events(client):
    return {item["event"]: item["details"] for item in client.get("/api/v1/me/activity").json["items"]}
