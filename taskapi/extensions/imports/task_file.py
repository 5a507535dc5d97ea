"""Read and check a file of tasks: first each row, then the references between rows."""

import pickle
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple

from marshmallow import RAISE, ValidationError

from taskapi.api import invalid
from taskapi.extensions.imports.findings import MAX_LISTED_ROWS, Findings
from taskapi.extensions.imports.schemas import MAX_ROWS, ROW_SCHEMAS
from taskapi.resources.models import name_key
from taskapi.tasks.days import UTC_ZONE
from taskapi.tasks.models import RECURRENCE, due_keys, new_row
from taskapi.tasks.tree import MAX_DEPTH, OTHER_PROJECT

IMPORTED_FIELDS = (
    "title", "description", "status", "priority", "due_date", "due_at", "completed_at", *RECURRENCE, "reminders"
)  # fmt: skip
DUE_KEYS: Final = tuple(due_keys(None, None, UTC_ZONE))
Values = dict[str, Any]
Row = tuple[str, int, Any]  # the name of its list, its index there, and its value or the ValidationError of a reader


class FileTask(NamedTuple):
    """A task of a file: its references, and its columns and the keys of its labels, packed to save memory."""

    packed: bytes  # compressed, because a row repeats its text in the form that a search reads
    id: str | None
    parent_id: str | None
    project: str | None


@dataclass
class TaskFile:
    """A file of tasks. Projects and labels are stored by name key, and have at least a name."""

    tasks: list[FileTask] = field(default_factory=list)
    projects: dict[str, Values] = field(default_factory=dict)
    labels: dict[str, Values] = field(default_factory=dict)
    chains: list[list[int]] = field(default_factory=list)  # for each task its index, and those of its ancestors
    sizes: "array[int]" = field(default_factory=lambda: array("L"))  # of the tasks before they were compressed
    rows: "array[int]" = field(default_factory=lambda: array("L"))  # for each task the index of its row
    listed: set[tuple[str, str]] = field(default_factory=set)  # the projects and labels that have a row of their own

    def add(self, kind: str, index: int, values: Values, moment: datetime) -> None:
        """Add a row. Raises ValidationError if another row has its name."""
        if kind == "tasks":
            self._add_task(index, values, moment)
            return
        key = name_key(values["name"])
        if (kind, key) in self.listed:
            raise ValidationError("Another row has the same one.", "name")
        self.listed.add((kind, key))
        (self.projects if kind == "projects" else self.labels)[key] = values

    def _add_task(self, index: int, values: Values, moment: datetime) -> None:
        labels = {name_key(name): {"name": name} for name in values.get("labels") or ()}
        for label_key, label in labels.items():
            self.labels.setdefault(label_key, label)
        project = name_key(values["project"]) if values.get("project") else None
        if project:
            self.projects.setdefault(project, {"name": values["project"]})
        row = new_row(
            {name: values.get(name) for name in IMPORTED_FIELDS},
            UTC_ZONE,
            created_at=values.get("created_at") or moment,
            updated_at=moment,
        )
        for name in DUE_KEYS:
            del row[name]  # set once the owner is locked, because the time zone may change before that
        pickled = pickle.dumps((row, [*labels]), protocol=5)
        self.rows.append(index)
        self.sizes.append(len(pickled))
        self.tasks.append(FileTask(zlib.compress(pickled, 1), values.get("id"), values.get("parent_id"), project))


def read_file(file_format: str, rows: Iterable[Row], moment: datetime, findings: Findings) -> TaskFile:
    """Return the parsed file. Responds 400, or 422 with the errors of the first MAX_LISTED_ROWS invalid rows."""
    parsed, count = TaskFile(), 0
    listed: dict[Any, Any] = {}
    for kind, index, row in rows:
        if index >= MAX_ROWS:
            invalid(file_format, {kind: [f"Longer than maximum length {MAX_ROWS}."]})
        try:
            if isinstance(row, ValidationError):
                raise row
            values = ROW_SCHEMAS[kind].load(row, unknown=RAISE)
            if not count:
                parsed.add(kind, index, values, moment)
        except ValidationError as error:
            count += 1
            if count <= MAX_LISTED_ROWS:
                of_kind = listed if kind == "tasks" else listed.setdefault(kind, {})
                of_kind[index] = error.normalized_messages()  # type: ignore[no-untyped-call]
            parsed = TaskFile()  # frees memory: an invalid file is not imported
    if count:
        invalid(file_format, listed, invalid_rows=count)
    parsed.chains = _chains(parsed.tasks)
    if findings.repairs_links:
        _repair_links(parsed, findings)
    if faults := _link_errors(parsed):
        invalid(file_format, dict(islice(faults.items(), MAX_LISTED_ROWS)), invalid_rows=len(faults))
    return parsed


def _repair_links(file: TaskFile, findings: Findings) -> None:
    """Remove invalid references, with a warning for each. A file of another application cannot be corrected easily."""
    seen: set[str] = set()
    for position, (task, [_, *above]) in enumerate(zip(file.tasks, file.chains, strict=True)):
        is_repeated = task.id in seen
        seen |= {task.id} if task.id else set()
        fault = _parent_error(position, above) if task.parent_id else None
        if is_repeated or fault:
            message = (
                f"The task has no parent: {fault}" if fault else "Another row has the same id, so its own is lost."
            )
            findings.warn(message, file.rows[position])
        file.tasks[position] = task._replace(
            id=None if is_repeated else task.id,
            parent_id=None if fault else task.parent_id,
            project=None if above and not fault else task.project,  # that of the parent
        )
    file.chains = _chains(file.tasks)


def _chains(tasks: Sequence[FileTask]) -> list[list[int]]:
    """Return for each task its index and those of its ancestors, at most one more than the allowed depth."""
    by_id = {task.id: index for index, task in enumerate(tasks) if task.id is not None}
    chains = [[index] for index in range(len(tasks))]
    for chain in chains:
        while len(chain) <= MAX_DEPTH and (parent := by_id.get(tasks[chain[-1]].parent_id or "")) is not None:
            chain.append(parent)
    return chains


def _link_errors(file: TaskFile) -> dict[int, Any]:
    """Return the messages for each task with an invalid reference, by its index."""
    first: dict[str, int] = {}
    repeated = {
        file.rows[index]: {"id": ["Another row has the same one."]}
        for index, task in enumerate(file.tasks)
        if task.id is not None and first.setdefault(task.id, index) != index
    }
    wrong_parents = {
        file.rows[index]: {"parent_id": [fault]}
        for index, *above in file.chains
        if file.tasks[index].parent_id and (fault := _parent_error(index, above))
    }
    other_projects = {
        file.rows[index]: {"project": [OTHER_PROJECT]}
        for index, task in enumerate(file.tasks)
        if task.project and task.project != file.tasks[file.chains[index][-1]].project
    }
    return repeated or wrong_parents or other_projects


def _parent_error(index: int, above: list[int]) -> str | None:
    if not above:
        return "The file has no such row."
    if index in above:
        return "A task cannot be its own ancestor."
    return f"Trees of tasks have at most {MAX_DEPTH} levels." if len(above) >= MAX_DEPTH else None
