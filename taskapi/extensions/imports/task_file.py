"""Read and check a file of tasks: first each row, then the references between rows."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import IO, Any, Final, NamedTuple

from marshmallow import RAISE, ValidationError

from taskapi.api import invalid
from taskapi.extensions.imports.csv_reader import MAX_LISTED_ROWS, read_csv
from taskapi.extensions.imports.json_reader import read_json
from taskapi.extensions.imports.schemas import MAX_ROWS, ROW_SCHEMAS
from taskapi.resources.models import name_key
from taskapi.tasks.days import UTC_ZONE
from taskapi.tasks.models import new_row
from taskapi.tasks.tree import MAX_DEPTH, OTHER_PROJECT

READERS: Final = {"json": read_json, "csv": read_csv}
IMPORTED_FIELDS: Final = ("title", "description", "status", "priority", "due_date", "due_at", "completed_at")
Values = dict[str, Any]


class FileTask(NamedTuple):
    """A task of a file: its references, and its columns and the keys of its labels, pickled to save memory."""

    pickled: bytes
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
    listed: set[tuple[str, str]] = field(default_factory=set)  # the projects and labels that have a row of their own

    def add(self, kind: str, values: Values, moment: datetime) -> None:
        """Add a row. Raises ValidationError if another row has its name."""
        if kind == "tasks":
            self._add_task(values, moment)
            return
        key = name_key(values["name"])
        if (kind, key) in self.listed:
            raise ValidationError("Another row has the same one.", "name")
        self.listed.add((kind, key))
        (self.projects if kind == "projects" else self.labels)[key] = values

    def _add_task(self, values: Values, moment: datetime) -> None:
        labels = {name_key(name): {"name": name} for name in values.get("labels") or ()}
        for label_key, label in labels.items():
            self.labels.setdefault(label_key, label)
        project = name_key(values["project"]) if values.get("project") else None
        if project:
            self.projects.setdefault(project, {"name": values["project"]})
        row = new_row(
            {name: values.get(name) for name in IMPORTED_FIELDS},
            UTC_ZONE,  # replaced once the owner is locked, because the time zone may change before that
            created_at=values.get("created_at") or moment,
            updated_at=moment,
        )
        pickled = pickle.dumps((row, [*labels]), protocol=5)
        self.tasks.append(FileTask(pickled, values.get("id"), values.get("parent_id"), project))


def read_file(file_format: str, file: IO[bytes], moment: datetime) -> TaskFile:
    """Return the parsed file. Responds 400, or 422 with the errors of the first MAX_LISTED_ROWS invalid rows."""
    parsed, count = TaskFile(), 0
    listed: dict[Any, Any] = {}
    for kind, index, row in READERS[file_format](file):
        if index >= MAX_ROWS:
            invalid(file_format, {kind: [f"Longer than maximum length {MAX_ROWS}."]})
        try:
            values = ROW_SCHEMAS[kind].load(row, unknown=RAISE)
            if not count:
                parsed.add(kind, values, moment)
        except ValidationError as error:
            count += 1
            if count <= MAX_LISTED_ROWS:
                of_kind = listed if kind == "tasks" else listed.setdefault(kind, {})
                of_kind[index] = error.normalized_messages()  # type: ignore[no-untyped-call]
            parsed = TaskFile()  # frees memory: an invalid file is not imported
    if count:
        invalid(file_format, listed, invalid_rows=count)
    parsed.chains = _chains(parsed.tasks)
    if faults := _link_errors(parsed):
        invalid(file_format, dict(islice(faults.items(), MAX_LISTED_ROWS)), invalid_rows=len(faults))
    return parsed


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
        index: {"id": ["Another row has the same one."]}
        for index, task in enumerate(file.tasks)
        if task.id is not None and first.setdefault(task.id, index) != index
    }
    wrong_parents = {
        index: {"parent_id": [fault]}
        for index, *above in file.chains
        if file.tasks[index].parent_id and (fault := _parent_error(index, above))
    }
    other_projects = {
        index: {"project": [OTHER_PROJECT]}
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
