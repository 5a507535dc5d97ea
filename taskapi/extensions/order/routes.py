"""The route /tasks/{id}/move."""

from typing import Any, ClassVar
from uuid import UUID

from marshmallow import ValidationError, fields, validates_schema

from taskapi.api import Blueprint
from taskapi.api.fields import BodySchema
from taskapi.api.openapi_examples import TASK_ID
from taskapi.database import db
from taskapi.extensions.order.moves import place_task
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.tasks.models import Task
from taskapi.tasks.routes import tasks
from taskapi.tasks.schemas import TASK

blp = Blueprint("order", __name__, url_prefix="/api/v1/tasks", tag="tasks")


class TaskMoveSchema(BodySchema):
    """The new place of a task: directly before or after another task of the same project and parent."""

    described: ClassVar = {"minProperties": 1, "maxProperties": 1}  # for the OpenAPI document

    after = fields.UUID(metadata={"description": "The task that comes directly before it."})
    before = fields.UUID(metadata={"description": "The task that comes directly after it. Not together with `after`."})

    @validates_schema
    def one_place(self, place: dict[str, Any], **_: Any) -> None:
        """Reject a body without exactly one of them."""
        if len(place) != 1:
            raise ValidationError("Give after or before, and not both.", "after")


PLACES = {"After another task": {"after": TASK_ID}, "Before another task": {"before": TASK_ID}}


@blp.post("/<uuid:task_id>/move")
@blp.arguments(TaskMoveSchema, examples=PLACES)
@blp.response(200, TASK, etag=True, errors=("in_trash", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def move_task(place: dict[str, UUID], task_id: UUID) -> Task:
    """Move one of your tasks before or after another task of the same project and parent.

    Only its `position` changes. Rarely, tasks near it get new positions too, without a change of their order. A task
    that is already there, or that names itself, does not change. List tasks with `sort=position` to see the order.
    """
    task = tasks.lock(task_id)
    place_task(task, place)
    db.session.commit()
    return task
