"""Logs: what they contain of a request, and what they never contain."""

import json

import pytest
from conftest import PASSWORD
from flask.testing import FlaskClient

from taskapi.api import public
from tests.forging import decode_token

LOGIN = "/api/v1/auth/login"


@pytest.fixture
def logged(app, make_app, capfd):
    """Send a request to an application that logs in a format; return what it logged."""

    def send(log_format, method="GET", url="/api/v1/me", **options):
        settings = {"LOG_FORMAT": log_format, "LOG_LEVEL": "info", "INSTANCE_PATH": app.instance_path}
        logging_app = make_app(**settings)
        logging_app.test_client_class = FlaskClient  # it sends no request of its own
        client = logging_app.test_client()
        capfd.readouterr()
        response = client.open(url, method=method, **options)
        return response, capfd.readouterr().err

    return send


def test_request_is_one_line_of_json(logged, signed_in, task):
    headers = {"Authorization": f"Bearer {(user := signed_in()).token}", "X-Request-ID": "mine-1"}
    _, text = logged("json", url=f"/api/v1/tasks/{task['id']}?", headers=headers)
    line = json.loads(text)
    assert line.pop("ms") > 0
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request",
        "level": "info",
        "request_id": "mine-1",
        "method": "GET",
        "route": "/api/v1/tasks/<uuid:task_id>",
        "status": 404,
        "user_id": user.get("/api/v1/me").json["id"],
        "token_id": decode_token(user.token)[1]["jti"],
    }


def test_request_is_one_readable_line_in_development(logged):
    _, text = logged("text")
    assert text.count("\n") == 1
    assert "request_id=" in text
    assert "status=401" in text


@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_client_can_forge_a_line(logged, log_format):
    forged = '\r\n{"event": "request", "status": 200}'
    url = "/api/v1/%0d%0a%7B%22event%22%7D"
    headers = {"User-Agent": "x\x0bforged", "X-Request-ID": "forged status=200", "Referer": "forged"}
    response, text = logged(log_format, url=url, headers=headers, data=forged, method="POST")
    assert response.status_code == 404
    assert text.count("\n") == 1
    assert "forged" not in text
    assert 'event"}' not in text


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_neither_token_nor_password_nor_cookie_nor_body_is_logged(logged, new_user, log_format):
    body = {"username": new_user(), "password": PASSWORD, "cookies": True}
    response, text = logged(log_format, "POST", LOGIN, json=body, headers={"Cookie": "access_token=old-token"})
    assert response.status_code == 200
    cookies = [line.split("=", 1)[1].split(";")[0] for line in response.headers.getlist("Set-Cookie")]
    assert not [secret for secret in (PASSWORD, body["username"], "old-token", *cookies) if secret in text]
    assert '"route":"/api/v1/auth/login"' in text or "route=/api/v1/auth/login" in text


def test_error_is_logged_with_the_request_id_of_the_response(make_app, capfd):
    app = make_app(LOG_FORMAT="json", LOG_LEVEL="info")
    app.add_url_rule("/broken", "broken", public(lambda: 1 / 0))
    app.test_client_class = FlaskClient  # it sends no request of its own
    capfd.readouterr()
    response = app.test_client().get("/broken")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert response.status_code == 500
    assert [line["request_id"] for line in lines] == [response.json["request_id"]] * 2
    assert "ZeroDivisionError" in lines[0]["exception"]


def test_production_logs_json_and_development_text(make_app):
    assert make_app().config["SETTINGS"].logs_json is False
    assert make_app(LOG_FORMAT="json").config["SETTINGS"].logs_json is True
