"""What a program may write under `mypy --strict`. An unused `type: ignore` is an error too."""

from datetime import date, datetime
from typing import Any, assert_type
from uuid import UUID

from taskapi_client import (
    AsyncTaskApi,
    FileStore,
    Label,
    Page,
    ProblemError,
    Task,
    TaskApi,
    TaskPatch,
    TaskStatus,
    VersionMismatch,
)

api = TaskApi("http://localhost:8000", store=FileStore("~/.config/tasks/tokens.json"))


def read() -> None:
    for task in api.tasks.list(status="todo", label=["home", "garden"], due_before=date(2030, 6, 1)):
        assert_type(task, Task)
        assert_type(task.id, UUID)
        assert_type(task.title, str)
        assert_type(task.status, TaskStatus)
        assert_type(task.due_date, date | None)
        assert_type(task.created_at, datetime)
    assert_type(api.labels.list().page(), Page[Label])
    api.tasks.list(status="unknown")  # type: ignore[arg-type]
    api.tasks.list(stat="todo")  # type: ignore[call-arg]
    print(api.tasks.get("id").titel)  # type: ignore[attr-defined]


def write(task: Task) -> None:
    assert_type(api.tasks.create(title="Water the plants", due_date=date(2030, 6, 1), priority="high"), Task)
    assert_type(api.tasks.update(task, status="done", due_date=None), Task)
    api.tasks.update(task.id, status="done")
    api.tasks.create(priority="high")  # type: ignore[call-arg]
    api.tasks.update(task, status="unknown")  # type: ignore[arg-type]
    api.tasks.update(task, title=None)  # type: ignore[arg-type]
    api.tasks.update(task, due_date="2030-06-01")  # type: ignore[arg-type]
    task.title = "Rain"  # type: ignore[misc]


def write_dynamically(task: Task, patch: TaskPatch, changes: dict[str, Any]) -> None:
    api.tasks.update(task, **patch)
    api.tasks.update(task, **changes)


def batch(task: Task) -> None:
    done = api.tasks.batch(
        operations=[
            {"op": "create", "data": {"title": "Feed the cat"}},
            {"op": "update", "id": task.id, "if_match": task.version, "data": {"status": "done"}},
            {"op": "delete", "id": task.id},
        ]
    )
    for result in done.results:
        if result.op == "create":
            assert_type(result.data, Task)
        elif result.op == "delete":
            print(result.data)  # type: ignore[attr-defined]
    api.tasks.batch(operations=[{"op": "archive", "id": task.id}])  # type: ignore[typeddict-item]


def fail(task: Task) -> str | None:
    try:
        api.tasks.update(task, title="Rain")
    except VersionMismatch as error:
        current: Task = error.current
        return current.title
    except ProblemError as error:
        if error.code == "no_such_code":  # type: ignore[comparison-overlap]
            return None
        return error.request_id
    return None


async def asynchronous(client: AsyncTaskApi) -> list[str]:
    assert_type(await client.tasks.create(title="Water the plants"), Task)
    assert_type(await client.labels.list().page(), Page[Label])
    client.tasks.list(status="unknown")  # type: ignore[arg-type]
    return [task.title async for task in client.tasks.list(sort="due")]
