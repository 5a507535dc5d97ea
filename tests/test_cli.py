"""The command line, run as a person runs it."""

import pytest

from tests.conftest import PASSWORD


@pytest.fixture
def flask(app):
    runner = app.test_cli_runner()
    return lambda *words, stdin="": runner.invoke(args=words, input=stdin)


def test_an_account_made_on_the_command_line_signs_in_with_its_role(flask, client):
    result = flask("users", "create", "Grace", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert (result.exit_code, result.output) == (0, "Opened the account grace with the role admin.\n")
    answer = client.post("/api/v1/auth/login", json={"username": "grace", "password": PASSWORD})
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {answer.json['access_token']}"
    assert client.get("/api/v1/me").json["roles"] == ["admin"]
