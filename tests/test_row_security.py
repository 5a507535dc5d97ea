"""Row-level security of PostgreSQL hides the rows of other users, even if a statement lacks the owner."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random
from uuid import UUID

import pytest
import sqlalchemy as sa
from cluster import CITUS_URL
from conftest import PASSWORD, TEST_DATABASE_URL
from flask_migrate import upgrade
from psycopg.sql import SQL
from sqlalchemy.exc import DBAPIError, InternalError, NotSupportedError, ProgrammingError
from surface import collections, declared, needs

from taskapi.database import READER, db, reader, rls_count_only, rls_status, rls_tables, rls_user, set_rls_user
from taskapi.users.models import User
from tests.forging import SECRET

pytestmark = pytest.mark.skipif((TEST_DATABASE_URL or CITUS_URL) is None, reason="SQLite has no row-level security")

WITHOUT_POLICY = {"denylist"}  # every request reads it before its user is known
COUNTED = sorted({"change_counters"} | declared("COUNTED", set))  # tables with a policy that shows rows of all users
OWNED = sorted(table.name for table in rls_tables())
WHO = sa.text("SELECT current_setting('taskapi.user_id', true)")
WHO_OF_TASKS = sa.text("SELECT current_setting('taskapi.user_id', true), (SELECT count(*) FROM tasks)")


@pytest.fixture(scope="module")
def app(make_app, database_url):
    """An application whose role is subject to the policies: the suite's, or a new one where that is a superuser."""
    app = make_app()
    with app.app_context():
        role = sa.text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        exempt = db.session.execute(role).scalar_one()
    return make_app(DATABASE_URL=_as_a_plain_role(database_url)) if exempt else app


def _as_a_plain_role(database_url):
    role, url = "taskapi_test_plain", sa.make_url(database_url)  # which stays, as roles outlive databases
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        with suppress(DBAPIError):  # it is there
            connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'")
        connection.exec_driver_sql(f"GRANT {role} TO CURRENT_USER")
        for table in sa.inspect(connection).get_table_names():
            connection.exec_driver_sql(f"ALTER TABLE {table} OWNER TO {role}")
    engine.dispose()
    return url.set(username=role, password=role).render_as_string(hide_password=False)


def live(client):
    """Add a row to every owned table; returns the id of the user."""
    project = client.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    body = {"title": "Task", "labels": ["home"], "project_id": project}
    assert client.post("/api/v1/tasks", json=body, headers={"Idempotency-Key": "once"}).status_code == 201
    gone = client.post("/api/v1/tasks", json={"title": "Gone"}).json["id"]
    assert client.delete(f"/api/v1/tasks/{gone}?permanent=true").status_code == 204
    for collection in collections(client.application):
        if not client.get(collection.path).json["items"]:
            collection.add(client)
    for fill in declared("OWNED").values():  # functions that add a row, by the name of the table
        fill(client)
    return UUID(client.get("/api/v1/me").json["id"])


@pytest.fixture(scope="module")
def two(app):
    """Two users who have a row in every owned table."""
    return [live(register(app.test_client())) for _ in range(2)]


def register(client):
    """Register, and sign in."""
    credentials = {"username": f"user-{secrets.token_hex(6)}", "password": PASSWORD}
    assert client.post("/api/v1/auth/register", json=credentials).status_code == 201
    token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


@pytest.fixture
def users(app, two):
    """The ids of the two users, and an application context."""
    with app.app_context():
        yield two


def owners(connection, table):
    """Return the owners of all visible rows of a table."""
    return {*connection.execute(sa.text(f"SELECT owner_id FROM {table}")).scalars()}


def session():
    return db.session.connection()


def test_every_table_that_has_owners_is_known_here(app):
    columns = "SELECT table_name FROM information_schema.columns WHERE column_name = 'owner_id'"
    with app.app_context():
        found = {*db.session.execute(sa.text(columns)).scalars()}
    assert found - WITHOUT_POLICY == {*OWNED}


def test_table_without_a_policy_is_reported(app):
    with app.app_context(), db.engine.connect() as connection:
        assert rls_status(connection) == (True, "in force")
        connection.exec_driver_sql("ALTER TABLE labels DISABLE ROW LEVEL SECURITY")
        assert rls_status(connection) == (False, "off for labels")
        connection.rollback()


def test_each_table_has_no_policy_but_its_owners(app):
    with app.app_context():
        found = db.session.execute(sa.text("SELECT tablename, policyname, cmd FROM pg_policies ORDER BY 1, 2")).all()
    assert found == sorted(
        [(table, "owner", "ALL") for table in OWNED] + [(table, "count", "SELECT") for table in COUNTED]
    )


def test_doctor_reports_active_row_security(app):
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert (result.exit_code, "ok    row_security in force" in result.output) == (0, True), result.output


def test_doctor_checks_no_privileges_of_tables_that_do_not_exist(make_app, new_database, redis_url):
    production = {"ENV": "production", "JWT_SECRET_KEY": SECRET, "TRUSTED_HOSTS": "a.example", "REDIS_URL": redis_url}
    for settings in ({}, production):
        result = make_app(DATABASE_URL=new_database(), **settings).test_cli_runner().invoke(args=["doctor"])
        checked = [line.split()[1] for line in result.output.splitlines()]
        assert (result.exit_code, "migrations" in checked) == (1, True), result.output
        assert {"row_security", "audit_log"}.isdisjoint(checked), result.output


@pytest.fixture
def unforced(app):
    """The role that owns the labels is exempt from their policy for a while."""
    with app.app_context():
        engine = db.engines[READER]
    with engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE labels NO FORCE ROW LEVEL SECURITY")
        yield
        connection.exec_driver_sql("ALTER TABLE labels FORCE ROW LEVEL SECURITY")


def test_inactive_row_security_is_an_error_in_production(app, make_app, unforced, redis_url):
    url = app.config["SQLALCHEMY_DATABASE_URI"].render_as_string(hide_password=False)
    production = {"ENV": "production", "JWT_SECRET_KEY": SECRET, "TRUSTED_HOSTS": "a.example", "REDIS_URL": redis_url}
    results = [
        make_app(DATABASE_URL=url, **settings).test_cli_runner().invoke(args=["doctor"])
        for settings in ({}, production)
    ]
    assert [result.exit_code for result in results] == [0, 1]
    assert "FAIL  row_security off for labels" in results[1].output


@pytest.mark.parametrize("connection", [reader, session])
@pytest.mark.parametrize("table", OWNED)
def test_statement_without_owner_sees_only_own_rows(users, table, connection):
    for user in users:
        with rls_user(user):
            assert owners(connection(), table) == {user}
        db.session.rollback()


@pytest.mark.parametrize("connection", [reader, session])
@pytest.mark.parametrize("table", OWNED)
def test_anonymous_statement_sees_no_row(users, table, connection):
    assert owners(connection(), table) == set()


@pytest.mark.parametrize("table", OWNED)
def test_anothers_rows_can_be_neither_changed_nor_deleted(users, table):
    mine, theirs = users
    with rls_user(mine):
        for change in (f"UPDATE {table} SET owner_id = owner_id", f"DELETE FROM {table}"):
            result = session().execute(sa.text(f"{change} WHERE owner_id = :theirs"), {"theirs": theirs})
            assert result.rowcount == 0
    with rls_user(theirs):
        assert owners(session(), table) == {theirs}


def test_row_cannot_be_created_for_or_given_to_another_user(users):
    mine, theirs = users
    new = "INSERT INTO tombstones VALUES (:theirs, gen_random_uuid(), 99, now(), 'task')"
    for statement in (new, "UPDATE tombstones SET owner_id = :theirs"):
        refused = r"row-level security|partition value"  # Citus has a rule of its own
        with pytest.raises((ProgrammingError, NotSupportedError), match=refused), rls_user(mine):
            session().execute(sa.text(statement), {"theirs": theirs})


def test_counting_role_sees_only_counted_tables(users):
    with rls_count_only():
        assert owners(reader(), "change_counters") >= {*users}
        assert [table for table in OWNED if owners(reader(), table)] == COUNTED
        assert session().execute(sa.text("UPDATE change_counters SET tasks = 0")).rowcount == 0
    assert owners(reader(), "change_counters") == set()


def test_acting_for_another_ends_where_it_ends(users):
    mine, theirs = users
    set_rls_user(mine)
    assert owners(session(), "tasks") == {mine}
    with rls_user(theirs):
        assert owners(session(), "tasks") == {theirs}
        with rls_count_only():
            assert len(owners(session(), "change_counters")) >= 2
        assert owners(session(), "change_counters") == {theirs}
    assert owners(session(), "tasks") == {mine}


def test_failure_under_another_user_is_rolled_back(users):
    mine, theirs = users
    set_rls_user(mine)
    with suppress(ZeroDivisionError), rls_user(theirs):
        session().execute(sa.text("DELETE FROM task_labels"))
        raise ZeroDivisionError
    assert owners(session(), "task_labels") == {mine}
    with rls_user(theirs):
        assert owners(session(), "task_labels") == {theirs}


def test_only_an_id_can_be_acted_for(app):
    with app.app_context():
        set_rls_user("'; DROP TABLE tasks; --")
        with pytest.raises(AttributeError):
            reader().execute(WHO_OF_TASKS)


def test_read_without_owner_sets_no_user(users):
    with rls_user(users[0]):
        assert not reader().execute(WHO).scalar_one()
        assert reader().execute(WHO_OF_TASKS).one() == (str(users[0]), 1)


def test_driver_can_run_its_own_statements(users):
    with rls_user(users[0]):
        assert reader().connection.driver_connection.execute(SQL("SELECT 1")).fetchone() == (1,)


def _by_themselves(_app, client, _person):
    assert client.delete("/api/v1/me").status_code == 204


def _past_the_api(app, _client, user):
    with app.app_context():
        db.session.execute(sa.delete(User).where(User.id == user))
        db.session.commit()


@pytest.mark.parametrize("erase", [_by_themselves, _past_the_api])
def test_erased_account_leaves_no_rows(app, signed_in, erase):
    user = live(client := signed_in())
    erase(app, client, user)
    with app.app_context(), rls_user(user):
        assert [table for table in OWNED if owners(reader(), table)] == []


def idle(app, engine):
    """Return the user setting and the number of visible tasks of each connection of a pool."""
    with app.app_context():
        pool = db.engines[engine].pool
        connections = [db.engines[engine].connect() for _ in range(pool.checkedin() + pool.checkedout())]
        seen = [(c.execute(WHO).scalar_one() or "", len(owners(c, "tasks"))) for c in connections]
        for connection in connections:
            connection.close()
    return seen


@pytest.mark.parametrize("engine", [None, READER])
def test_returned_connection_has_no_user(app, owner, engine):
    live(owner)
    owner.get("/api/v1/tasks")
    assert {*idle(app, engine)} == {("", 0)}


@pytest.mark.parametrize("engine", [None, READER])
def test_failed_statement_leaves_a_usable_connection_without_user(app, users, engine):
    for connection in (reader, session):
        with pytest.raises(DBAPIError), rls_user(users[0]):
            connection().execute(sa.text("SELECT 1 / 0 FROM tasks"))
        assert owners(connection(), "tasks") == set()
        with rls_user(users[1]):
            assert owners(connection(), "tasks") == {users[1]}
        db.session.rollback()


def test_read_works_after_a_lost_connection(app, users):
    with app.app_context(), pytest.raises(DBAPIError), rls_user(users[0]):
        reader().execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid()), (SELECT count(*) FROM tasks)"))
    assert owners(reader(), "tasks") == set()
    with rls_user(users[1]):
        assert owners(reader(), "tasks") == {users[1]}


def test_threads_that_share_a_pool_never_see_each_others_rows(app, users):
    def read(seed):
        random, seen = Random(seed), []
        for _ in range(40):
            with app.app_context():
                user = random.choice([*users, None])
                if user:
                    set_rls_user(user)
                if random.random() < 0.3:
                    with pytest.raises(DBAPIError):
                        reader().execute(sa.text("SELECT 1 / (count(*) * 0) FROM tasks"))
                connection = random.choice([reader, session])()
                seen.append(owners(connection, "tasks") == ({user} if user else set()))
        return all(seen)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(16)))


def test_migration_without_a_user_is_rejected_on_owned_rows(app):
    with app.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql("SET LOCAL row_security = off")
        with pytest.raises((InternalError, ProgrammingError), match="row-level security"):
            connection.execute(sa.text("UPDATE tasks SET title = ''"))


@needs("exports")
def test_export_has_only_own_rows(users, owner, signed_in):
    live(owner)
    exported = owner.get("/api/v1/me/export").json
    assert len(exported["tasks"]) == 1
    assert len(owner.get("/api/v1/tasks/export.json").json["tasks"]) == 1


@needs("admin")
def test_administrators_count_the_tasks_of_all(app, users, signed_in):
    admin = signed_in("admin")
    before = admin.get("/api/v1/admin/stats").json["tasks"]
    signed_in().post("/api/v1/tasks", json={"title": "One more"})
    assert admin.get("/api/v1/admin/stats").json["tasks"] == before + 1
    assert before >= 2


def test_upgrading_again_changes_nothing(app):
    with app.app_context():
        upgrade(revision="heads")
        assert rls_status(reader()) == (True, "in force")
