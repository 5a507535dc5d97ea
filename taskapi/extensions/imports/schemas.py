"""The schemas and examples of imports."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from taskapi.api.fields import BodySchema, Instant, Items, Switch, Text
from taskapi.labels.schemas import NEW_LABEL, LabelCreateSchema
from taskapi.projects.schemas import NEW_PROJECT, ProjectCreateSchema
from taskapi.tasks.models import Status
from taskapi.tasks.schemas import TaskSchema

MAX_ROWS = 20_000


class FileTaskSchema(BodySchema, TaskSchema):
    """A task in a file. It names its project by name, and its parent by the `id` in the file."""

    read_only = ("project_id", "next_id", "deleted_at", "version")

    id = Text(  # type: ignore[assignment]
        1,
        64,
        metadata={"description": "The id in the file, for `parent_id`. An import creates new ids.", "example": "1"},
    )
    project = Text(
        1,
        100,
        allow_none=True,
        metadata={
            "description": "A project's name; an unknown one is created. A subtask is in the project of its parent.",
            "example": "Balcony",
        },
    )
    parent_id = Text(  # type: ignore[assignment]
        1, 64, allow_none=True, metadata={"description": "The id of another row of the file."}
    )
    created_at = Instant(allow_none=True)
    updated_at = Instant(allow_none=True, metadata={"description": "For information; an import ignores it."})
    completed_at = Instant(allow_none=True, metadata={"description": "Only with the status `done`."})

    class Meta:
        exclude = ("project_id", "next_id", "deleted_at", "version")

    @validates_schema
    def completed_when_done(self, task: dict[str, Any], **_: Any) -> None:
        """Reject a completion time of a task that is not done."""
        if task.get("completed_at") and task.get("status") != Status.DONE:
            raise ValidationError("Only a task with the status done can have it.", "completed_at")

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def project_by_name(self, _task: dict[str, Any], original: Any, **_: Any) -> None:
        """Reject a `project_id` without `project`, because the task would lose its project."""
        if isinstance(original, dict) and original.get("project_id") is not None and not original.get("project"):
            raise ValidationError("Name the project in `project` instead.", "project_id")


class TaskFileSchema(BodySchema):
    """A file of tasks, with the projects and labels that they are in.

    `projects` and `labels` may be left out: a project or label that only tasks name is created with this name alone.
    Fields that a task, project or label shows elsewhere (`version`, `task_counts`, …) are accepted and ignored.
    `project_id` is ignored too, if it is null or the task has a `project`. A new project gets its tasks even if it is
    archived.
    """

    projects = fields.List(fields.Nested(ProjectCreateSchema), validate=Items(0, MAX_ROWS))
    labels = fields.List(fields.Nested(LabelCreateSchema), validate=Items(0, MAX_ROWS))
    tasks = fields.List(fields.Nested(FileTaskSchema), required=True, validate=Items(0, MAX_ROWS))


class UploadSchema(BodySchema):
    """A form with one file."""

    file = fields.String(required=True, metadata={"format": "binary", "description": "The file."})


class ImportQuerySchema(Schema):
    """The options of an import."""

    dry_run = Switch(
        metadata={"description": "Check the file and report what an import would create, but store nothing."}
    )


class RowWarningSchema(Schema):
    """Something in a file that an import does not keep as it is."""

    row = fields.Integer(
        allow_none=True,
        metadata={"description": "The row, counted as in errors; null if it concerns the whole file.", "example": 0},
    )
    message = fields.String(metadata={"example": "The title was too long. All of it is in the description."})


class ImportedSchema(Schema):
    """What an import has created, or would create."""

    created = fields.Integer(metadata={"description": "The number of new tasks.", "example": 2})
    projects = fields.Integer(metadata={"description": "The number of new projects.", "example": 1})
    labels = fields.Integer(metadata={"description": "The number of new labels.", "example": 0})
    dry_run = fields.Boolean()


class ImportedWithWarningsSchema(ImportedSchema):
    """What an import has created, or would create, and the warnings. Subclasses add `source`."""

    warnings = fields.List(fields.Nested(RowWarningSchema), metadata={"description": "The first 100."})
    warning_count = fields.Integer(metadata={"description": "The number of all warnings.", "example": 1})


FILE_TASK = FileTaskSchema()
ROW_SCHEMAS: dict[str, Schema] = {"tasks": FILE_TASK, "projects": NEW_PROJECT, "labels": NEW_LABEL}
JSON_EXAMPLE = {
    "projects": [{"name": "Balcony", "color": "#3366ff"}],
    "tasks": [
        {"id": "1", "title": "Water the plants", "project": "Balcony", "labels": ["home"], "due_date": "2030-06-01"},
        {"title": "Fill the can", "parent_id": "1"},
    ],
}
