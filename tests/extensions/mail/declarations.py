"""What the tests for all routes must know of this extension."""

from uuid import UUID

from flask.testing import FlaskClient

from taskapi.database import db
from taskapi.extensions.mail.outbox import queue_mail


def _wait_for_mail(client: FlaskClient) -> None:
    with client.application.app_context():
        queue_mail("test", user_id=UUID(client.get("/api/v1/me").json["id"]))
        db.session.commit()


LIVE = {"mail": _wait_for_mail}
LOCAL = {"mail_outbox"}
