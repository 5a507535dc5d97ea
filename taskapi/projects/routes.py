"""/projects: the projects of your tasks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy import ColumnElement, bindparam

from taskapi.api import Blueprint
from taskapi.api.fields import DeletionSchema
from taskapi.api.parsing import JSON, MERGE_PATCH
from taskapi.database import JsonRow, db
from taskapi.projects.models import Project
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
from taskapi.resources.crud import Resource
from taskapi.resources.idempotency import idempotent
from taskapi.resources.pagination import SortKey
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.tasks.models import Task
from taskapi.tasks.tree import delete_tasks_permanently, move_tasks_to_trash, restore_tasks


class Projects(Resource[Project]):
    """Projects. The tasks of a project move to the trash and are restored with it."""

    def conditions(self, filters: frozenset[str]) -> list[ColumnElement[bool]]:
        """Return the conditions of a list; `archived` is one of the filters."""
        archived = [Project.archived == bindparam("archived")] if "archived" in filters else []
        return [*super().conditions(filters), *archived]

    def after_trash(self, row: Project, moment: datetime) -> None:
        """Move the tasks of the project to the trash."""
        move_tasks_to_trash(Task.project_id == row.id, row.id, moment)

    def after_restore(self, row: Project) -> None:
        """Restore the tasks that moved to the trash with the project."""
        restore_tasks(row.id)

    def before_permanent_deletion(self, row: Project) -> None:
        """Delete the tasks of the project permanently."""
        delete_tasks_permanently(Task.project_id == row.id)


projects = Projects("/api/v1/projects", Project, PROJECT, (SortKey(Project.name_key), SortKey(Project.id, UUID)))
blp = Blueprint("projects", __name__, url_prefix=projects.url, description="The projects of your tasks.")


@blp.get("")
@blp.arguments(ProjectQuerySchema, location="query")
@blp.response(200, ProjectPageSchema, etag=True, headers=("Link",))
@requires(Permission.TASK_READ)
def list_projects(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List your projects, by name."""
    return projects.page(query)


@blp.post("")
@blp.arguments(NEW_PROJECT, examples=CREATED)
@blp.response(201, PROJECT, etag=True, headers=("Location",), errors=("name_taken", "quota_exceeded"))
@requires(Permission.TASK_WRITE)
@idempotent
def create_project(values: dict[str, Any]) -> Response:
    """Add a project."""
    response = projects.create(values)
    db.session.commit()
    return response


@blp.get("/<uuid:project_id>")
@blp.response(200, PROJECT, etag=True)
@requires(Permission.TASK_READ)
def show_project(project_id: UUID) -> JsonRow:
    """Show one of your projects."""
    return projects.get(project_id)


@blp.patch("/<uuid:project_id>")
@blp.arguments(PROJECT_CHANGES, media_types=(JSON, MERGE_PATCH), examples=CHANGED)
@blp.response(200, PROJECT, etag=True, errors=("name_taken", "in_trash", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def update_project(changes: dict[str, Any], project_id: UUID) -> Project:
    """Change one of your projects. Fields that are not named keep their value; null clears a field."""
    project = projects.update(project_id, changes)
    db.session.commit()
    return project


@blp.delete("/<uuid:project_id>")
@blp.arguments(DeletionSchema, location="query")
@blp.response(204, errors=("version_mismatch",), current=PROJECT)
@requires(Permission.TASK_WRITE)
def delete_project(query: dict[str, Any], project_id: UUID) -> None:
    """Move one of your projects and its tasks to the trash, or delete them permanently.

    `POST …/restore` restores the project with the tasks that were deleted with it.
    """
    projects.delete(project_id, permanent="permanent" in query)
    db.session.commit()


@blp.post("/<uuid:project_id>/restore")
@blp.arguments(ProjectRestoreSchema, optional=True, examples=RESTORED)
@blp.response(200, PROJECT, etag=True, errors=("name_taken", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def restore_project(body: dict[str, Any], project_id: UUID) -> Project:
    """Restore one of your projects from the trash, with the tasks that were deleted with it.

    If another project has its name now, send a new `name`; otherwise the response is 409. A project outside the trash
    does not change.
    """
    project = projects.restore(project_id, body)
    db.session.commit()
    return project
