"""Reads and checks a file of tasks: each row by itself, then how the rows refer to each other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from marshmallow import RAISE, ValidationError

from taskapi.api import invalid
from taskapi.resources.models import name_key
from taskapi.tasks.days import UTC_ZONE
from taskapi.tasks.exchange.body import BEGIN, Pieces, read_lists
from taskapi.tasks.exchange.links import FileTask, check_links, pack
from taskapi.tasks.exchange.schemas import FILE_SCHEMAS, MOST_ROWS
from taskapi.tasks.exchange.table import MOST_LISTED, read_csv
from taskapi.tasks.models import new_row

Values = dict[str, Any]
TAKEN_OVER: Final = ("title", "description", "status", "priority", "due_date", "due_at", "completed_at")


@dataclass
class File:
    """A file of tasks. Projects and labels are by the key of their names; each has at least a name."""

    tasks: list[FileTask] = field(default_factory=list)
    projects: dict[str, Values] = field(default_factory=dict)
    labels: dict[str, Values] = field(default_factory=dict)

    def add(self, kind: str, values: Values, moment: datetime) -> None:
        """Add what a row says. Raises ValidationError if another row has its name."""
        if kind == "tasks":
            self._add_task(values, moment)
            return
        known: dict[str, Values] = getattr(self, kind)
        key = name_key(values["name"])
        if "given" in known.get(key, ()):
            raise ValidationError("Another row has it too.", "name")
        known[key] = {**values, "given": True}

    def _add_task(self, values: Values, moment: datetime) -> None:
        labels = list(dict.fromkeys(name_key(name) for name in values.get("labels") or ()))
        for name in values.get("labels") or ():
            self.labels.setdefault(name_key(name), {"name": name})
        project = values.get("project")
        if project:
            self.projects.setdefault(name_key(project), {"name": project})
        row = new_row(
            {name: values.get(name) for name in TAKEN_OVER},
            UTC_ZONE,  # until the owner is locked, whose time zone decides
            created_at=values.get("created_at") or moment,
            updated_at=moment,
        )
        key = name_key(project) if project else None
        self.tasks.append(FileTask(pack(row, labels), values.get("id"), values.get("parent_id"), key))


def read_file(form: str, pieces: Pieces, moment: datetime) -> File:
    """Return what the file says. Responds 400, or 422 with what is wrong with each row."""
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
            file = File()  # nothing of it will be kept
    faults.refuse()
    for index, messages in check_links(file.tasks):
        faults.add("tasks", index, messages)
    faults.refuse()
    return file


def _rows(form: str, pieces: Pieces) -> Iterator[tuple[str, Any]]:
    """Yield the rows of the file, each with the kind that it is of."""
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
    """What is wrong with the rows of a file. The first are listed; all are counted."""

    def __init__(self, form: str) -> None:
        self.count = 0
        self._form = form
        self._listed: dict[Any, Any] = {}

    def add(self, kind: str, index: int, messages: Any) -> None:
        """Add a row: a task by its index from 0, a project or label by its kind and index."""
        self.count += 1
        if self.count <= MOST_LISTED:
            listed = self._listed if kind == "tasks" else self._listed.setdefault(kind, {})
            listed[index] = messages

    def refuse(self) -> None:
        """Respond 422 if there is any."""
        if self.count:
            invalid(self._form, self._listed, invalid_rows=self.count)
