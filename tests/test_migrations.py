"""Migrations: up from nothing, down to nothing, and what they build is what the models say."""

import os
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import check, downgrade, upgrade
from following import Copy

from taskapi.database import MIGRATIONS, db, rls_user
from taskapi.tasks.models import Task

ROOT = Path(__file__).parents[1]
REVISIONS = [script.revision for script in ScriptDirectory(MIGRATIONS).walk_revisions()][::-1]


@pytest.fixture
def empty(make_app, new_database):
    """An application on a database with nothing in it."""
    app = make_app(DATABASE_URL=new_database())
    with app.app_context():
        yield app


def is_declared(name, _kind, _parents):
    """Tell whether a model can declare it: the index of words is each database's own affair."""
    return not (name or "").startswith("task_search")


def tables():
    """Return the tables that there are, Alembic's own left out."""
    db.engine.dispose()
    return {*sa.inspect(db.engine).get_table_names()} - {"alembic_version"}


def declared():
    """Return the tables that models declare."""
    return {name for name in tables() if is_declared(name, "table", {})}


def test_the_history_is_one_line():
    assert [int(revision) for revision in REVISIONS] == [*range(1, len(REVISIONS) + 1)]
    assert len(ScriptDirectory(MIGRATIONS).get_heads()) == 1


def test_up_from_nothing_and_down_to_nothing(empty):
    assert tables() == set()
    upgrade(revision="heads")
    assert declared() == {*db.metadata.tables}
    downgrade(revision="base")
    assert tables() == set()
    upgrade(revision="heads")
    assert declared() == {*db.metadata.tables}


def test_each_step_can_be_taken_back_and_forth(empty):
    for revision in REVISIONS:
        upgrade(revision=revision)
        before = tables()
        downgrade(revision="-1")
        upgrade(revision=revision)
        assert tables() == before


def test_what_migrations_build_is_what_the_models_say(empty):
    upgrade(revision="heads")
    check()
    with db.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_name": is_declared}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata) == []


@pytest.fixture
def history(tmp_path):
    """A copy of the history, for a command that may add to it."""
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "history"))


def test_migrate_writes_no_revision_when_nothing_has_changed(empty, history):
    upgrade(revision="heads")
    before = sorted(history.rglob("*.py"))
    result = empty.test_cli_runner().invoke(args=["db", "migrate", "--directory", str(history)])
    assert (result.exit_code, result.output) == (0, "No changes in schema detected.\n")
    assert sorted(history.rglob("*.py")) == before


def test_migrate_writes_one_revision_when_a_column_has_gone(empty, history):
    upgrade(revision="heads")
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE users DROP COLUMN timezone")
    runner = empty.test_cli_runner()
    assert runner.invoke(args=["db", "migrate", "-m", "more", "--directory", str(history)]).exit_code == 0
    (written,) = (history / "versions").glob(f"{len(REVISIONS) + 1:04}_more.py")
    assert "sa.Column('timezone'" in written.read_text()


def test_taking_the_last_step_again_keeps_what_people_wrote(empty, make_app):
    upgrade(revision="heads")
    client = empty.test_client()
    credentials = {"username": "ada", "password": "correct horse battery staple"}
    assert client.post("/api/v1/auth/register", json=credentials).status_code == 201
    signed_in = client.post("/api/v1/auth/login", json=credentials).json
    bearer = {"Authorization": f"Bearer {signed_in['access_token']}"}
    made = client.post("/api/v1/tasks", json={"title": "Milk"}, headers=bearer)
    assert made.status_code == 201
    upgrade(revision="heads")
    assert client.get(made.headers["Location"], headers=bearer).json == made.json


def test_subtasks_come_into_the_project_of_their_parent(empty):
    upgrade(revision="heads")
    client = empty.test_client()
    credentials = {"username": "ada", "password": "correct horse battery staple"}
    owner = client.post("/api/v1/auth/register", json=credentials).json["id"]
    token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    one, two = (client.post("/api/v1/projects", json={"name": name}).json["id"] for name in ("One", "Two"))
    top = client.post("/api/v1/tasks", json={"title": "Top", "project_id": two}).json["id"]
    child = client.post("/api/v1/tasks", json={"title": "Child", "parent_id": top}).json["id"]
    below = client.post("/api/v1/tasks", json={"title": "Below", "parent_id": child}).json["id"]
    free = client.post("/api/v1/tasks", json={"title": "Free"}).json["id"]
    under = client.post("/api/v1/tasks", json={"title": "Under", "parent_id": free}).json["id"]
    client.delete(f"/api/v1/tasks/{below}")
    tasks = db.metadata.tables["tasks"]
    with rls_user(UUID(owner)):
        for task_id in (child, below, under):
            db.session.execute(sa.update(tasks).where(tasks.c.id == UUID(task_id)).values(project_id=UUID(one)))
        db.session.commit()
    copy = Copy(client).follow()
    assert copy.rows["task", child]["project_id"] == one
    untouched = [client.get(f"/api/v1/tasks/{task_id}").json for task_id in (top, free)]
    db.engine.dispose()
    downgrade(revision="0012")
    upgrade(revision="heads")
    assert [client.get(f"/api/v1/tasks/{task_id}").json["project_id"] for task_id in (child, below)] == [two, two]
    assert [client.get(f"/api/v1/tasks/{task_id}").json for task_id in (top, free)] == untouched
    rows = copy.follow().rows
    assert rows["task", child] == client.get(f"/api/v1/tasks/{child}").json
    assert rows["task", under]["project_id"] is None
    assert client.delete(f"/api/v1/projects/{one}?permanent=true").status_code == 204
    assert {task["title"] for task in client.get("/api/v1/tasks").json["items"]} == {"Top", "Child", "Free", "Under"}
    assert client.post("/api/v1/tasks", json={"title": "Next"}).json["version"] > rows["task", under]["version"]


def signed_in(app, username, *, new=True):
    """Return somebody who has signed in, to a new account or to the one that they have."""
    client, credentials = app.test_client(), {"username": username, "password": "correct horse battery staple"}
    if new:
        assert client.post("/api/v1/auth/register", json=credentials).status_code == 201
    tokens = client.post("/api/v1/auth/login", json=credentials).json
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {tokens['access_token']}"
    return client


def fill(client, tasks):
    """Give somebody rows of every kind."""
    project = client.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    first = {"title": "Prune the quince", "labels": ["home", "late"], "project_id": project}
    parent = client.post("/api/v1/tasks", json=first, headers={"Idempotency-Key": "1"}).json["id"]
    client.post("/api/v1/tasks", json={"title": "Find the saw", "parent_id": parent, "due_date": "2030-01-02"})
    for options in ("", "?permanent=true"):
        assert client.delete(client.post("/api/v1/tasks", json={"title": "Gone"}).headers["Location"] + options)
    operations = [{"op": "create", "data": {"title": f"Water plant {number}"}} for number in range(tasks)]
    for start in range(0, tasks, 100):
        assert (
            client.post("/api/v1/tasks/batch", json={"operations": operations[start : start + 100]}).status_code == 200
        )


def titles_of(client, **query):
    """Return the first titles of somebody's tasks."""
    page = client.get("/api/v1/tasks", query_string={"limit": 100, "sort": "title", **query})
    assert page.status_code == 200, page.text
    return [task["title"] for task in page.json["items"]]


def rows():
    """Return the rows of each table by its name, as the pairs of column and value that they consist of.

    A step that makes the denylist anew raises every epoch, so that no older token is believed.
    """
    names = sorted(declared())  # which disposes of the engine's connections
    found = {}
    with db.engine.connect() as connection:
        users = [str(one) for one in connection.execute(sa.text("SELECT id FROM users")).scalars()]
        connection.rollback()
        for table in names:
            seen = found[table] = set()
            for user in users if connection.dialect.name == "postgresql" else users[:1]:
                with connection.begin():
                    if connection.dialect.name == "postgresql":
                        connection.exec_driver_sql(f"SET LOCAL taskapi.user_id = '{user}'")
                    result = connection.execute(sa.text(f"SELECT * FROM {table}")).mappings()
                    seen |= {tuple((name, repr(row[name])) for name in row if name != "epoch") for row in result}
    return found


def compared(first, second):
    """Return the rows of the tables that both have, by the columns that both have."""
    for table in first.keys() & second.keys():
        if first[table] and second[table]:
            names = {name for name, _ in next(iter(first[table]))} & {name for name, _ in next(iter(second[table]))}
            one, other = (
                {frozenset(pair for pair in row if pair[0] in names) for row in found[table]}
                for found in (first, second)
            )
        else:
            one, other = first[table], second[table]
        yield table, one, other


def test_each_step_down_and_up_keeps_the_rows_of_all_tables_that_stay(empty):
    upgrade(revision="heads")
    ada, grace = signed_in(empty, "ada"), signed_in(empty, "grace")
    fill(ada, 501)
    fill(grace, 3)
    titles = titles_of(ada)
    for below, above in list(pairwise(REVISIONS))[::-1]:
        before = rows()
        downgrade(revision=below)
        down = rows()
        upgrade(revision=above)
        again = rows()
        for one, other in ((before, down), (down, again)):
            for table, left, right in compared(one, other):
                assert left == right, (below, above, table, list(left ^ right)[:3])
        downgrade(revision=below)
    upgrade(revision="heads")
    ada, grace = (signed_in(empty, username, new=False) for username in ("ada", "grace"))
    assert [titles_of(person, q="quince") for person in (ada, grace)] == [["Prune the quince"]] * 2
    assert titles_of(ada) == titles


@pytest.mark.usefixtures("sqlite")
def test_the_index_of_words_goes_from_all_tasks_to_those_of_who_has_many_and_back(empty):
    upgrade(revision="0009")
    with db.engine.begin() as connection:
        for owner, counted in (("few", 500), ("many", 501)):
            insert(connection, "users", id=owner, username=owner, email=owner)
            insert(connection, "change_counters", owner_id=owner, tasks=counted)
            insert(connection, "tasks", id="1", owner_id=owner, words=f"{owner} kefir")
    assert found("kefir") == {"few", "many"}
    upgrade(revision="0010")
    assert found("kefir") == {"many"}
    downgrade(revision="0009")
    assert found("kefir") == {"few", "many"}
    with db.engine.begin() as connection:
        insert(connection, "tasks", id="2", owner_id="few", words="cream", version=1)
    assert found("cream") == {"few"}
    upgrade(revision="0010")
    assert found("kefir") == {"many"}


def test_stored_words_are_folded_again(empty, make_app):
    upgrade(revision="heads")
    client = registered(empty)
    for title in ("Acme™ Łódź", "milk", "x" * 200):
        assert client.post("/api/v1/tasks", json={"title": title, "description": "It’s"}).status_code == 201
    expected = folded(client)
    downgrade(revision="0013")
    for owner_id in each_owner_of(client):
        db.session.execute(sa.update(Task).where(Task.owner_id == owner_id).values(title_key="old", words="old"))
        db.session.commit()
    upgrade(revision="heads")
    assert folded(client) == expected
    assert client.get("/api/v1/tasks?q=acmetm+it%27s").json["items"][0]["title"] == "Acme™ Łódź"


def test_unknown_zones_become_utc_and_due_days_follow_the_zone(empty):
    upgrade(revision="heads")
    client = registered(empty)
    client.post("/api/v1/tasks", json={"title": "13 July", "due_date": "2030-07-13"})
    tokyo = {"due_before": "2030-07-13T15:00:00Z"}  # the end of the day there
    cases = (("localtime", "UTC", 0), ("posix/Asia/Tokyo", "UTC", 0), ("Asia/Tokyo", "Asia/Tokyo", 1))
    for zone, expected, found in cases:
        downgrade(revision="0014")
        db.session.execute(sa.text("UPDATE users SET timezone = :zone"), {"zone": zone})
        db.session.commit()
        assert client.get("/api/v1/tasks", query_string=tokyo).json["items"] == []
        upgrade(revision="heads")
        assert client.get("/api/v1/me").json["timezone"] == expected
        assert len(client.get("/api/v1/tasks", query_string=tokyo).json["items"]) == found


def test_completed_tasks_get_their_sort_keys(empty):
    upgrade(revision="heads")
    client = registered(empty)
    for title, status in (("done", "done"), ("open", "todo"), ("done later", "done")):
        client.post("/api/v1/tasks", json={"title": title, "status": status})
    downgrade(revision="0016")
    upgrade(revision="heads")
    for sort, expected in (("", ["done", "done later", "open"]), ("-", ["done later", "done", "open"])):
        items = client.get(f"/api/v1/tasks?sort={sort}completed_at").json["items"]
        assert [item["title"] for item in items] == expected


def registered(app):
    """Return a client of a new account."""
    client = app.test_client()
    credentials = {"username": "ada", "password": "correct horse battery staple"}
    assert client.post("/api/v1/auth/register", json=credentials).status_code == 201
    signed_in = client.post("/api/v1/auth/login", json=credentials).json
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {signed_in['access_token']}"
    return client


def each_owner_of(client):
    """Yield the id of the client's account, and act for it meanwhile."""
    owner_id = UUID(client.get("/api/v1/me").json["id"])
    with rls_user(owner_id):
        yield owner_id


def folded(client):
    """Return what the client's tasks are sorted and searched by."""
    for owner_id in each_owner_of(client):
        rows = sa.select(Task.title_key, Task.words).where(Task.owner_id == owner_id).order_by(Task.id)
        found = [tuple(row) for row in db.session.execute(rows)]
        db.session.rollback()
    return found


def insert(connection, table, **values):
    """Insert a row, and into each column that must have a value and was given none a 0."""
    columns = sa.inspect(connection).get_columns(table)
    row = {column["name"]: 0 for column in columns if not column["nullable"]} | values
    connection.exec_driver_sql(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", (*row.values(),)
    )


def found(word):
    """Return whose tasks have the word in SQLite's index."""
    rows = "SELECT owner_id FROM task_search_rows WHERE number IN (SELECT rowid FROM task_search WHERE words MATCH ?)"
    with db.engine.connect() as connection:
        return {*connection.exec_driver_sql(rows, (word,)).scalars()}


def test_migrating_leaves_foreign_keys_on(empty):
    upgrade(revision="heads")
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.fixture
def on_postgresql(empty):
    """Skip what SQLite has no need of: it has one writer at a time, and no locks of tables."""
    if db.engine.dialect.name != "postgresql":
        pytest.skip("PostgreSQL alone")


@pytest.fixture
def revise(tmp_path):
    """Return a copy of the history with one more revision, which upgrades by these lines."""

    def revise(*lines):
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder)
        head = f"revision, down_revision = '9999', '{REVISIONS[-1]}'"
        body = "".join(f"    {line}\n" for line in lines)
        text = f"from alembic import op\n{head}\n\n\ndef upgrade():\n{body}"
        (folder / "versions" / "9999_more.py").write_text(text)
        return str(folder)

    return revise


def test_a_migration_that_waits_for_a_long_transaction_gives_up_before_requests_do(on_postgresql, revise, caplog):
    upgrade(revision="heads")
    with db.engine.connect() as other:
        other.exec_driver_sql("SELECT count(*) FROM users")
        started = time.monotonic()
        with pytest.raises(SystemExit):
            upgrade(revise("op.execute('ALTER TABLE users ADD COLUMN more int')"))
        assert time.monotonic() - started < 5
    assert "try again" in caplog.text
    assert "more" not in {column["name"] for column in sa.inspect(db.engine).get_columns("users")}


def test_an_index_can_be_built_outside_of_the_transaction(on_postgresql, revise):
    upgrade(revision="heads")
    upgrade(
        revise(
            "with op.get_context().autocommit_block():",
            "    op.create_index('more', 'tasks', ['owner_id', 'status'], postgresql_concurrently=True)",
        )
    )
    assert "more" in {index["name"] for index in sa.inspect(db.engine).get_indexes("tasks")}


@pytest.mark.usefixtures("sqlite")
def test_sqlite_upgrade_is_one_transaction_whatever_a_revision_asks(empty, revise):
    lines = ("with op.get_context().autocommit_block():", "    pass", "op.execute('no such statement')")
    with pytest.raises(sa.exc.OperationalError):
        upgrade(revise(*lines))
    assert tables() == set()


def test_processes_that_start_at_once_migrate_the_embedded_database_once(tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TASKAPI_INSTANCE_PATH": str(tmp_path)}
    start = [sys.executable, "-c", "from taskapi import create_app; create_app()"]
    processes = [
        subprocess.Popen(start, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    failed = [text for process in processes for _, text in [process.communicate(timeout=60)] if process.returncode]
    assert failed == []
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'taskapi.db'}")
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all() == [REVISIONS[-1]]
    engine.dispose()
