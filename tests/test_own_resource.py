"""A resource of a project's own has the trash, `flask prune` and the change feed without a change of the core."""

import subprocess
import sys
from pathlib import Path

import pytest
from surface import needs

ROOT = Path(__file__).parents[1]
# In a process of its own, because a model stays registered
RESOURCE = """
from datetime import UTC, datetime

from flask_migrate import upgrade
from marshmallow import Schema, fields
from sqlalchemy import update

from taskapi import create_app
from taskapi.api import Blueprint
from taskapi.api.fields import DeletionSchema
from taskapi.database import Model, db
from taskapi.resources.crud import Resource
from taskapi.resources.models import Trashable
from taskapi.resources.pagination import SortKey
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission


class Draft(Trashable, Model):
    __tablename__ = "drafts"
    has_quota = False

    def apply(self, changes):
        pass


class DraftSchema(Schema):
    id = fields.UUID()


drafts = Resource("/api/v1/drafts", Draft, DraftSchema(), (SortKey(Draft.id),))
blp = Blueprint("drafts", __name__, url_prefix=drafts.url, description="Drafts.")


@blp.post("")
@requires(Permission.TASK_WRITE)
def create_draft():
    '''Add a draft.'''
    response = drafts.create({})
    db.session.commit()
    return response


@blp.delete("/<uuid:draft_id>")
@blp.arguments(DeletionSchema, location="query")
@blp.response(204)
@requires(Permission.TASK_WRITE)
def delete_draft(query, draft_id):
    '''Delete a draft.'''
    drafts.delete(draft_id, permanent="permanent" in query)
    db.session.commit()


app = create_app({"BCRYPT_ROUNDS": 4, "LOG_LEVEL": "error"})
app.register_blueprint(blp)
with app.app_context():
    upgrade(revision="heads")
    Model.metadata.create_all(db.engine)
client = app.test_client()
account = {"username": "writer", "password": "a long enough password"}
assert client.post("/api/v1/auth/register", json=account).status_code == 201
token = client.post("/api/v1/auth/login", json=account).json["access_token"]
client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"

first, second, third = (client.post("/api/v1/drafts").headers["Location"] for _ in range(3))
feed = client.get("/api/v1/changes?since=now")
assert feed.status_code == 200, feed.text
start = feed.json["cursor"]
assert client.delete(f"{first}?permanent=true").status_code == 204
assert client.delete(first).status_code == 404
assert client.delete(second).status_code == 204
feed = client.get(f"/api/v1/changes?since={start}")
assert feed.json.get("changes") == [], feed.text
with app.app_context():
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    db.session.execute(update(Draft).where(Draft.deleted_at.is_not(None)).values(deleted_at=long_ago))
    db.session.commit()
assert app.test_cli_runner().invoke(args=["prune"]).exit_code == 0
assert [client.delete(draft).status_code for draft in (first, second, third)] == [404, 404, 204]
"""


@pytest.mark.slow
@needs("changes")
def test_trashable_resource_needs_no_column_in_the_counter(tmp_path):
    environment = {"PYTHONPATH": str(ROOT), "TASKAPI_INSTANCE_PATH": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", RESOURCE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
