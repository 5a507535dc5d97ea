"""Use the models that datamodel-code-generator generates, with httpx."""

import json
import os
from datetime import date

import httpx
from client import models

credentials = {"username": os.environ["NEW_USER"], "password": os.environ["PASSWORD"]}
http = httpx.Client(base_url=f"{os.environ['ADDRESS']}/api/v1")


def body(model):
    """Return the JSON of the fields that are set."""
    return model.model_dump(mode="json", exclude_unset=True)


def listed(**query):
    """Return a page of tasks."""
    return models.TaskPage.model_validate(http.get("/tasks", params=query).json())


http.post("/auth/register", json=body(models.Register(**credentials)))
tokens = models.Tokens.model_validate(http.post("/auth/login", json=body(models.Login(**credentials))).json())
refresh = models.Refresh(refresh_token=tokens.refresh_token)
tokens = models.Tokens.model_validate(http.post("/auth/refresh", json=body(refresh)).json())
http.headers["Authorization"] = f"Bearer {tokens.access_token}"

plants = models.TaskCreate(
    title="Water the plants", priority=models.TaskPriority.high, due_date=date(2030, 6, 1), labels=["home"]
)
created = models.Task.model_validate(http.post("/tasks", json=body(plants)).json())
cat = models.TaskCreate(title="Feed the cat", status=models.TaskStatus.in_progress)
http.post("/tasks", json=body(cat))

page = listed(limit=1, sort="title")
titles = [task.title for task in page.items]
while page.next_cursor is not None:
    page = listed(limit=1, sort="title", cursor=page.next_cursor)
    titles += [task.title for task in page.items]
filtered = listed(priority=["high", "low"], label=["home"], due_after="2030-05-31", overdue=False)

url = f"/tasks/{created.id}"
patched = models.Task.model_validate(http.patch(url, json=body(models.TaskPatch(due_date=None))).json())
change, condition = models.TaskPatch(title="Water the ferns"), {"If-Match": f'"{created.version}"'}
conflict = models.TaskVersionMismatch.model_validate(http.patch(url, json=body(change), headers=condition).json())
impossible = models.TaskCreate(title="Feed the cat", project_id=created.id)
invalid = models.ValidationProblem.model_validate(http.post("/tasks", json=body(impossible)).json())

files = {"file": ("tasks.csv", b"title\nBuy bread\n", "text/csv")}
imported = models.ImportedTable.model_validate(http.post("/tasks/import.csv", files=files).json())
exported = http.get("/tasks/export.csv").text
file = models.ExportedFile.model_validate(http.get("/tasks/export.json").json())
operations = [{"op": "create", "data": {"title": "Call Ada"}}, {"op": "delete", "id": str(created.id)}]
response = http.post("/tasks/batch", json=body(models.Batch(operations=operations)))
results = [result.root for result in models.BatchResults.model_validate(response.json()).results]

report = {
    "titles": titles,
    "filtered": [task.title for task in filtered.items],
    "patched": [patched.due_date, patched.priority.value, patched.labels],
    "conflict": conflict.current.title,
    "invalid": [invalid.code.value, [*invalid.errors.json_.root]],
    "imported": imported.created,
    "exported": [exported.split(",")[:2], len(file.tasks)],
    "batch": [result.data.title if result.op == "create" else result.op for result in results],
}
print(json.dumps(report))  # noqa: T201
