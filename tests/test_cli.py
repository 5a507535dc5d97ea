"""The command line."""

import re

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy.exc import ProgrammingError
from surface import needs

from taskapi.cli.command import database_error_message
from tests.conftest import PASSWORD
from tests.forging import SECRET


@pytest.fixture
def flask(app):
    runner = app.test_cli_runner()
    return lambda *words, stdin="": runner.invoke(args=words, input=stdin)


@pytest.fixture
def sign_in(client):
    """Sign in to an account that a command has created."""

    def sign_in(username, password):
        response = client.post("/api/v1/auth/login", json={"username": username, "password": password})
        assert response.status_code == 200
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['access_token']}"
        return client

    return sign_in


@needs("admin")
def test_account_created_by_a_command_signs_in_with_its_role(flask, sign_in):
    result = flask("users", "create", "Grace", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert (result.exit_code, result.output) == (0, "Created the account grace with the role admin.\n")
    assert sign_in("grace", PASSWORD).get("/api/v1/me").json["roles"] == ["admin"]


@needs("admin")
@pytest.mark.parametrize(
    ("name", "password", "says"),
    [
        ("no spaces", PASSWORD, "username: Must have only letters a-z, digits, dots, underscores and hyphens."),
        ("dorothy", "short", "password: Must have 12 to 128 characters."),
        ("dorothy", "passwordpassword", "password: Is too easily guessed."),
        ("dorothy-vaughan", "dorothy-vaughan", "password: Is too easily guessed."),
    ],
)
def test_names_and_passwords_have_the_rules_of_the_api_and_its_words(flask, name, password, says):
    result = flask("users", "create", name, "--password-stdin", stdin=password)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {says}")
    assert len(result.output.splitlines()) == 1


def test_invalid_username_is_reported_before_the_password_prompt(flask):
    assert "Password" not in flask("users", "create", "x").output


@needs("admin")
def test_taken_username_is_a_one_line_error(flask, new_user):
    taken = new_user()
    result = flask("users", "create", taken, "--password-stdin", stdin=PASSWORD)
    assert (result.exit_code, result.output) == (1, f"Error: The username {taken} is taken.\n")


@needs("admin")
def test_database_without_schema_is_a_one_line_error(make_app, new_database):
    runner = make_app(DATABASE_URL=new_database()).test_cli_runner()
    result = runner.invoke(args=["users", "create", "mary", "--password-stdin"], input=PASSWORD)
    assert result.exit_code == 1
    assert result.output.startswith("Error: The database cannot be used: ")
    assert len(result.output.splitlines()) == 1


def test_missing_privilege_refers_to_the_owner_of_the_database():
    refused = InsufficientPrivilege("permission denied for table audit_openings")
    assert database_error_message(ProgrammingError("DELETE", {}, refused)) == (
        "The role of the database lacks a privilege: permission denied for table audit_openings. "
        "Run this command as the owner of the database."
    )


def test_doctor_tells_a_line_for_each_matter(flask):
    result = flask("doctor")
    assert result.exit_code == 0, result.output
    lines = [line.split()[:2] for line in result.output.splitlines()]
    assert lines == [
        ["ok", name] for name in ("settings", "database", "migrations", "signing_key", "redis", "row_security")
    ]


def test_doctor_tells_a_misspelt_setting_and_which_was_meant(flask, monkeypatch):
    monkeypatch.setenv("TASKAPI_TRUSTED_HOST", "example.org")
    result = flask("doctor")
    assert result.exit_code == 1
    assert "FAIL  settings     TASKAPI_TRUSTED_HOST is not a setting; is TASKAPI_TRUSTED_HOSTS meant?" in result.output


@pytest.mark.parametrize("command", ["upgrade", "downgrade 0001", "current", "check"])
@pytest.mark.parametrize("url", ["postgresql://tasks:hidden@127.0.0.1:1/tasks", "sqlite:////nonexistent/tasks.db"])
def test_unreachable_database_is_one_line_for_migrations_too(make_app, url, command):
    result = make_app(DATABASE_URL=url).test_cli_runner().invoke(args=["db", *command.split()])
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1), result.output
    assert result.output.startswith("Error: The database cannot be used: ")
    assert "hidden" not in result.output


def test_doctor_warns_of_what_kubernetes_sets_and_does_not_fail(flask, monkeypatch):
    monkeypatch.setenv("TASKAPI_PORT", "tcp://10.0.0.1:8000")
    monkeypatch.setenv("TASKAPI_SERVICE_HOST", "10.0.0.1")
    result = flask("doctor")
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("warn")]
    assert line.startswith("warn  settings     TASKAPI_PORT, TASKAPI_SERVICE_HOST: set by Kubernetes for a Service")


def test_start_warns_about_misspelt_settings_but_not_kubernetes_ones(make_app, monkeypatch, caplog):
    monkeypatch.setenv("TASKAPI_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("TASKAPI_TRUSTED_HOST", "example.org")
    make_app()
    (line,) = [record.getMessage() for record in caplog.records if "TASKAPI_" in record.getMessage()]
    assert line == (
        "TASKAPI_TRUSTED_HOST is not a setting of this version and has no effect; is TASKAPI_TRUSTED_HOSTS meant?"
    )


@pytest.mark.parametrize("url", ["", "sqlite:///tasks.db"])
def test_doctor_warns_of_a_database_that_production_may_not_have_chosen(make_app, redis_url, url):
    """Without a URL, the data is in the instance folder, which a container loses."""
    settings = {"ENV": "production", "JWT_SECRET_KEY": SECRET, "TRUSTED_HOSTS": "a.example", "REDIS_URL": redis_url}
    result = make_app(**settings, DATABASE_URL=url).test_cli_runner().invoke(args=["doctor"])
    assert ("warn  database     TASKAPI_DATABASE_URL is not set: " in result.output) == (url == "")


def test_doctor_fails_where_the_schema_is_behind(make_app, new_database):
    result = make_app(DATABASE_URL=new_database()).test_cli_runner().invoke(args=["doctor"])
    assert result.exit_code == 1
    assert re.search(r"^FAIL  migrations .*run flask db upgrade$", result.output, re.MULTILINE)


def test_doctor_tells_no_secret(make_app):
    secrets = {
        "DATABASE_URL": "postgresql://tasks:hidden-one@127.0.0.1:1/tasks",
        "JWT_SECRET_KEY": "hidden-two-J7pd3mXkqKZz0wTQfR9uYbLh",
        "REDIS_URL": "redis://:hidden-three@127.0.0.1:1/0",
    }
    result = make_app(**secrets).test_cli_runner().invoke(args=["doctor"])
    assert result.exit_code == 1
    assert "hidden" not in result.output
    assert len(re.findall(r"^FAIL", result.output, re.MULTILINE)) == 3
