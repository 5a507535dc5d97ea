"""How the tasks of a file refer to each other, by the ids that the file gives them."""

import pickle
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from taskapi.tasks.tree import MAX_DEPTH, OTHER_PROJECT


class FileTask(NamedTuple):
    """A task of a file: what it refers to, and its columns and labels, packed to a tenth of the memory."""

    packed: bytes
    id: str | None
    parent_id: str | None
    project: str | None

    def unpack(self) -> tuple[dict[str, Any], list[str]]:
        """Return its columns, and the names of its labels."""
        row, labels = pickle.loads(self.packed)  # noqa: S301 - packed by this process, a moment ago
        return row, labels


def pack(row: dict[str, Any], labels: list[str]) -> bytes:
    """Return the columns of a task and the names of its labels in little memory."""
    return pickle.dumps((row, labels), protocol=5)


ById = dict[str | None, int]


def check_links(tasks: Sequence[FileTask]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each task that refers to another in a wrong way, and what is wrong with it."""
    by_id: ById = {}
    repeated = False
    for index, task in enumerate(tasks):
        if task.id is not None and by_id.setdefault(task.id, index) != index:
            repeated = True
            yield index, {"id": ["Another row has it too."]}
    if repeated:
        return
    faulty = False
    for index, task in enumerate(tasks):
        if task.parent_id and (fault := _fault(index, tasks, by_id)):
            faulty = True
            yield index, {"parent_id": [fault]}
    if faulty:
        return
    for index, task in enumerate(tasks):
        if task.project and task.project != tasks[_chain(index, tasks, by_id)[-1]].project:
            yield index, {"project": [OTHER_PROJECT]}


def from_top(tasks: Sequence[FileTask]) -> list[tuple[int, int | None, str | None]]:
    """Return the tasks by their indexes, each after its parent, with the parent's index and the project of the tree."""
    by_id: ById = {task.id: index for index, task in enumerate(tasks) if task.id is not None}
    chains = sorted((_chain(index, tasks, by_id) for index in range(len(tasks))), key=len)
    return [(chain[0], chain[1] if len(chain) > 1 else None, tasks[chain[-1]].project) for chain in chains]


def _fault(index: int, tasks: Sequence[FileTask], by_id: ById) -> str | None:
    if tasks[index].parent_id not in by_id:
        return "There is no such row in the file."
    above = _chain(index, tasks, by_id)[1:]
    if index in above:
        return "A task cannot lie under itself."
    return f"Tasks go at most {MAX_DEPTH} deep." if len(above) >= MAX_DEPTH else None


def _chain(index: int, tasks: Sequence[FileTask], by_id: ById) -> list[int]:
    """Return a task and the tasks above it, up to as many as make it too deep."""
    chain = [index]
    while len(chain) <= MAX_DEPTH and (parent := by_id.get(tasks[chain[-1]].parent_id or "")) is not None:
        chain.append(parent)
    return chain
