"""Read and check a file of tasks: first each row, then the references between rows."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from marshmallow import RAISE, ValidationError

from taskapi.api import invalid
from taskapi.extensions.transfer.csv_file import MOST_LISTED, read_csv
from taskapi.extensions.transfer.schemas import FILE_SCHEMAS, MOST_ROWS
from taskapi.extensions.transfer.upload import BEGIN, Pieces, read_lists
from taskapi.resources.models import name_key
from taskapi.tasks.days import UTC_ZONE
from taskapi.tasks.models import new_row
from taskapi.tasks.tree import MAX_DEPTH, OTHER_PROJECT

Values = dict[str, Any]
IMPORTED_FIELDS: Final = ("title", "description", "status", "priority", "due_date", "due_at", "completed_at")
ById = dict[str | None, int]


class FileTask(NamedTuple):
    """A task of a file: its references, and its columns and labels, packed to a tenth of the memory."""

    packed: bytes
    id: str | None
    parent_id: str | None
    project: str | None

    def unpack(self) -> tuple[dict[str, Any], list[str]]:
        """Return the columns of the task, and the names of its labels."""
        row, labels = pickle.loads(self.packed)  # noqa: S301 - packed by this process, a moment ago
        return row, labels


def pack(row: dict[str, Any], labels: list[str]) -> bytes:
    """Return the columns of a task and the names of its labels as bytes."""
    return pickle.dumps((row, labels), protocol=5)


@dataclass
class File:
    """A file of tasks. Projects and labels are stored by name key, and have at least a name."""

    tasks: list[FileTask] = field(default_factory=list)
    projects: dict[str, Values] = field(default_factory=dict)
    labels: dict[str, Values] = field(default_factory=dict)

    def add(self, kind: str, values: Values, moment: datetime) -> None:
        """Add a row. Raises ValidationError if another row has its name."""
        if kind == "tasks":
            self._add_task(values, moment)
            return
        known: dict[str, Values] = getattr(self, kind)
        key = name_key(values["name"])
        if "given" in known.get(key, ()):
            raise ValidationError("Another row has the same one.", "name")
        known[key] = {**values, "given": True}

    def _add_task(self, values: Values, moment: datetime) -> None:
        labels = list(dict.fromkeys(name_key(name) for name in values.get("labels") or ()))
        for name in values.get("labels") or ():
            self.labels.setdefault(name_key(name), {"name": name})
        project = values.get("project")
        if project:
            self.projects.setdefault(name_key(project), {"name": project})
        row = new_row(
            {name: values.get(name) for name in IMPORTED_FIELDS},
            UTC_ZONE,  # replaced once the owner is locked, because the time zone may change before that
            created_at=values.get("created_at") or moment,
            updated_at=moment,
        )
        key = name_key(project) if project else None
        self.tasks.append(FileTask(pack(row, labels), values.get("id"), values.get("parent_id"), key))


def read_file(form: str, pieces: Pieces, moment: datetime) -> File:
    """Return the parsed file. Responds 400, or 422 with the errors of each row."""
    file, faults, index = File(), Faults(form), 0
    for kind, row in _rows(form, pieces):
        if row is BEGIN:
            index = -1
            continue
        index += 1
        if index >= MOST_ROWS:
            invalid(form, {kind: [f"Longer than maximum length {MOST_ROWS}."]})
        try:
            values = FILE_SCHEMAS[kind].load(row, unknown=RAISE)
            if not faults.count:
                file.add(kind, values, moment)
        except ValidationError as error:
            faults.add(kind, index, error.normalized_messages())  # type: ignore[no-untyped-call]
            file = File()  # frees memory: an invalid file is not imported
    faults.refuse()
    for index, messages in check_links(file.tasks):
        faults.add("tasks", index, messages)
    faults.refuse()
    return file


def _rows(form: str, pieces: Pieces) -> Iterator[tuple[str, Any]]:
    """Yield the rows of the file, each with its kind: tasks, projects or labels."""
    if form == "csv":
        yield "tasks", BEGIN
        yield from (("tasks", row) for row in read_csv(pieces))
        return
    found = False
    for kind, row in read_lists(pieces, frozenset(FILE_SCHEMAS)):
        found = found or kind == "tasks"
        yield kind, row
    if not found:
        invalid(form, {"tasks": ["Missing data for required field."]})


class Faults:
    """The errors of the rows of a file. The first MOST_LISTED rows are listed; all are counted."""

    def __init__(self, form: str) -> None:
        self.count = 0
        self._form = form
        self._listed: dict[Any, Any] = {}

    def add(self, kind: str, index: int, messages: Any) -> None:
        """Add the messages of a row, by its kind and its index from 0."""
        self.count += 1
        if self.count <= MOST_LISTED:
            listed = self._listed if kind == "tasks" else self._listed.setdefault(kind, {})
            listed[index] = messages

    def refuse(self) -> None:
        """Respond 422 if there are errors."""
        if self.count:
            invalid(self._form, self._listed, invalid_rows=self.count)


def check_links(tasks: Sequence[FileTask]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the index of each task with an invalid reference, and the messages."""
    by_id: ById = {}
    repeated = False
    for index, task in enumerate(tasks):
        if task.id is not None and by_id.setdefault(task.id, index) != index:
            repeated = True
            yield index, {"id": ["Another row has the same one."]}
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


def in_tree_order(tasks: Sequence[FileTask]) -> list[tuple[int, int | None, str | None]]:
    """Return the index of each task, of its parent, and the project of its tree. A parent comes before its subtasks."""
    by_id: ById = {task.id: index for index, task in enumerate(tasks) if task.id is not None}
    chains = sorted((_chain(index, tasks, by_id) for index in range(len(tasks))), key=len)
    return [(chain[0], chain[1] if len(chain) > 1 else None, tasks[chain[-1]].project) for chain in chains]


def _fault(index: int, tasks: Sequence[FileTask], by_id: ById) -> str | None:
    if tasks[index].parent_id not in by_id:
        return "The file has no such row."
    above = _chain(index, tasks, by_id)[1:]
    if index in above:
        return "A task cannot be its own ancestor."
    return f"Trees of tasks have at most {MAX_DEPTH} levels." if len(above) >= MAX_DEPTH else None


def _chain(index: int, tasks: Sequence[FileTask], by_id: ById) -> list[int]:
    """Return the indexes of a task and its ancestors; at most one more than the allowed depth."""
    chain = [index]
    while len(chain) <= MAX_DEPTH and (parent := by_id.get(tasks[chain[-1]].parent_id or "")) is not None:
        chain.append(parent)
    return chain
