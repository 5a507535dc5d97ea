"""Use the client that openapi-generator generates for Python."""

import json
import os
from datetime import date

from client import (
    ApiClient,
    AuthApi,
    Batch,
    Configuration,
    CreateTask,
    DeleteTask,
    Login,
    Refresh,
    Register,
    TaskCreate,
    TaskOperation,
    TaskPatch,
    TaskPriority,
    TasksApi,
    TaskStatus,
)
from client.exceptions import ApiException

credentials = {"username": os.environ["NEW_USER"], "password": os.environ["PASSWORD"]}
configuration = Configuration(host=os.environ["ADDRESS"])


def failure(call, *args, **options):
    """Return the error of a call."""
    try:
        call(*args, **options)
    except ApiException as error:
        return error.data
    raise AssertionError("The request succeeded.")


auth = AuthApi(ApiClient(configuration))
auth.register(Register(**credentials))
tokens = auth.login(Login(**credentials))
configuration.access_token = auth.refresh(refresh=Refresh(refresh_token=tokens.refresh_token)).access_token
api = TasksApi(ApiClient(configuration))

created = api.create_task(
    TaskCreate(title="Water the plants", priority=TaskPriority.HIGH, due_date=date(2030, 6, 1), labels=["home"])
)
api.create_task(TaskCreate(title="Feed the cat", status=TaskStatus.IN_PROGRESS))

page = api.list_tasks(limit=1, sort="title")
titles = [task.title for task in page.items]
while page.next_cursor is not None:
    page = api.list_tasks(limit=1, sort="title", cursor=page.next_cursor)
    titles += [task.title for task in page.items]
filtered = api.list_tasks(
    priority=[TaskPriority.HIGH, TaskPriority.LOW], label=["home"], due_after="2030-05-31", overdue=False
)

patched = api.update_task(created.id, TaskPatch(due_date=None))
conflict = failure(api.update_task, created.id, TaskPatch(title="Water the ferns"), if_match=f'"{created.version}"')
invalid = failure(api.create_task, TaskCreate(title="Feed the cat", project_id=created.id))

imported = api.import_tasks_csv(("tasks.csv", b"title\nBuy bread\n"), dry_run=False)
exported = api.export_tasks_csv()
file = api.export_tasks_json()
operations = [
    CreateTask(op="create", data=TaskCreate(title="Call Ada")),
    DeleteTask(op="delete", id=created.id),
]
batch = api.change_tasks(Batch(operations=[TaskOperation(operation) for operation in operations]))
results = [result.actual_instance for result in batch.results]

report = {
    "titles": titles,
    "filtered": [task.title for task in filtered.items],
    "patched": [patched.due_date, patched.priority, patched.labels],
    "conflict": conflict.current.title,
    "invalid": [invalid.code, [*invalid.errors.var_json]],
    "imported": imported.created,
    "exported": [exported.split(",")[:2], len(file.tasks)],
    "batch": [result.data.title if result.op == "create" else result.op for result in results],
}
print(json.dumps(report))  # noqa: T201
