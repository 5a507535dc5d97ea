"""The schemas of tasks, of the query of their list, and of their summary."""

from collections.abc import Callable
from typing import Any

from flask import Flask, current_app
from marshmallow import Schema, ValidationError, fields, validates_schema

from taskapi.api.fields import BodySchema, Choice, Day, DayOrInstant, Instant, Items, PatchSchema, Switch, Text
from taskapi.api.openapi_examples import PROJECT_ID, TASK_ID
from taskapi.projects.schemas import TaskCountsSchema
from taskapi.resources.pagination import PageSchema
from taskapi.tasks.models import MAX_RULE_LENGTH, Priority, RecurrenceStart, Status
from taskapi.tasks.reminders import Reminders
from taskapi.tasks.search import SearchWords

STATUSES = [status.value for status in Status]
PRIORITIES = [priority.value for priority in Priority]
MAX_LABELS = 20  # of a task
_PARSER = "taskapi-recurrence-parser"
NEEDS_DUE = "A recurring task needs a due date."
SORTS = ("created_at", "updated_at", "completed_at", "due", "priority", "title", "position")


class TaskStatusChoice(Choice):
    """The status of a task."""

    values = STATUSES


class TaskPriorityChoice(Choice):
    """The priority of a task, from the lowest to the highest."""

    values = PRIORITIES


class TaskPartChoice(Choice):
    """A part that a task can be without."""

    values = ("project", "parent", "labels", "due")


class TaskRecurrenceStartChoice(Choice):
    """The date from which the next one of a recurring task is counted."""

    values = tuple(start.value for start in RecurrenceStart)


class RecurrenceRule(Text):
    """A rule of RFC 5545. The parser of an extension returns its canonical form; without a parser, none is valid."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        rule = super()._deserialize(value, attr, data, **kwargs)
        if not 1 <= len(rule) <= MAX_RULE_LENGTH:
            return rule  # rejected by the validator
        parse = current_app.extensions.get(_PARSER)
        if parse is None:
            raise ValidationError("This server has no recurring tasks.")
        canonical: str = parse(rule)
        return canonical


def set_recurrence_parser(app: Flask, parse: Callable[[str], str]) -> None:
    """Register the function that returns the canonical form of a rule, or raises ValidationError."""
    app.extensions[_PARSER] = parse


class TaskSchema(Schema):
    """A task."""

    id = fields.UUID(dump_only=True, metadata={"example": TASK_ID})
    title = Text(1, 200, required=True, metadata={"example": "Water the plants"})
    description = Text(
        0,
        20_000,
        multiline=True,
        allow_none=True,
        metadata={"never_null": True, "example": "Those on the balcony too."},
    )
    status = TaskStatusChoice(metadata={"description": "The default of a new task is `todo`."})
    priority = TaskPriorityChoice(metadata={"description": "The default of a new task is `none`.", "example": "high"})
    due_date = Day(
        allow_none=True,
        metadata={"description": "The day on which it is due. Not together with `due_at`.", "example": "2030-06-01"},
    )
    due_at = Instant(
        allow_none=True, metadata={"description": "The instant at which it is due. Not together with `due_date`."}
    )
    project_id = fields.UUID(
        allow_none=True,
        metadata={
            "description": "One of your projects that is not archived. A subtask is always in the project of its "
            "parent: with a `parent_id`, leave it out, send null, or name that project. A PATCH that names another "
            "`project_id` and no `parent_id` removes the task from its parent.",
            "example": PROJECT_ID,
        },
    )
    parent_id = fields.UUID(
        allow_none=True,
        metadata={"description": "One of your tasks. Trees of tasks have at most 5 levels, and no cycles."},
    )
    labels = fields.List(
        Text(1, 50),
        validate=Items(0, MAX_LABELS),
        allow_none=True,
        metadata={
            "never_null": True,
            "description": "Names of your labels, sorted. Labels that do not exist are created. Case is ignored.",
            "example": ["home", "garden"],
        },
    )
    recurrence = RecurrenceRule(
        1,
        MAX_RULE_LENGTH,
        allow_none=True,
        metadata={
            "description": "The rule by which it recurs, as in RFC 5545: `FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH`. Only "
            "with a due date. When its `status` becomes `done`, a task with the next due date is added.",
            "pattern": "^[A-Za-z]+[:=][A-Za-z0-9:=;,+-]*$",
            "example": "FREQ=WEEKLY;BYDAY=SA",
        },
    )
    recurrence_from = TaskRecurrenceStartChoice(
        metadata={"description": "Whether the next date is counted from the due date (the default) or completion."}
    )
    reminders = Reminders(
        never_null=True,
        description="When to remind of it: instants, and durations before the due date as in ISO 8601, such as "
        "`PT30M`, `P1D` or `PT0S`. A day is a calendar day of the account's `timezone`. A task that is due on a day "
        "counts as due at 9:00 of that day.",
        example=["P1D", "PT30M"],
    )
    next_id = fields.UUID(
        dump_only=True,
        allow_none=True,
        metadata={
            "description": "The task that was added when this one was completed. It may have been deleted since."
        },
    )
    position = fields.String(
        dump_only=True,
        metadata={
            "description": "Its place among the tasks of the same project and parent, which sort by the bytes of this "
            "text: hexadecimal digits, at most 64. A new task is the last one, and so is a task whose project or "
            "parent changes.",
            "pattern": "^[0-9a-f]{1,64}$",
            "example": "01980a5c3f007a108c4e5d1f0a2b3c03",
        },
    )
    created_at = Instant(dump_only=True)
    updated_at = Instant(dump_only=True)
    completed_at = Instant(dump_only=True, allow_none=True, metadata={"description": "When `status` became `done`."})
    deleted_at = Instant(dump_only=True, allow_none=True, metadata={"description": "When it was moved to the trash."})
    version = fields.Integer(
        dump_only=True,
        metadata={"description": "The version, which every change increases. It is also the ETag.", "example": 7},
    )

    @validates_schema
    def one_due(self, task: dict[str, Any], **_: Any) -> None:
        """Reject a due day together with a due instant, and a recurrence without either."""
        if task.get("due_date") and task.get("due_at"):
            raise ValidationError("Give due_date or due_at, not both.", "due_at")
        if task.get("recurrence") and not self.partial and not task.get("due_date") and not task.get("due_at"):
            raise ValidationError(NEEDS_DUE, "recurrence")


class TaskCreateSchema(BodySchema, TaskSchema):
    """A new task. Only the title is required."""


class TaskPatchSchema(PatchSchema, TaskSchema):
    """The changes of a task. Fields that are not named keep their value; null clears a field."""


TASK = TaskSchema()
NEW_TASK = TaskCreateSchema()
NAMES = tuple(TASK.dump_fields)
TASK_CHANGES = TaskPatchSchema()
CREATED = {
    "Only a title": {"title": "Water the plants"},
    "With more fields": {
        "title": "Water the plants",
        "description": "Those on the balcony too.",
        "priority": "high",
        "due_date": "2030-06-01",
        "project_id": PROJECT_ID,
        "labels": ["home", "garden"],
    },
    "A subtask that is due at an instant": {
        "title": "Fill the can",
        "parent_id": TASK_ID,
        "due_at": "2030-06-01T09:00:00+02:00",
        "reminders": ["PT30M"],
    },
}
CHANGED = {
    "Done": {"status": "done"},
    "Due later, and less urgent": {"due_date": "2030-06-08", "priority": "low"},
    "Without a due date and labels": {"due_date": None, "labels": []},
}


_KEY = f"-?({'|'.join(SORTS)})"


class Sort(fields.String):
    """Up to three different sort keys, comma-separated, `-` for descending."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {
            "pattern": f"^{_KEY}(,{_KEY}){{0,2}}$",
            "default": "-created_at",
            "example": "-priority,due",
            "description": "Up to three keys; `-` before a key for descending order: `-priority,due`. Tasks "
            "without a due date, or that are not completed, come last.",
        }
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:  # type: ignore[override]
        keys = tuple(str(value).split(","))
        names = [key.removeprefix("-") for key in keys]
        if len(keys) > 3 or len(set(names)) < len(names) or not set(names) <= set(SORTS):
            raise ValidationError(f"Up to three different ones of {', '.join(SORTS)}, `-` before one for descending.")
        return keys


class TaskQuerySchema(PageSchema):
    """The filters and the sort order of a list. `after` includes the instant, `before` excludes it.

    A day is a day in the account's `timezone`. It starts at midnight, or at the first instant after it if clocks skip
    midnight. A task that is due on a day is due at its last microsecond.
    """

    status = fields.List(TaskStatusChoice(), validate=Items(1, 4), metadata={"description": "With one of these."})
    priority = fields.List(TaskPriorityChoice(), validate=Items(1, 5), metadata={"description": "With one of these."})
    project_id = fields.UUID(metadata={"description": "In this project.", "example": PROJECT_ID})
    parent_id = fields.UUID(metadata={"description": "Direct subtasks of this task.", "example": TASK_ID})
    label = fields.List(
        Text(1, 50),
        validate=Items(1, 20),
        metadata={"description": "With all of these labels.", "example": ["home", "garden"]},
    )
    exclude_label = fields.List(
        Text(1, 50), validate=Items(1, 20), metadata={"description": "With none of these labels.", "example": ["work"]}
    )
    without = fields.List(
        TaskPartChoice(),
        validate=Items(1, 4),
        metadata={"description": "Without a project, a parent task, labels, or a due date. Repeat to require several."},
    )
    due_after = DayOrInstant("Due at this day or instant, or later.")
    due_before = DayOrInstant("Due before this day or instant.")
    overdue = Switch(metadata={"description": "Open, and due before now."})
    created_after = DayOrInstant("Created at this day or instant, or later.")
    created_before = DayOrInstant("Created before this day or instant.")
    updated_after = DayOrInstant("Last changed at this day or instant, or later.")
    updated_before = DayOrInstant("Last changed before this day or instant.")
    completed_after = DayOrInstant("Completed at this day or instant, or later.")
    completed_before = DayOrInstant("Completed before this day or instant.")
    q = SearchWords()
    archived = Switch(
        metadata={
            "description": "`true` includes the tasks of archived projects. Without it they are left out, unless "
            "the query has `project_id`, `parent_id` or `deleted`."
        }
    )
    deleted = Switch(metadata={"description": "`true` lists the trash instead."})
    sort = Sort(load_default=("-created_at",))


class TaskPageSchema(Schema):
    """A page of tasks."""

    items = fields.List(fields.Nested(TaskSchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})


class SubtaskCountsQuerySchema(Schema):
    """The tasks whose subtasks are counted."""

    task_id = fields.List(
        fields.UUID(),
        load_default=list,
        validate=Items(1, 100),
        metadata={"description": "A task. Repeat it for several.", "example": [TASK_ID]},
    )


class SubtaskCountsSchema(Schema):
    """The number of direct subtasks of a task, without the trash."""

    task_id = fields.UUID(metadata={"example": TASK_ID})
    total = fields.Integer(metadata={"description": "All of them.", "example": 5})
    done = fields.Integer(metadata={"description": "Those that are done.", "example": 2})


class SubtaskCountsListSchema(Schema):
    """The counts of the tasks that have subtasks."""

    items = fields.List(fields.Nested(SubtaskCountsSchema))


class SummarySchema(Schema):
    """Counts of your tasks, without the trash and archived projects, by the days of your account's time zone."""

    by_status = fields.Nested(TaskCountsSchema)
    overdue = fields.Integer(metadata={"description": "Open tasks whose due day or instant is past.", "example": 1})
    due_today = fields.Integer(metadata={"description": "Open tasks that are due today and not overdue.", "example": 3})
