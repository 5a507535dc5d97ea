"""/labels: the labels of your tasks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response

from taskapi.api import Blueprint
from taskapi.api.fields import DeletionSchema
from taskapi.api.parsing import JSON, MERGE_PATCH
from taskapi.database import JsonRow, db, now
from taskapi.labels.models import Label
from taskapi.labels.schemas import (
    CHANGED,
    CREATED,
    LABEL,
    LABEL_CHANGES,
    NEW_LABEL,
    RESTORED,
    LabelPageSchema,
    LabelQuerySchema,
    LabelRestoreSchema,
)
from taskapi.resources.crud import Resource
from taskapi.resources.idempotency import idempotent
from taskapi.resources.ownership import save
from taskapi.resources.pagination import SortKey
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.tasks.edit import update_labelled_tasks


class Labels(Resource[Label]):
    """Labels. The tasks that show a label change with it."""

    def apply(self, row: Label, changes: dict[str, Any]) -> None:
        """Set the fields that `changes` names; a new name changes the tasks."""
        is_renamed = row in db.session and row.deleted_at is None and changes.get("name", row.name) != row.name
        super().apply(row, changes)
        if is_renamed:
            save(row)
            update_labelled_tasks(row.id)

    def after_trash(self, row: Label, _moment: datetime) -> None:
        """Update the tasks with the label, which no longer show it."""
        update_labelled_tasks(row.id)

    def after_restore(self, row: Label) -> None:
        """Update the tasks with the label, which show it again."""
        update_labelled_tasks(row.id)

    def before_permanent_deletion(self, row: Label) -> None:
        """Update the tasks with the label, unless it is in the trash, where no task shows it."""
        if row.deleted_at is None:
            row.deleted_at = now()  # the update leaves its name out
            update_labelled_tasks(row.id)


labels = Labels("/api/v1/labels", Label, LABEL, (SortKey(Label.name_key), SortKey(Label.id, UUID)))
blp = Blueprint("labels", __name__, url_prefix=labels.url, description="The labels of your tasks.")


@blp.get("")
@blp.arguments(LabelQuerySchema, location="query")
@blp.response(200, LabelPageSchema, etag=True, headers=("Link",))
@requires(Permission.TASK_READ)
def list_labels(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List your labels, by name."""
    return labels.page(query)


@blp.post("")
@blp.arguments(NEW_LABEL, examples=CREATED)
@blp.response(201, LABEL, etag=True, headers=("Location",), errors=("name_taken", "quota_exceeded"))
@requires(Permission.TASK_WRITE)
@idempotent
def create_label(values: dict[str, Any]) -> Response:
    """Add a label. Labels that a task names are added automatically."""
    response = labels.create(values)
    db.session.commit()
    return response


@blp.get("/<uuid:label_id>")
@blp.response(200, LABEL, etag=True)
@requires(Permission.TASK_READ)
def show_label(label_id: UUID) -> JsonRow:
    """Show one of your labels."""
    return labels.get(label_id)


@blp.patch("/<uuid:label_id>")
@blp.arguments(LABEL_CHANGES, media_types=(JSON, MERGE_PATCH), examples=CHANGED)
@blp.response(200, LABEL, etag=True, errors=("name_taken", "in_trash", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def update_label(changes: dict[str, Any], label_id: UUID) -> Label:
    """Change one of your labels. Its tasks show the new name."""
    label = labels.update(label_id, changes)
    db.session.commit()
    return label


@blp.delete("/<uuid:label_id>")
@blp.arguments(DeletionSchema, location="query")
@blp.response(204, errors=("version_mismatch",), current=LABEL)
@requires(Permission.TASK_WRITE)
def delete_label(query: dict[str, Any], label_id: UUID) -> None:
    """Move one of your labels to the trash, or delete it permanently. Its tasks lose the label."""
    labels.delete(label_id, permanent="permanent" in query)
    db.session.commit()


@blp.post("/<uuid:label_id>/restore")
@blp.arguments(LabelRestoreSchema, optional=True, examples=RESTORED)
@blp.response(200, LABEL, etag=True, errors=("name_taken", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def restore_label(body: dict[str, Any], label_id: UUID) -> Label:
    """Restore one of your labels from the trash. Its tasks get it back.

    If another label has its name now, send a new `name`; otherwise the response is 409. A label outside the trash
    does not change.
    """
    label = labels.restore(label_id, body)
    db.session.commit()
    return label
