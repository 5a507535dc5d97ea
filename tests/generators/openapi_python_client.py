"""Use the client that openapi-python-client generates; the types of responses are narrowed by isinstance."""

import json
import os
from datetime import date
from io import BytesIO

from client import AuthenticatedClient, Client
from client.api.auth import login, refresh, register
from client.api.tasks import (
    change_tasks,
    create_task,
    export_tasks_csv,
    export_tasks_json,
    import_tasks_csv,
    list_tasks,
    update_task,
)
from client.models import (
    Batch,
    CreateTask,
    DeleteTask,
    Login,
    Refresh,
    Register,
    TaskCreate,
    TaskCreated,
    TaskPatch,
    TaskPriority,
    TaskStatus,
    Upload,
)
from client.types import File

address = os.environ["ADDRESS"]
credentials = {"username": os.environ["NEW_USER"], "password": os.environ["PASSWORD"]}

anyone = Client(base_url=address)
register.sync(client=anyone, body=Register(**credentials))
tokens = login.sync(client=anyone, body=Login(**credentials))
tokens = refresh.sync(client=anyone, body=Refresh(tokens.refresh_token))
client = AuthenticatedClient(base_url=address, token=tokens.access_token)

body = TaskCreate("Water the plants", priority=TaskPriority.HIGH, due_date=date(2030, 6, 1), labels=["home"])
created = create_task.sync(client=client, body=body)
create_task.sync(client=client, body=TaskCreate("Feed the cat", status=TaskStatus.IN_PROGRESS))

titles = []
page = list_tasks.sync(client=client, limit=1, sort="title")
titles += [task.title for task in page.items]
while page.next_cursor is not None:
    page = list_tasks.sync(client=client, limit=1, sort="title", cursor=page.next_cursor)
    titles += [task.title for task in page.items]
filtered = list_tasks.sync(
    client=client,
    priority=[TaskPriority.HIGH, TaskPriority.LOW],
    label=["home"],
    due_after="2030-05-31",
    overdue=False,
)

patched = update_task.sync(created.id, client=client, body=TaskPatch(due_date=None))
change = TaskPatch(title="Water the ferns")
conflict = update_task.sync(created.id, client=client, body=change, if_match=f'"{created.version}"')
invalid = create_task.sync(client=client, body=TaskCreate("Feed the cat", project_id=created.id))

table = Upload(File(BytesIO(b"title\nBuy bread\n"), "tasks.csv", "text/csv"))
imported = import_tasks_csv.sync(client=client, body=table, dry_run=False)
exported = export_tasks_csv.sync(client=client)
file = export_tasks_json.sync(client=client)
operations = [CreateTask("create", TaskCreate("Call Ada")), DeleteTask(created.id, "delete")]
batch = change_tasks.sync(client=client, body=Batch(operations))

report = {
    "titles": titles,
    "filtered": [task.title for task in filtered.items],
    "patched": [patched.due_date, patched.priority, patched.labels],
    "conflict": conflict.current.title,
    "invalid": [invalid.code, [*invalid.errors.json.to_dict()]],
    "imported": imported.created,
    "exported": [exported.split(",")[:2], len(file.tasks)],
    "batch": [result.data.title if isinstance(result, TaskCreated) else result.op for result in batch.results],
}
print(json.dumps(report))  # noqa: T201
