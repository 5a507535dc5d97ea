"""/labels: the words on your tasks."""

from typing import Any
from uuid import UUID

from flask import Response

from taskapi.api import Blueprint, require_match
from taskapi.api.fields import DeletionSchema
from taskapi.api.parsing import JSON, MERGE_PATCH
from taskapi.database import JsonRow, db, now
from taskapi.labels.models import Label
from taskapi.labels.queries import find_label, find_labels
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
from taskapi.resources.idempotency import created_response, idempotent
from taskapi.resources.ownership import (
    found_or_404,
    get_owned_or_404,
    refuse_in_trash,
    refuse_taken_name,
    reserve_quota,
)
from taskapi.resources.pagination import next_link
from taskapi.resources.trash import delete_permanently
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller
from taskapi.tasks.edit import update_labelled_tasks

blp = Blueprint("labels", __name__, url_prefix="/api/v1/labels", description="The words on your tasks.")


@blp.get("")
@blp.arguments(LabelQuerySchema, location="query")
@blp.response(200, LabelPageSchema, etag=True, headers=("Link",))
@requires(Permission.TASK_READ)
def list_labels(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List your labels, by name."""
    page = find_labels(query)
    return page, next_link(page["next_cursor"])


@blp.post("")
@blp.arguments(NEW_LABEL, examples=CREATED)
@blp.response(201, LABEL, etag=True, headers=("Location",), errors=("name_taken", "quota_exceeded"))
@requires(Permission.TASK_WRITE)
@idempotent
def create_label(values: dict[str, Any]) -> Response:
    """Add a label; one that a task names is added by itself."""
    reserve_quota(Label)
    refuse_taken_name(Label, values["name"])
    label = Label(owner_id=caller().id)
    label.apply(values)
    db.session.add(label)
    db.session.flush()
    db.session.refresh(label)
    answer = created_response(label, LABEL, f"/api/v1/labels/{label.id}")
    db.session.commit()
    return answer


@blp.get("/<uuid:label_id>")
@blp.response(200, LABEL, etag=True)
@requires(Permission.TASK_READ)
def show_label(label_id: UUID) -> JsonRow:
    """Show one of your labels."""
    return found_or_404(find_label(label_id))


@blp.patch("/<uuid:label_id>")
@blp.arguments(LABEL_CHANGES, media_types=(JSON, MERGE_PATCH), examples=CHANGED)
@blp.response(200, LABEL, etag=True, errors=("name_taken", "in_trash", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def update_label(changes: dict[str, Any], label_id: UUID) -> Label:
    """Change one of your labels; a new name shows on all its tasks."""
    label = get_owned_or_404(Label, label_id)
    require_match(label, LABEL)
    refuse_in_trash(label)
    if changes.get("name", label.name) != label.name:
        refuse_taken_name(Label, changes["name"], but=label_id)
        update_labelled_tasks(label_id)
    label.apply(changes)
    db.session.flush()
    db.session.refresh(label)
    db.session.commit()
    return label


@blp.delete("/<uuid:label_id>")
@blp.arguments(DeletionSchema, location="query")
@blp.response(204, errors=("version_mismatch",))
@requires(Permission.TASK_WRITE)
def delete_label(query: dict[str, Any], label_id: UUID) -> None:
    """Put one of your labels into the trash, or delete it for good; either takes it off its tasks."""
    label = get_owned_or_404(Label, label_id)
    require_match(label, LABEL)
    if label.deleted_at is None:
        label.deleted_at = now()
        update_labelled_tasks(label_id)
    if "permanent" in query:
        delete_permanently(Label, caller().id, Label.id == label_id)
    db.session.commit()


@blp.post("/<uuid:label_id>/restore")
@blp.arguments(LabelRestoreSchema, optional=True, examples=RESTORED)
@blp.response(200, LABEL, etag=True, errors=("name_taken", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def restore_label(body: dict[str, Any], label_id: UUID) -> Label:
    """Take one of your labels back out of the trash, and put it back on its tasks.

    If another label took its name meanwhile, give it a new `name`; without one the response is 409. Outside the
    trash a label stays as it is, and keeps its name.
    """
    label = get_owned_or_404(Label, label_id)
    require_match(label, LABEL)
    if label.deleted_at is not None:
        name = body.get("name", label.name)
        refuse_taken_name(Label, name, but=label_id)
        label.apply({"name": name, "deleted_at": None})
        update_labelled_tasks(label_id)
        db.session.refresh(label)
    db.session.commit()
    return label
