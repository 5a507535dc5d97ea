"""How the rows of a file lie under one another, by the ids that the file gives them."""

from collections.abc import Iterator
from typing import Any

from taskapi.owned import name_key
from taskapi.tasks.tree import MAX_DEPTH, OTHER_PROJECT

Tasks = list[dict[str, Any]]


def faults_of(tasks: Tasks) -> dict[int, Any]:
    """Return what is wrong with the ids of a file, by row."""
    by_id = {task["id"]: task for task in tasks if "id" in task}
    if faults := {index: {"id": ["Another row has it too."]} for index in _repeated(tasks)}:
        return faults
    why = ((index, _fault(task, by_id)) for index, task in enumerate(tasks) if task.get("parent_id"))
    if faults := {index: {"parent_id": [fault]} for index, fault in why if fault}:
        return faults
    return {index: {"project": [OTHER_PROJECT]} for index, task in enumerate(tasks) if _is_elsewhere(task, by_id)}


def from_top(tasks: Tasks) -> Tasks:
    """Return the tasks so that each comes after its parent, and in the project of its parent."""
    by_id = {task["id"]: task for task in tasks if "id" in task}
    tasks = sorted(tasks, key=lambda task: len(list(_above(task, by_id))))
    for task in tasks:
        task["project"] = _top(task, by_id).get("project")
    return tasks


def _repeated(tasks: Tasks) -> Iterator[int]:
    seen = set()
    for index, task in enumerate(tasks):
        if task.get("id") in seen:
            yield index
        elif "id" in task:
            seen.add(task["id"])


def _fault(task: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> str | None:
    if task["parent_id"] not in by_id:
        return "There is no such row in the file."
    above = list(_above(task, by_id))
    if any(other is task for other in above):
        return "A task cannot lie under itself."
    return f"Tasks go at most {MAX_DEPTH} deep." if len(above) >= MAX_DEPTH else None


def _is_elsewhere(task: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> bool:
    """Tell whether a row names another project than the row at the top of its tree."""
    named, top = task.get("project") or "", _top(task, by_id).get("project") or ""
    return bool(named) and name_key(named) != name_key(top)


def _top(task: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return [task, *_above(task, by_id)][-1]


def _above(task: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the tasks above, up to as many as make it too deep."""
    for _ in range(MAX_DEPTH):
        if (parent := by_id.get(task.get("parent_id") or "")) is None:
            return
        yield parent
        task = parent
