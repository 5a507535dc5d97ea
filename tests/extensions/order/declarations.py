"""What the tests for all routes must know of this extension."""

from flask.testing import FlaskClient

from tests.surface import WRITERS


def _task(owner: FlaskClient) -> str:
    return str(owner.post("/api/v1/tasks", json={"title": "Rake"}).json["id"])


MATRIX = {"POST /api/v1/tasks/<uuid:task_id>/move": WRITERS}
MAKERS = {"after": _task, "before": _task}
