"""Behind PgBouncer in transaction mode: many clients share few connections, which keep no user."""

import secrets
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp
from uuid import UUID

import pytest
import sqlalchemy as sa
from conftest import PASSWORD, TEST_DATABASE_URL, program
from servers import AS_POSTGRES, connects, free_port, wait_until
from surface import needs

from taskapi.database import READER, db, reader, rls_user, set_rls_user

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(TEST_DATABASE_URL is None, reason="SQLite has no server to stand before"),
]
TASKS = "/api/v1/tasks"
SERVERS = 2
CONFIGURATION = """
[databases]
* = host={host} port={port} user={user} password={password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {servers}
query_wait_timeout = 10
logfile = {folder}/log
"""


@pytest.fixture(scope="module")
def pooled(database_url):
    """The URL of the database behind a PgBouncer with two server connections."""
    binary, url = program("pgbouncer"), sa.make_url(database_url)
    folder, own_port = Path(mkdtemp(prefix="taskapi-pgbouncer-")), free_port()
    (folder / "ini").write_text(
        CONFIGURATION.format(
            host=url.host or "127.0.0.1",
            port=url.port or 5432,
            user=url.username,
            password=url.password or "none",
            own_port=own_port,
            servers=SERVERS,
            folder=folder,
        )
    )
    for path in (folder, folder / "ini") if AS_POSTGRES else ():
        shutil.chown(path, **AS_POSTGRES)
    process = subprocess.Popen([binary, "-q", folder / "ini"], stderr=subprocess.DEVNULL, **AS_POSTGRES)
    wait_until(lambda: connects(own_port))
    yield url.set(host="127.0.0.1", port=own_port).render_as_string(hide_password=False)
    process.terminate()
    process.wait(10)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def app(make_app, pooled):
    """An application behind PgBouncer, with default settings."""
    return make_app(DATABASE_URL=pooled, DATABASE_TIMEOUT_SECONDS=5)


def me(user):
    return UUID(user.get("/api/v1/me").json["id"])


def test_pgbouncer_is_detected_and_statements_are_not_prepared(app):
    with app.app_context():
        assert reader().connection.driver_connection.prepare_threshold is None


def test_url_can_turn_prepared_statements_on(make_app, pooled):
    with make_app(DATABASE_URL=f"{pooled}?prepare_threshold=3").app_context():
        assert reader().connection.driver_connection.prepare_threshold == 3


def test_statements_are_prepared_without_pgbouncer(make_app, database_url):
    with make_app(DATABASE_URL=database_url).app_context():
        assert reader().connection.driver_connection.prepare_threshold == 5


def test_idle_client_holds_no_server_connection(app, owner):
    owner.get(TASKS)
    with app.app_context():
        engine = db.engines[READER]
        connections = [engine.connect() for _ in range(SERVERS * 3)]
        with rls_user(me(owner)):
            for connection in connections * 2:
                connection.execute(sa.text("SELECT count(*) FROM tasks"))
        for connection in connections:
            connection.close()


@needs("exports", "changes")
def test_many_clients_share_two_server_connections(app, signed_in):
    users = [signed_in() for _ in range(6)]

    def live(user):
        for number in range(8):
            made = user.post(TASKS, json={"title": f"Task {number}", "labels": ["home"]})
            assert made.status_code == 201, made.text
            assert user.get(made.headers["Location"]).json == made.json
        seen = user.get(TASKS).json["items"]
        while (export := user.get(f"{TASKS}/export.json")).status_code == 503:  # too many run at once
            time.sleep(0.05)
        exported = export.json["tasks"]
        return len(seen), len(exported), len(user.get("/api/v1/changes").json["changes"])

    with ThreadPoolExecutor(6) as pool:
        assert {*pool.map(live, users)} == {(8, 8, 9)}


def test_server_connection_keeps_no_user(app, signed_in):
    users = [me(user) for user in (signed_in(), signed_in()) if user.post(TASKS, json={"title": "Task"})]

    def look(number):
        with app.app_context():
            user = [*users, None][number % 3]
            if user:
                set_rls_user(user)
            connection = reader() if number % 2 else db.session
            return {*connection.execute(sa.text("SELECT owner_id FROM tasks")).scalars()} == ({user} - {None})

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(look, range(120)))


def test_signing_up_in_and_out_works(app, client):
    credentials = {"username": f"user-{secrets.token_hex(6)}", "password": PASSWORD}
    assert client.post("/api/v1/auth/register", json=credentials).status_code == 201
    tokens = client.post("/api/v1/auth/login", json=credentials).json
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.delete("/api/v1/me", headers=bearer).status_code == 204
    assert client.get("/api/v1/me", headers=bearer).status_code == 401
