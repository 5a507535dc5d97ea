"""JSON that the database writes equals the stored values, and prepared statements on PostgreSQL are limited."""

import sqlite3
from contextlib import closing
from datetime import datetime
from uuid import UUID

import pytest
import sqlalchemy as sa
from psycopg.errors import InvalidSqlStatementName
from psycopg.pq import TransactionStatus
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from surface import needs

from taskapi.database import READER, PreparedStatement, db, now, reader, rls_user, set_rls_user, snapshot, writer
from taskapi.database.statements import run_script
from taskapi.security.tokens import DenylistEntry
from taskapi.tasks.models import Task

TASKS = "/api/v1/tasks"
TEXTS = [
    "one\ntwo\n\nthree", 'she said "no"', "back\\slash \\n", "a\ttab", "{\"json\": [1, null]}", "<b>&amp;</b>",
    "%s $1 ? :x", "Ünïcödé 🌱 牛奶", "line\u2028separator", "a" * 20_000,
]  # fmt: skip
INSTANTS = [
    "2030-06-01T12:00:00Z",
    "2030-06-01T12:00:00.120000Z",
    "2030-06-01T12:00:00.000001Z",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
]


@pytest.fixture
def postgresql(app):
    with app.app_context():
        if db.engine.dialect.name != "postgresql":
            pytest.skip("SQLite has no server that keeps statements")


def shown_everywhere(user, task_id):
    """Return a task as each route shows it."""
    (listed,) = [task for task in user.get(TASKS).json["items"] if task["id"] == task_id]
    (change,) = [change for change in user.get("/api/v1/changes").json["changes"] if change["id"] == task_id]
    return user.get(f"{TASKS}/{task_id}").json, listed, change["data"]


@needs("changes")
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:12]))
def test_text_is_returned_unchanged_everywhere(owner, text):
    made = owner.post(TASKS, json={"title": "Water", "description": text})
    assert made.status_code == 201, made.text
    assert made.json["description"] == text
    assert all(seen == made.json for seen in shown_everywhere(owner, made.json["id"]))


@needs("changes")
@pytest.mark.parametrize("instant", INSTANTS)
def test_instant_has_one_format_everywhere(owner, instant):
    made = owner.post(TASKS, json={"title": "Water", "due_at": instant, "status": "done"}).json
    assert made["due_at"] == instant
    assert all(seen == made for seen in shown_everywhere(owner, made["id"]))
    changed = owner.patch(f"{TASKS}/{made['id']}", json={"title": "Water them"}).json
    assert all(seen == changed for seen in shown_everywhere(owner, made["id"]))


@pytest.mark.usefixtures("sqlite")
def test_sqlite_file_has_ids_and_instants_of_the_api(app, owner):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json
    whole = {"title": "Water", "due_at": "2030-06-01T12:00:00Z", "project_id": project["id"]}
    created = [owner.post(TASKS, json={**whole, **more}).json for more in ({}, {"due_at": INSTANTS[1]})]
    shown = [owner.patch(f"{TASKS}/{task['id']}", json={"status": "done"}).json for task in created]
    with app.app_context(), closing(sqlite3.connect(db.engine.url.database)) as file:
        file.row_factory = sqlite3.Row
        rows = [file.execute("SELECT * FROM tasks WHERE id = ?", [task["id"]]).fetchone() for task in shown]
        (name,) = file.execute("SELECT name FROM projects WHERE id = ?", [project["id"]]).fetchone()
    assert name == "Garden"
    assert [row["project_id"] for row in rows] == [project["id"]] * 2
    assert [row["due_at"] for row in rows] == ["2030-06-01T12:00:00.000000Z", INSTANTS[1]]
    for name in ("created_at", "updated_at", "completed_at"):
        assert [row[name].replace(".000000Z", "Z") for row in rows] == [task[name] for task in shown]


@pytest.mark.usefixtures("sqlite")
def test_naive_instant_is_refused_on_sqlite(app):
    late = PreparedStatement(sa.select(Task.title).where(Task.due_at > sa.bindparam("instant")))
    with app.app_context(), pytest.raises(ValueError, match="an instant needs an offset"):
        late.all(reader(), {"instant": datetime(2030, 6, 1)})  # noqa: DTZ001 - the instant under test


def test_project_has_the_same_etag_when_created_and_read(owner):
    made = owner.post("/api/v1/projects", json={"name": 'A "project"'})
    url = f"/api/v1/projects/{made.json['id']}"
    assert owner.get(url).headers["ETag"] == made.headers["ETag"]
    assert owner.get(url, headers={"If-None-Match": made.headers["ETag"]}).status_code == 304


@pytest.mark.usefixtures("postgresql")
def test_connection_prepares_at_most_a_hundred_statements(app, owner):
    with app.app_context(), rls_user(UUID(owner.get("/api/v1/me").json["id"])):
        driver = reader().connection.driver_connection
        for number in range(130):
            assert constant(number).one(reader(), {})["number"] == number
        names = driver.execute("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'taskapi_%'").fetchone()
        assert (names, len(driver.prepared)) == ((100,), 100)
        assert constant(0).one(reader(), {})["number"] == 0  # deallocated before


@pytest.fixture
def prepared_again(app):
    """Return a function that returns how often SQLite has prepared each kept statement again."""

    def count():
        with app.app_context():
            query = "SELECT sql, reprep FROM sqlite_stmt"
            rows = [*reader().exec_driver_sql(query), *writer().exec_driver_sql(query)]
            db.session.rollback()
        return {sql: times for sql, times in rows if times}

    with app.app_context():
        if db.engine.dialect.name != "sqlite":
            pytest.skip("only for SQLite")
    try:
        count()
    except OperationalError:
        pytest.skip("SQLite was compiled without the table sqlite_stmt")
    return count


@needs("changes")
def test_sqlite_prepares_each_statement_once(owner, task, prepared_again):
    """SQLite 3.48 and newer prepare a statement again at each call if its limit is a parameter."""

    def use():
        for url in (TASKS, f"{TASKS}?limit=1", f"{TASKS}/{task['id']}", "/api/v1/changes", "/api/v1/projects"):
            assert owner.get(url).status_code == 200
        assert owner.post(TASKS, json={"title": "Water"}).status_code == 201
        assert owner.patch(f"{TASKS}/{task['id']}", json={"status": "done"}).status_code == 200

    use()
    before = prepared_again()
    use()
    assert prepared_again() == before


def constant(number):
    """A statement that needs row-level security, and returns a number."""
    return PreparedStatement(sa.select(sa.literal_column(str(number)).label("number"), sa.func.count(Task.id)))


@pytest.mark.usefixtures("postgresql")
def test_connection_without_its_prepared_statements_is_closed(app, owner):
    with app.app_context(), rls_user(UUID(owner.get("/api/v1/me").json["id"])):
        driver = reader().connection.driver_connection
        constant(7).one(reader(), {})
        driver.execute("DEALLOCATE ALL")
        with pytest.raises(DBAPIError) as raised:
            constant(7).one(reader(), {})
        assert isinstance(raised.value.orig, InvalidSqlStatementName)
        assert driver.closed
        assert raised.value.connection_invalidated


@pytest.mark.usefixtures("postgresql")
def test_read_that_rolls_back_keeps_prepared_statements_usable(app, owner):
    with app.app_context(), rls_user(UUID(owner.get("/api/v1/me").json["id"])):
        driver = reader().connection.driver_connection
        assert constant(7).one(reader(), {})["number"] == 7
        driver.execute("BEGIN")
        driver.rollback()
        assert constant(7).one(reader(), {})["number"] == 7


@pytest.mark.usefixtures("postgresql")
def test_when_a_connection_breaks_those_that_are_as_old_are_used_no_more(make_app):
    app = make_app(LOG_LEVEL="error")
    with app.app_context():
        engine = db.engines[READER]
        with engine.connect() as lent, engine.connect() as breaking:
            as_old = lent.connection.driver_connection
            with pytest.raises(DBAPIError):
                run_script(breaking, "SELECT pg_terminate_backend(pg_backend_pid())")
        with engine.connect() as connection, engine.connect() as another:
            assert as_old not in {each.connection.driver_connection for each in (connection, another)}
        assert as_old.closed


@needs("admin")
def test_json_that_was_stored_over_several_lines_is_one_row_of_a_page(app, signed_in):
    admin, user = signed_in("admin"), signed_in()
    with app.app_context():
        told = sa.text("UPDATE users SET roles = :roles WHERE username = :name")
        db.session.execute(told, {"roles": '["editor",\n "viewer"]', "name": user.username})
        db.session.commit()
    (found,) = admin.get(f"/api/v1/admin/users?q={user.username}").json["items"]
    assert found["roles"] == ["editor", "viewer"]


@pytest.mark.usefixtures("postgresql")
def test_failed_read_leaves_no_transaction_and_no_setting(app, owner):
    me = UUID(owner.get("/api/v1/me").json["id"])
    owner.post(TASKS, json={"title": "Water"})
    with app.app_context(), rls_user(me):
        driver = reader().connection.driver_connection
        copy = PreparedStatement(sa.insert(Task).from_select(Task.__table__.c.keys(), sa.select(*Task.__table__.c)))
        with pytest.raises(IntegrityError):
            copy.all(reader(), {})
        assert driver.info.transaction_status == TransactionStatus.IDLE
        assert driver.execute("SELECT current_setting('taskapi.user_id', true)").fetchone() == ("",)


@pytest.mark.usefixtures("postgresql")
def test_writer_runs_prepared_statements_after_a_rollback(app, owner):
    with app.app_context():
        driver = writer().connection.driver_connection
        assert constant(8).one(writer(), {})["number"] == 8
        db.session.rollback()
        assert writer().connection.driver_connection is driver
        assert constant(8).one(writer(), {})["number"] == 8
        db.session.rollback()


@pytest.mark.parametrize("rows", [1, 3])
def test_first_statement_is_rolled_back_with_its_transaction(app, owner, rows):
    owner_id = UUID(owner.get("/api/v1/me").json["id"])
    entries = [{"owner_id": owner_id, "subject": f"unit-{i}", "expires_at": now()} for i in range(rows)]
    count = sa.select(sa.func.count()).where(DenylistEntry.subject.in_([entry["subject"] for entry in entries]))
    with app.app_context():
        db.session.execute(sa.insert(DenylistEntry), entries)
        assert db.session.execute(count).scalar_one() == rows
        db.session.rollback()
        with db.engine.connect() as connection:
            connection.execute(sa.insert(DenylistEntry), entries)  # which begins by itself
            connection.rollback()
        assert reader().execute(count).scalar_one() == 0
        left = db.session.scalars(count, execution_options={"yield_per": 1})  # by a cursor of the server's
        assert left.all() == [0]
        db.session.rollback()


@pytest.mark.usefixtures("postgresql")
def test_copy_is_part_of_the_unit_of_work(app, owner):
    owner_id = owner.get("/api/v1/me").json["id"]
    count = sa.select(sa.func.count()).where(DenylistEntry.subject.startswith("driver-"))
    with app.app_context():
        with writer().connection.cursor() as cursor, cursor.copy("COPY denylist FROM STDIN") as copy:
            copy.write(f"{owner_id}\tdriver-1\t2030-01-01\n")
        assert db.session.execute(count).scalar_one() == 1
        db.session.rollback()
        assert reader().execute(count).scalar_one() == 0


@pytest.mark.usefixtures("postgresql")
def test_text_that_the_server_would_cut_off_is_refused(app):
    with app.app_context(), pytest.raises(DBAPIError, match="NUL"):
        PreparedStatement(sa.select(sa.bindparam("text", "", sa.Text).label("text"))).one(
            reader(), {"text": "cut\0off"}
        )


@pytest.mark.usefixtures("postgresql")
def test_failed_snapshot_reports_its_own_error(app):
    with app.app_context():  # the connection then has a prepared statement
        set_rls_user(UUID(int=1))
        PreparedStatement(sa.select(Task.title).where(Task.owner_id == UUID(int=1))).all(reader(), {})
    with app.app_context(), pytest.raises(DBAPIError, match="division by zero"), snapshot() as connection:
        connection.execute(sa.text("SELECT 1 / 0"))
