"""Errors: they have one format and a page each, and contain no internal details."""

import logging

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from taskapi.api import problem, public
from taskapi.api.error_catalogue import BY_STATUS, CATALOGUE
from taskapi.api.errors import MEDIA_TYPE
from taskapi.database import db

MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}
SECRET = "sk-4242"
INSIDE = ("Traceback", "sqlite", "psycopg", "SELECT", "INSERT", ".py", "/tmp", "Werkzeug", "Python", SECRET)


def assert_shape(response, status, code):
    assert response.status_code == status
    assert response.content_type == MEDIA_TYPE
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json.keys() >= MEMBERS
    assert response.json["status"] == status
    assert response.json["code"] == code
    assert response.json["type"] == f"/problems/{code}"
    assert response.json["request_id"] == response.headers["X-Request-ID"]


def fail_unexpectedly():
    raise RuntimeError(f"{SECRET} in /tmp/secrets.py")


def fail_in_the_database():
    db.session.execute(db.text("SELECT :secret FROM nowhere"), {"secret": SECRET})


def write_text_that_is_none():
    return {"text": "\ud800"}


def lose_the_connection():
    raise DBAPIError("SELECT 1", {"password": SECRET}, Exception("gone"), connection_invalidated=True)


def wait_for_a_lock():
    raise OperationalError("UPDATE tasks", {"password": SECRET}, Exception("database is locked"))


def wait_for_a_connection():
    raise PoolTimeoutError("QueuePool limit of size 5 overflow 10 reached")


def say(code):
    problem(code)


FAULTS = [fail_unexpectedly, write_text_that_is_none]
OUTAGES = [lose_the_connection, wait_for_a_lock, wait_for_a_connection]


@pytest.fixture(scope="module")
def broken(make_app):
    """A client of an application with views that fail, and a view for each error of the catalogue."""
    app = make_app()
    for view in (*FAULTS, *OUTAGES, fail_in_the_database):
        app.add_url_rule(f"/{view.__name__}", view_func=public(view), methods=["GET", "POST"])
    app.add_url_rule("/say/<code>", view_func=public(say))
    return app.test_client()


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_error_has_the_same_shape_and_a_page(broken, code):
    response = broken.get(f"/say/{code}")
    assert_shape(response, CATALOGUE[code].status, code)
    assert response.json.keys() == MEMBERS
    assert response.json["detail"] == CATALOGUE[code].detail
    page = broken.get(response.json["type"])
    assert page.status_code == 200
    assert page.content_type == "text/html; charset=utf-8"
    assert code in page.text
    assert "style-src 'self'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("status", [401, *BY_STATUS])
def test_401_has_a_challenge_and_every_status_a_default_code(broken, status):
    codes = [code for code, entry in CATALOGUE.items() if entry.status == status]
    for code in codes:
        assert ("WWW-Authenticate" in broken.get(f"/say/{code}").headers) == (status == 401)


def test_page_of_an_unknown_error_is_404(client):
    for name in ("nonsense", "Not_Found", "not_found/", "<script>"):
        assert_shape(client.get(f"/problems/{name}"), 404, "not_found")


@pytest.mark.parametrize("accept", ["text/html", "application/json", "image/png", "nonsense"])
def test_error_shape_ignores_the_accept_header(client, accept):
    assert_shape(client.get("/nowhere", headers={"Accept": accept}), 404, "not_found")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("view", FAULTS, ids=lambda view: view.__name__)
def test_unexpected_error_is_500_without_internal_details(broken, caplog, view, method):
    response = broken.open(f"/{view.__name__}", method=method)
    assert_shape(response, 500, "internal_error")
    assert not [word for word in INSIDE if word.lower() in response.text.lower()]
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.exc_info
    if view is fail_unexpectedly:
        assert response.json["request_id"] in record.getMessage()


@pytest.mark.parametrize("view", OUTAGES, ids=lambda view: view.__name__)
def test_unavailable_database_is_503_with_retry_after(broken, caplog, view):
    response = broken.get(f"/{view.__name__}")
    assert_shape(response, 503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert not [word for word in INSIDE if word.lower() in response.text.lower()]
    assert "the database is unavailable" in caplog.text


def test_log_of_a_failed_statement_has_no_parameters(broken, caplog):
    response = broken.get("/fail_in_the_database")
    assert response.status_code in {500, 503}
    assert SECRET not in caplog.text
    assert SECRET not in response.text


@pytest.mark.parametrize("url", ["postgresql://nobody:hunter2@127.0.0.1:1/none", "sqlite:////nowhere/at/all/x.db"])
def test_api_is_503_without_its_database(make_app, caplog, url):
    client = make_app(DATABASE_URL=url).test_client()
    response = client.post("/api/v1/auth/login", json={"username": "ada", "password": "correct horse battery"})
    assert_shape(response, 503, "unavailable")
    assert "hunter2" not in response.text + caplog.text
    assert client.get("/healthz").status_code == 200


def test_problem_adds_members_and_headers(broken, signed_in):
    owner = signed_in()
    task = owner.post("/api/v1/tasks", json={"title": "Milk"})
    response = owner.patch(task.headers["Location"], json={"title": "Oats"}, headers={"If-Match": '"0"'})
    assert_shape(response, 412, "version_mismatch")
    assert response.json["current"] == task.json
    assert response.headers["ETag"] == task.headers["ETag"]


def test_422_lists_the_messages_of_each_field(signed_in):
    response = signed_in().post("/api/v1/tasks", json={"status": "x", "priority": None, "nonsense": 1})
    assert_shape(response, 422, "validation_failed")
    assert response.json["errors"].keys() == {"json"}
    assert response.json["errors"]["json"].keys() == {"title", "status", "priority", "nonsense"}
    assert all(isinstance(text, str) for texts in response.json["errors"]["json"].values() for text in texts)
