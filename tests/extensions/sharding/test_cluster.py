"""The service on a Citus cluster: nothing is wrong while many users work, shards move and accounts are deleted."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest
import sqlalchemy as sa
from cluster import admin, citus, nodes, shard
from conftest import PASSWORD
from flask_migrate import upgrade

from taskapi.database import READER, db, owned_tables
from tests.extensions.sharding.using import User

pytestmark = [citus, pytest.mark.slow]

TASKS = "/api/v1/tasks"
USERS, ACTIONS = 20, 40
SHARDS_OF_NODES = "SELECT nodename, nodeport, count(*) FROM citus_shards GROUP BY 1, 2"


@pytest.fixture
def app(counter_store, make_app, database_url):
    """The application on the cluster, with rate limits in memory and in Redis."""
    return make_app(**counter_store)


@pytest.fixture
def database(database_url):
    return sa.make_url(database_url).database


def run(user, stop=None):
    if stop is None:
        for _ in range(ACTIONS):
            user.act()
    else:
        while not stop.is_set():
            user.act()
    return user


def test_no_response_is_wrong_while_20_users_work(signed_in):
    users = [User(signed_in(), seed) for seed in range(USERS)]
    with ThreadPoolExecutor(USERS) as pool:
        users = [*pool.map(run, users)]
    assert [wrong for user in users for wrong in user.wrong] == []
    assert (sum(user.unavailable for user in users), sum(user.calls for user in users) > USERS * ACTIONS) == (0, True)


def test_shards_that_move_keep_all_rows_and_serve_their_owners(signed_in, database):
    users = [User(signed_in(), seed) for seed in range(8)]
    stop = Event()
    with ThreadPoolExecutor(len(users)) as pool, admin(database) as connection, ExitStack() as stack:
        work = [pool.submit(run, user, stop) for user in users]
        stack.callback(stop.set)  # also if a step fails: the users would work for ever
        before = connection.execute(SHARDS_OF_NODES).fetchall()
        source, target = nodes()[1:3]
        (moved,) = connection.execute(
            "SELECT shardid FROM citus_shards WHERE table_name = 'tasks'::regclass AND (nodename, nodeport) = (%s, %s)",
            source,
        ).fetchone()
        connection.execute(
            "SELECT citus_move_shard_placement(%s, %s, %s, %s, %s, shard_transfer_mode => 'block_writes')",
            [moved, *source, *target],
        )
        after = connection.execute(SHARDS_OF_NODES).fetchall()
        stop.set()
        users = [each.result() for each in work]
        connection.execute(
            "SELECT citus_move_shard_placement(%s, %s, %s, %s, %s, shard_transfer_mode => 'block_writes')",
            [moved, *target, *source],
        )
    assert before != after
    for user in users:
        user.list_tasks()
        user.synchronize()
    assert [wrong for user in users for wrong in user.wrong] == []


def test_deleted_account_leaves_no_row_on_any_node(signed_in, database):
    client = signed_in()
    user_id = client.get("/api/v1/me").json["id"]
    client.post(TASKS, json={"title": "Water the plants", "labels": ["home"]}, headers={"Idempotency-Key": "one"})
    assert client.delete("/api/v1/me").status_code == 204
    columns = {table.name: "owner_id" for table in owned_tables()} | {"sessions": "user_id", "users": "id"}
    with admin(database) as connection:
        left = {
            table: connection.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [user_id]).fetchone()[0]
            for table, column in columns.items()
        }
    assert left == dict.fromkeys(columns, 0)


def test_coordinator_keeps_no_rows_of_distributed_tables(app, make_app, new_database):
    app = make_app(DATABASE_URL=new_database())
    with app.app_context():
        upgrade(revision="heads")
    client = app.test_client()
    credentials = {"username": f"person-{secrets.token_hex(6)}", "password": PASSWORD}
    client.post("/api/v1/auth/register", json=credentials)
    token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    made = client.post(TASKS, json={"title": "Written before the tables were distributed"}).json
    shard(app)
    assert client.get(f"{TASKS}/{made['id']}").json == made
    with app.app_context(), db.engines[READER].connect() as connection:
        sizes = {
            table.name: connection.exec_driver_sql(f"SELECT pg_relation_size('{table.name}')").scalar()
            for table in owned_tables()
        }
    assert sizes == dict.fromkeys(sizes, 0)


def test_commit_that_a_worker_does_not_finish_is_503(make_app, new_database):
    """As when the worker fails at this moment. Only Citus knows the error, which is no OperationalError."""
    url = new_database()
    app = make_app(DATABASE_URL=url)
    with app.app_context():
        upgrade(revision="heads")
    shard(app)
    client = app.test_client()
    credentials = {"username": f"person-{secrets.token_hex(6)}", "password": PASSWORD}
    client.post("/api/v1/auth/register", json=credentials)
    token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    database = sa.make_url(url).database
    for worker in nodes()[1:]:
        with admin(database, *worker) as connection:
            connection.execute("SET citus.enable_ddl_propagation = off")
            connection.execute(FAIL)
    with admin(database) as connection:
        connection.execute("SELECT run_command_on_shards('tasks', %s)", [FAIL_AT_COMMIT])
    response = client.post(TASKS, json={"title": "Water the plants"})
    assert (response.status_code, response.json["code"], response.headers["Retry-After"]) == (503, "unavailable", "2")
    assert client.get(TASKS).json["items"] == []


FAIL = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''gone''; END'"
FAIL_AT_COMMIT = (
    "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON %s DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE PROCEDURE fail()"
)


def test_revision_may_alter_an_owned_table_and_users_together(make_app, new_database, tmp_path):
    app = make_app(DATABASE_URL=new_database())
    with app.app_context():
        upgrade(revision="heads")
    shard(app)
    (tmp_path / "both.py").write_text(REVISION)
    app.extensions["taskapi-revisions"] += (str(tmp_path),)
    result = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert result.exit_code == 0, result.output


REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels = "both_0001", None, ("both",)


def upgrade():
    op.add_column("tasks", sa.Column("note", sa.Text()))
    op.add_column("users", sa.Column("note", sa.Text()))
    op.add_column("labels", sa.Column("note", sa.Text()))
"""
