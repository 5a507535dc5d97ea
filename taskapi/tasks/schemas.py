"""What a task looks like, and what the list of them can be asked for."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length

from taskapi.api.fields import BodySchema, Choice, Day, DayOrInstant, Instant, PatchSchema, Switch, Text
from taskapi.api.openapi_examples import PROJECT_ID, TASK_ID
from taskapi.resources.pagination import PageSchema
from taskapi.tasks.models import Priority, Status
from taskapi.tasks.search import SearchWords

STATUSES = [status.value for status in Status]
PRIORITIES = [priority.value for priority in Priority]
MOST_LABELS = 20  # of a task
WITHOUT = ("project", "parent", "labels", "due")
SORTS = ("created_at", "updated_at", "completed_at", "due", "priority", "title")


class TaskSchema(Schema):
    """A task."""

    id = fields.UUID(dump_only=True, metadata={"example": TASK_ID})
    title = Text(1, 200, required=True, metadata={"example": "Water the plants"})
    description = Text(0, 20_000, multiline=True, allow_none=True, metadata={"example": "Those on the balcony too."})
    status = Choice(STATUSES, metadata={"description": "`todo`, unless a new task says otherwise."})
    priority = Choice(
        PRIORITIES, metadata={"description": "`none`, unless a new task says otherwise.", "example": "high"}
    )
    due_date = Day(
        allow_none=True, metadata={"description": "A day. Never together with `due_at`.", "example": "2030-06-01"}
    )
    due_at = Instant(allow_none=True, metadata={"description": "An instant. Never together with `due_date`."})
    project_id = fields.UUID(
        allow_none=True,
        metadata={
            "description": "One of your projects, not an archived one. A subtask is in the project of its parent: it "
            "takes that on creation and moves with it. With a `parent_id` it may be left out or null, or name that "
            "project. A PATCH that names another `project_id` and no `parent_id` takes the task out of its parent.",
            "example": PROJECT_ID,
        },
    )
    parent_id = fields.UUID(
        allow_none=True,
        metadata={"description": "One of your tasks, which this one is part of. At most 5 deep, and no cycles."},
    )
    labels = fields.List(
        Text(1, 50),
        validate=Length(0, MOST_LABELS),
        allow_none=True,
        metadata={
            "description": "Names of your labels, alphabetically. Unknown ones are created; case makes no difference.",
            "example": ["home", "garden"],
        },
    )
    created_at = Instant(dump_only=True)
    updated_at = Instant(dump_only=True)
    completed_at = Instant(dump_only=True, allow_none=True, metadata={"description": "Follows `status`."})
    deleted_at = Instant(dump_only=True, allow_none=True, metadata={"description": "When it went into the trash."})
    version = fields.Integer(
        dump_only=True, metadata={"description": "Your change number when it last changed; its ETag.", "example": 7}
    )

    @validates_schema
    def one_due(self, task: dict[str, Any], **_: Any) -> None:
        """Refuse a day and an instant together."""
        if task.get("due_date") and task.get("due_at"):
            raise ValidationError("Give due_date or due_at, not both.", "due_at")


class TaskCreateSchema(BodySchema, TaskSchema):
    """A new task. Only a title is needed."""


class TaskPatchSchema(PatchSchema, TaskSchema):
    """What changes in a task: the fields that are named. Null clears one."""


TASK = TaskSchema()
NEW_TASK = TaskCreateSchema()
NAMES = tuple(TASK.dump_fields)
TASK_CHANGES = TaskPatchSchema()
CREATED = {
    "A title is enough": {"title": "Water the plants"},
    "With what there is to say": {
        "title": "Water the plants",
        "description": "Those on the balcony too.",
        "priority": "high",
        "due_date": "2030-06-01",
        "project_id": PROJECT_ID,
        "labels": ["home", "garden"],
    },
    "Part of another task, due at an instant": {
        "title": "Fill the can",
        "parent_id": TASK_ID,
        "due_at": "2030-06-01T09:00:00+02:00",
    },
}
CHANGED = {
    "Done": {"status": "done"},
    "Put off": {"due_date": "2030-06-08", "priority": "low"},
    "Due at no time, and without labels": {"due_date": None, "labels": []},
}


_KEY = f"-?({'|'.join(SORTS)})"


class Sort(fields.String):
    """Up to three different sort keys, comma-separated, `-` for descending."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {
            "pattern": f"^{_KEY}(,{_KEY}){{0,2}}$",
            "default": "-created_at",
            "description": "Up to three keys, `-` before one for descending: `-priority,due`. Tasks without a due "
            "date, or that are not completed, come last.",
        }
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:  # type: ignore[override]
        keys = tuple(str(value).split(","))
        names = [key.removeprefix("-") for key in keys]
        if len(keys) > 3 or len(set(names)) < len(names) or not set(names) <= set(SORTS):
            raise ValidationError(f"Up to three different ones of {', '.join(SORTS)}, `-` before one for descending.")
        return keys


class TaskQuerySchema(PageSchema):
    """Which tasks, in which order. After means from then on, before means until just before.

    A day is a day in the account's `timezone`. It starts at midnight there, or at the first instant after a midnight
    that clocks skip. A due day counts as its last microsecond.
    """

    status = fields.List(Choice(STATUSES), validate=Length(1, 4), metadata={"description": "Of one of these."})
    priority = fields.List(Choice(PRIORITIES), validate=Length(1, 5), metadata={"description": "Of one of these."})
    project_id = fields.UUID(metadata={"description": "In this project."})
    parent_id = fields.UUID(metadata={"description": "Direct subtasks of this task."})
    label = fields.List(Text(1, 50), validate=Length(1, 20), metadata={"description": "With all of these labels."})
    exclude_label = fields.List(
        Text(1, 50), validate=Length(1, 20), metadata={"description": "With none of these labels."}
    )
    without = fields.List(
        Choice(WITHOUT),
        validate=Length(1, 4),
        metadata={"description": "Without a project, a parent task, labels, or a due date. Repeat to require several."},
    )
    due_after = DayOrInstant("Due from this day or instant on.")
    due_before = DayOrInstant("Due until just before this day or instant.")
    overdue = Switch(metadata={"description": "Open, and due before now."})
    created_after = DayOrInstant("Made from this day or instant on.")
    created_before = DayOrInstant("Made until just before this day or instant.")
    updated_after = DayOrInstant("Last changed from this day or instant on.")
    completed_after = DayOrInstant("Completed from this day or instant on.")
    completed_before = DayOrInstant("Completed until just before this day or instant.")
    q = SearchWords()
    archived = Switch(
        metadata={
            "description": "`true`: also the tasks of archived projects. Otherwise they are left out, unless "
            "`project_id` or `parent_id` asks for them, or `deleted` for the trash."
        }
    )
    deleted = Switch(metadata={"description": "The trash instead."})
    sort = Sort(load_default=("-created_at",))


class TaskPageSchema(Schema):
    """A page of tasks."""

    items = fields.List(fields.Nested(TaskSchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})


class SummarySchema(Schema):
    """Counts of your tasks, without the trash and archived projects. Days end when they end where you live."""

    by_status = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"example": {"todo": 12, "in_progress": 2, "done": 31, "cancelled": 1}},
    )
    overdue = fields.Integer(metadata={"description": "Open ones whose due day or instant is past.", "example": 1})
    due_today = fields.Integer(
        metadata={"description": "Open ones due on this day that are not overdue yet.", "example": 3}
    )
