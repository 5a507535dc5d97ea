"""/projects: what your tasks are gathered in."""

from typing import Any
from uuid import UUID

from flask import Response

from taskapi.api import Blueprint, require_match
from taskapi.api.fields import DeletionSchema
from taskapi.api.parsing import JSON, MERGE_PATCH
from taskapi.database import JsonRow, db, now
from taskapi.projects.models import Project
from taskapi.projects.queries import find_project, find_projects
from taskapi.projects.schemas import (
    CHANGED,
    CREATED,
    NEW_PROJECT,
    PROJECT,
    PROJECT_CHANGES,
    RESTORED,
    ProjectPageSchema,
    ProjectQuerySchema,
    ProjectRestoreSchema,
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
from taskapi.tasks.models import Task
from taskapi.tasks.trash import delete_tasks_permanently, move_tasks_to_trash, restore_tasks

blp = Blueprint("projects", __name__, url_prefix="/api/v1/projects", description="What your tasks are gathered in.")


@blp.get("")
@blp.arguments(ProjectQuerySchema, location="query")
@blp.response(200, ProjectPageSchema, etag=True, headers=("Link",))
@requires(Permission.TASK_READ)
def list_projects(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List your projects, by name."""
    page = find_projects(query)
    return page, next_link(page["next_cursor"])


@blp.post("")
@blp.arguments(NEW_PROJECT, examples=CREATED)
@blp.response(201, PROJECT, etag=True, headers=("Location",), errors=("name_taken", "quota_exceeded"))
@requires(Permission.TASK_WRITE)
@idempotent
def create_project(values: dict[str, Any]) -> Response:
    """Add a project."""
    reserve_quota(Project)
    refuse_taken_name(Project, values["name"])
    project = Project(owner_id=caller().id)
    project.apply(values)
    db.session.add(project)
    db.session.flush()
    db.session.refresh(project)
    answer = created_response(project, PROJECT, f"/api/v1/projects/{project.id}")
    db.session.commit()
    return answer


@blp.get("/<uuid:project_id>")
@blp.response(200, PROJECT, etag=True)
@requires(Permission.TASK_READ)
def show_project(project_id: UUID) -> JsonRow:
    """Show one of your projects."""
    return found_or_404(find_project(project_id))


@blp.patch("/<uuid:project_id>")
@blp.arguments(PROJECT_CHANGES, media_types=(JSON, MERGE_PATCH), examples=CHANGED)
@blp.response(200, PROJECT, etag=True, errors=("name_taken", "in_trash", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def update_project(changes: dict[str, Any], project_id: UUID) -> Project:
    """Change one of your projects: what is named changes, null clears, all else stays."""
    project = get_owned_or_404(Project, project_id)
    require_match(project, PROJECT)
    refuse_in_trash(project)
    if "name" in changes:
        refuse_taken_name(Project, changes["name"], but=project_id)
    project.apply(changes)
    db.session.commit()
    return project


@blp.delete("/<uuid:project_id>")
@blp.arguments(DeletionSchema, location="query")
@blp.response(204, errors=("version_mismatch",))
@requires(Permission.TASK_WRITE)
def delete_project(query: dict[str, Any], project_id: UUID) -> None:
    """Put one of your projects into the trash, its tasks with it; or delete them for good.

    `POST …/restore` brings back what went together.
    """
    project = get_owned_or_404(Project, project_id)
    require_match(project, PROJECT)
    if "permanent" in query:
        delete_tasks_permanently(Task.project_id == project_id)
        delete_permanently(Project, caller().id, Project.id == project_id)
    elif project.deleted_at is None:
        project.deleted_at = now()
        move_tasks_to_trash(Task.project_id == project_id, project_id, project.deleted_at)
    db.session.commit()


@blp.post("/<uuid:project_id>/restore")
@blp.arguments(ProjectRestoreSchema, optional=True, examples=RESTORED)
@blp.response(200, PROJECT, etag=True, errors=("name_taken", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def restore_project(body: dict[str, Any], project_id: UUID) -> Project:
    """Take one of your projects back out of the trash, with the tasks that went there with it.

    If another project took its name meanwhile, give it a new `name`; without one the response is 409. Outside the
    trash a project stays as it is, and keeps its name.
    """
    project = get_owned_or_404(Project, project_id)
    require_match(project, PROJECT)
    if project.deleted_at is not None:
        name = body.get("name", project.name)
        refuse_taken_name(Project, name, but=project_id)
        project.apply({"name": name, "deleted_at": None})
        restore_tasks(project_id)
        db.session.refresh(project)
    db.session.commit()
    return project
