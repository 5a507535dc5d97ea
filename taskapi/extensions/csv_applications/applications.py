"""The CSV files of other applications: how each one is recognized, and which task a row becomes.

What a task cannot have, such as "every Friday" as a due date, goes to the description, with a warning. Sections, lists
and columns of a board become labels.
"""

import re
from typing import Final
from zoneinfo import ZoneInfo

from flask import Flask
from marshmallow import ValidationError

from taskapi.api.errors import shorten
from taskapi.api.fields import timezone_names
from taskapi.api.parsing import MAX_MEMBERS
from taskapi.config import Settings
from taskapi.extensions.csv_imports.cells import Application, Cells, Dates, Rows, Tasks, Values, reject
from taskapi.extensions.csv_imports.csv_reader import register_applications
from taskapi.tasks.schemas import TASK

UNTITLED: Final = "Untitled"
NO_SECTION: Final = {"untitled section", "(no section)", "not sectioned"}
NO_DATE: Final = "0001-01-01"
TRUE: Final = {"true", "1", "yes", "y", "x", "done"}
_AT_LABEL = re.compile(r"(?:^|\s)@(\S+)")
_COLOR = re.compile(r" ?\([a-z]{1,10}(?:_(?:light|dark))?\)$")


class Draft:
    """The task of a row, while its values are set."""

    def __init__(self, index: int, row: Cells, dates: Dates, **columns: str) -> None:
        """Take the values that need no conversion. `columns` names the columns of fields."""
        self.index, self.row, self.dates = index, row, dates
        self.values: Values = {field: row[column] for field, column in columns.items() if column in row}
        if not self.values.get("title", "").strip():
            self.values["title"] = UNTITLED
            dates.findings.warn("The row has no title.", index)

    def keep(self, name: str, text: str, reason: str) -> None:
        """Add text to the description, with a warning."""
        self.values["description"] = "\n\n".join(filter(None, (self.values.get("description"), f"{name}: {text}")))
        self.dates.findings.warn(f"{name} {shorten(text)!r} is in the description, because {reason}.", self.index)

    def set_due(self, text: str | None, zone: str = "", name: str = "Due") -> None:
        """Set the due date. Text that is no date, or another due date, is kept in the description."""
        if not text or text.startswith(NO_DATE):
            return
        try:
            due = self.dates.due(text, ZoneInfo(zone) if zone in timezone_names() else None)
        except ValidationError as error:
            reject(self.values, "due_date", error)
            return
        if due and not self.values.keys() & {"due_date", "due_at"}:
            self.values |= due
        else:
            self.keep(name, text, "a task has one due date" if due else "it is not a date with a year")

    def set_rule(self, text: str) -> None:
        """Set the rule of a recurring task. A rule that a task cannot have is kept in the description."""
        try:
            rule = TASK.fields["recurrence"].deserialize(text)
        except ValidationError as error:
            self.keep("Repeat", text, f"it is not accepted: {error.messages[0]}")
            return
        if self.values.keys() & {"due_date", "due_at"}:
            self.values["recurrence"] = rule
        else:
            self.keep("Repeat", text, "the task has no due date")

    def set_instants(self, **columns: str) -> None:
        """Set instants. `columns` names the columns of fields."""
        for field, column in columns.items():
            if (text := self.row.get(column, NO_DATE)) and not text.startswith(NO_DATE):
                try:
                    self.values[field] = self.dates.instant(text)
                except ValidationError as error:
                    reject(self.values, field, error)


def _names(text: str | None, *more: str | None) -> list[str]:
    """Return comma-separated names, and other names, each once. A task can have fewer labels than MAX_MEMBERS."""
    names = [name.strip() for name in (text or "").split(",")]
    names += [name.strip() for name in more if name and name.strip().casefold() not in NO_SECTION]
    return [*dict.fromkeys(filter(None, names))][:MAX_MEMBERS]


def _todoist(rows: Rows, dates: Dates) -> Tasks:
    """Read a project: rows are tasks, sections, or notes of the task before them. INDENT is the depth of a task."""
    priorities = {"1": "urgent", "2": "high", "3": "medium", "4": "none"}
    section: str | None = None
    parents: list[str] = []
    notes: list[str] = []
    last: tuple[int, Values] | None = None

    def finish() -> Tasks:
        if last:
            last[1]["description"] = "\n\n".join(filter(None, (last[1].get("description"), *notes)))
            notes.clear()
            yield last

    for index, row in rows:
        kind = row.get("type", "task").casefold()
        if kind == "note":
            notes += [row["content"]] if last and "content" in row else []
            if not last:
                dates.findings.warn("A comment of the project is not imported.", index)
            continue
        yield from finish()
        last = None
        if kind == "section":
            section, parents = row.get("content"), []
        elif kind == "task":
            draft = Draft(index, row, dates, title="content", description="description")
            values = draft.values
            if title := _AT_LABEL.sub("", values["title"]).strip():
                values["labels"] = _names(None, *_AT_LABEL.findall(values["title"]), section)
                values["title"] = title
            values["priority"] = priorities.get(row.get("priority", ""), "none")
            depth = int(row["indent"]) if row.get("indent", "") in {"1", "2", "3", "4", "5", "6", "7"} else 1
            parents = parents[: depth - 1]
            values |= {"id": str(index), "parent_id": parents[-1] if parents else None}
            parents.append(values["id"])
            draft.set_due(row.get("date"), row.get("timezone", ""))
            draft.set_due(row.get("deadline"), name="Deadline")
            last = (index, values)
    yield from finish()


def _ticktick(rows: Rows, dates: Dates) -> Tasks:
    """Read a backup of all lists."""
    priorities = {"1": "low", "3": "medium", "5": "high"}
    statuses = {"1": "done", "2": "done", "-1": "cancelled"}
    for index, row in rows:
        draft = Draft(index, row, dates, id="taskid", title="title", description="content", project="listname",
            parent_id="parentid",
        )  # fmt: skip
        values = draft.values
        values["labels"] = _names(row.get("tags"), row.get("columnname"))
        values["priority"] = priorities.get(row.get("priority", ""), "none")
        values["status"] = statuses.get(row.get("status", ""), "todo")
        zone, due = row.get("timezone", ""), row.get("duedate") or row.get("startdate", "")
        known = ZoneInfo(zone) if zone in timezone_names() else dates.zone
        if row.get("isallday", "").casefold() in TRUE and (day := dates.day_in(known, due)):
            values["due_date"] = day
        else:
            draft.set_due(due, zone)
        if "repeat" in row:
            draft.set_rule(row["repeat"])
        done = {"completed_at": "completedtime"} if values["status"] == "done" else {}
        draft.set_instants(created_at="createdtime", **done)
        yield index, values


def _asana(rows: Rows, dates: Dates) -> Tasks:
    """Read a project or a search. A subtask names its parent by title; the last row with that title is meant."""
    by_title: dict[str, str] = {}
    for index, row in rows:
        draft = Draft(index, row, dates, id="taskid", title="name", description="notes", parent_id="parenttaskid")
        values = draft.values
        values.setdefault("id", str(index))
        project, *others = _names(row.get("projects")) or [""]
        values["project"] = project or None
        values["labels"] = _names(row.get("tags"), row.get("sectioncolumn"), *others)
        draft.set_due(row.get("duedate"))
        done = {"completed_at": "completedat"} if "completedat" in row else {}
        values["status"] = "done" if done else "todo"
        draft.set_instants(created_at="createdat", **done)
        if "parenttask" in row and "parent_id" not in values:
            values["parent_id"] = by_title.get(row["parenttask"].strip())
            if values["parent_id"] is None:
                draft.keep("Parent task", row["parenttask"], "no row before has this title")
        by_title[values["title"].strip()] = values["id"]
        yield index, values


def _trello(rows: Rows, dates: Dates) -> Tasks:
    """Read the cards of a board. An archived card that is not complete is cancelled."""
    for index, row in rows:
        draft = Draft(index, row, dates, title="cardname", description="carddescription", project="boardname")
        values = draft.values
        names = (_COLOR.sub("", name) or name.strip("()") for name in _names(row.get("labels")))
        values["labels"] = _names(None, *names, row.get("listname"))
        archived = row.get("archived", "").casefold() in TRUE
        is_done = row.get("duecomplete", "").casefold() in TRUE
        values["status"] = "done" if is_done else "cancelled" if archived else "todo"
        draft.set_due(row.get("duedate"))
        yield index, values


def _vikunja(rows: Rows, dates: Dates) -> Tasks:
    """Read tasks with the attributes of Vikunja. The day 1 of the year 1 is an empty date."""
    priorities = {"1": "low", "2": "medium", "3": "high", "4": "urgent", "5": "urgent"}
    for index, row in rows:
        draft = Draft(index, row, dates, title="title", description="description", project="project")
        values = draft.values
        values["labels"] = _names(row.get("labels"))
        values["priority"] = priorities.get(row.get("priority", ""), "none")
        is_done = row.get("done", "").casefold() in TRUE
        values["status"] = "done" if is_done else "todo"
        draft.set_due(row.get("duedate"))
        done = {"completed_at": "doneat"} if is_done else {}
        draft.set_instants(created_at="created", **done)
        yield index, values


def _columns(text: str) -> dict[str, str]:
    """Return the fields by column, from `column:field` pairs."""
    return dict(pair.split(":") for pair in text.split())


APPLICATIONS: Final[tuple[Application, ...]] = (
    Application(
        "todoist",
        frozenset({"type", "content", "indent"}),
        _columns(
            "type:labels content:title description:description priority:priority indent:parent_id date:due_date "
            "timezone:due_at deadline:due_date"
        ),
        _todoist,
    ),
    Application(
        "ticktick",
        frozenset({"listname", "title", "ischecklist"}),
        _columns(
            "listname:project title:title tags:labels content:description startdate:due_date duedate:due_date "
            "repeat:description priority:priority status:status createdtime:created_at completedtime:completed_at "
            "timezone:due_at isallday:due_date columnname:labels taskid:id parentid:parent_id"
        ),
        _ticktick,
    ),
    Application(
        "asana",
        frozenset({"taskid", "name", "sectioncolumn"}),
        _columns(
            "taskid:id createdat:created_at completedat:completed_at name:title sectioncolumn:labels duedate:due_date "
            "tags:labels notes:description projects:project parenttask:parent_id parenttaskid:parent_id"
        ),
        _asana,
    ),
    Application(
        "trello",
        frozenset({"cardname", "listname", "boardname"}),
        _columns(
            "cardname:title carddescription:description labels:labels duedate:due_date listname:labels "
            "boardname:project archived:status duecomplete:status"
        ),
        _trello,
    ),
    Application(
        "vikunja",
        frozenset({"title", "done"}),
        _columns(
            "title:title description:description done:status duedate:due_date priority:priority labels:labels "
            "project:project doneat:completed_at created:created_at"
        ),
        _vikunja,
    ),
)


def init_applications(_app: Flask, _settings: Settings) -> None:
    """Let imports of CSV recognize the files of these applications."""
    register_applications(APPLICATIONS)
