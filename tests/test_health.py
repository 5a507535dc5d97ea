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
def test_healthy_service_is_200_without_a_token(client, path, body):
    response = client.get(path)
    assert (response.status_code, response.json) == (200, body)
    assert response.headers["Cache-Control"] == "no-store"


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


def test_database_without_schema_is_not_ready(without_schema):
    response = without_schema.test_client().get("/readyz")
    assert (response.status_code, response.json["code"], response.json["down"]) == (503, "unavailable", ["migrations"])
    assert int(response.headers["Retry-After"]) > 0
    assert without_schema.test_client().get("/healthz").status_code == 200


def test_only_the_embedded_database_is_migrated_at_start(make_app, new_database, caplog):
    without_schema = make_app(DATABASE_URL=new_database())
    assert "run flask db upgrade" in caplog.text
    with without_schema.app_context():
        assert sa.inspect(db.engine).get_table_names() == []


def test_schema_of_a_later_version_is_ready(make_app, new_database):
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
def test_failed_check_is_named_without_details(make_app, setting, url, down):
    port = free_port()
    response = make_app(**{setting: url.format(port=port)}).test_client().get("/readyz")
    assert (response.status_code, response.json["down"]) == (503, down)
    assert response.mimetype == "application/problem+json"
    for secret in ("hidden", "somebody", "nowhere", str(port)):
        assert secret not in response.text


def test_service_is_ready_and_names_a_failed_redis(make_app):
    port = free_port()
    response = make_app(REDIS_URL=f"redis://:hidden@127.0.0.1:{port}/0").test_client().get("/readyz")
    assert (response.status_code, response.json) == (200, {"status": "ok", "degraded": ["redis"]})


def test_request_before_migration_is_503(make_app, new_database):
    client = make_app(DATABASE_URL=new_database()).test_client()
    account = {"username": "early-bird", "password": "correct horse battery staple"}
    response = client.post("/api/v1/auth/register", json=account)
    assert (response.status_code, response.json["code"]) == (503, "unavailable")


def test_only_the_user_can_read_the_embedded_database(make_app, tmp_path):
    make_app(DATABASE_URL=None, INSTANCE_PATH=str(tmp_path)).test_client().get("/readyz")
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.glob("taskapi.db*")} == {"0o600"}
