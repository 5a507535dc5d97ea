"""/healthz and /readyz: 200, or 503 naming what is down and nothing more."""

import socket

import pytest
import sqlalchemy as sa

from taskapi.database import db


@pytest.fixture
def without_schema(make_app, new_database):
    return make_app(DATABASE_URL=new_database())


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("path", "body"), [("/healthz", {"status": "ok"}), ("/readyz", {"status": "ok", "degraded": []})]
)
def test_a_healthy_service_says_so_to_anybody(client, path, body):
    answer = client.get(path)
    assert (answer.status_code, answer.json) == (200, body)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_production_answers_over_plain_http_here_alone(make_app, path):
    app = make_app(
        ENV="production",
        JWT_SECRET_KEY="J7pd3mXkqKZz0wTQfR9uYbLhVs4nEcAi",
        TRUSTED_HOSTS="localhost",
        RATELIMIT_ENABLED=False,
    )
    assert app.test_client().get(path).status_code == 200
    assert app.test_client().get("/api/v1/me").json["code"] == "https_required"


def test_a_database_without_the_schema_is_not_ready(without_schema):
    answer = without_schema.test_client().get("/readyz")
    assert (answer.status_code, answer.json["code"], answer.json["down"]) == (503, "unavailable", ["migrations"])
    assert int(answer.headers["Retry-After"]) > 0
    assert without_schema.test_client().get("/healthz").status_code == 200


def test_a_database_that_is_not_the_embedded_one_is_not_migrated_at_the_start(make_app, new_database, caplog):
    without_schema = make_app(DATABASE_URL=new_database())
    assert "run flask db upgrade" in caplog.text
    with without_schema.app_context():
        assert sa.inspect(db.engine).get_table_names() == []


def test_a_schema_of_a_later_version_is_ready(make_app, new_database):
    app = make_app(DATABASE_URL=new_database())
    with app.app_context():
        db.session.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        db.session.execute(sa.text("INSERT INTO alembic_version VALUES ('9999')"))
        db.session.commit()
    assert app.test_client().get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("setting", "url", "down"),
    [
        ("DATABASE_URL", "postgresql://somebody:hidden@127.0.0.1:{port}/tasks", ["database", "migrations"]),
        ("DATABASE_URL", "sqlite:////nowhere/tasks.db", ["database", "migrations"]),
    ],
)
def test_what_is_down_is_named_and_nothing_told_of_it(make_app, setting, url, down):
    port = free_port()
    answer = make_app(**{setting: url.format(port=port)}).test_client().get("/readyz")
    assert (answer.status_code, answer.json["down"]) == (503, down)
    assert answer.mimetype == "application/problem+json"
    for secret in ("hidden", "somebody", "nowhere", str(port)):
        assert secret not in answer.text


def test_a_redis_that_is_down_is_named_and_the_service_is_ready(make_app):
    port = free_port()
    answer = make_app(REDIS_URL=f"redis://:hidden@127.0.0.1:{port}/0").test_client().get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "degraded": ["redis"]})


def test_a_database_that_was_not_migrated_is_unavailable_and_no_fault(make_app, new_database):
    client = make_app(DATABASE_URL=new_database()).test_client()
    account = {"username": "early-bird", "password": "correct horse battery staple"}
    answer = client.post("/api/v1/auth/register", json=account)
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")


def test_nobody_else_reads_the_embedded_database(make_app, tmp_path):
    make_app(DATABASE_URL=None, INSTANCE_PATH=str(tmp_path)).test_client().get("/readyz")
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.glob("taskapi.db*")} == {"0o600"}
