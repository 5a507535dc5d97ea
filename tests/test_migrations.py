"""Migrations: upgrade an empty database, downgrade it again, and create the schema of the models."""

import os
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import check, downgrade, upgrade
from task_files import add_tasks

from taskapi.database import MIGRATIONS, db
from taskapi.migrations import (
    applied_revisions,
    check_migrations,
    downgrade_command,
    history,
    is_newer,
    join_revisions,
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
REVISIONS = [script.revision for script in ScriptDirectory(MIGRATIONS).walk_revisions()][::-1]  # of the core
MORE = "9999"  # a revision that a test adds
NEXT_LINE = "\n    "
FIRST_OF_NOTES = f"""from alembic import op
import sqlalchemy as sa

revision, down_revision = "notes_0001", None
branch_labels, depends_on = ("notes",), "{REVISIONS[-1]}"


def upgrade():
    op.create_table(
        "notes",
        sa.Column("owner_id", sa.Uuid(), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("id", sa.Uuid(), primary_key=True),
    )


def downgrade():
    op.drop_table("notes")
"""
SECOND_OF_NOTES = """from alembic import op
import sqlalchemy as sa

revision, down_revision = "notes_0002", "notes_0001"


def upgrade():
    op.add_column("notes", sa.Column("size", sa.Integer()))


def downgrade():
    op.drop_column("notes", "size")
"""


@pytest.fixture
def empty(make_app, new_database):
    """An application on an empty database."""
    app = make_app(DATABASE_URL=new_database())
    with app.app_context():
        yield app


def is_declared(name, _kind, _parents):
    """Tell whether a model can declare it: the index of words is each database's own affair."""
    return not (name or "").startswith("task_search")


def tables():
    """Return the tables of the database, without that of Alembic."""
    db.engine.dispose()
    return {*sa.inspect(db.engine).get_table_names()} - {"alembic_version"}


def declared():
    """Return the tables of the models."""
    return {name for name in tables() if is_declared(name, "table", {})}


@pytest.fixture
def revise(tmp_path):
    """Return a copy of the core's revisions with one more, which upgrades and downgrades by these lines."""

    def revise(*lines, downgrade=()):
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder)
        text = f"""from alembic import op
import sqlalchemy as sa
from taskapi.database import Id
from taskapi.migrations import each_owner

revision, down_revision = '{MORE}', '{REVISIONS[-1]}'


def upgrade():
    {NEXT_LINE.join(lines)}


def downgrade():
    {NEXT_LINE.join(downgrade or ["pass"])}
"""
        (folder / "versions" / f"{MORE}_more.py").write_text(text)
        return str(folder)

    return revise


@pytest.fixture
def extended(empty, tmp_path):
    """The folder of an extension's revisions, with the first one, of which the application is told."""
    folder = tmp_path / "notes" / "migrations"
    folder.mkdir(parents=True)
    (folder / "notes_0001_first.py").write_text(FIRST_OF_NOTES)
    empty.extensions["taskapi-revisions"] += (str(folder),)
    return folder


def test_core_history_is_one_branch():
    assert [int(revision) for revision in REVISIONS] == [*range(1, len(REVISIONS) + 1)]
    assert len(ScriptDirectory(MIGRATIONS).get_heads()) == 1


def test_extension_history_is_a_branch_of_its_name(app):
    with app.app_context():
        for script in history().walk_revisions():
            folder = Path(script.path).parent
            if folder.name == "migrations":
                assert script.branch_labels == {folder.parent.name}, script.path


def test_upgrade_applies_the_revisions_of_core_and_extensions(empty, extended):
    run = empty.test_cli_runner().invoke
    assert run(args=["db", "upgrade", "core@head"]).exit_code == 0
    needed = f"{join_revisions(history().get_heads())}: run flask db upgrade"
    assert "notes_0001" in needed
    assert check_migrations() == f"the schema is at {REVISIONS[-1]}, and this version needs {needed}"
    result = run(args=["db", "upgrade"])
    assert result.exit_code == 0, result.output
    assert check_migrations() is None
    assert tables() - {*db.metadata.tables} >= {"notes"}


def test_downgrade_removes_the_tables_of_one_extension(empty, extended):
    run = empty.test_cli_runner().invoke
    assert run(args=["db", "upgrade"]).exit_code == 0
    result = run(args=["db", "downgrade", "notes@base"])
    assert result.exit_code == 0, result.output
    assert "notes" not in tables()
    empty.extensions["taskapi-revisions"] = empty.extensions["taskapi-revisions"][:-1]
    assert check_migrations() is None
    assert run(args=["db", "upgrade"]).exit_code == 0
    assert declared() == {*db.metadata.tables}


def test_downgrade_needs_a_revision(empty):
    """Without one, Alembic would undo the revision of any extension."""
    run = empty.test_cli_runner().invoke
    assert run(args=["db", "upgrade"]).exit_code == 0
    before = tables()
    result = run(args=["db", "downgrade"])
    assert (result.exit_code, tables()) == (2, before)
    assert "Missing argument 'REVISIONS...'" in result.output


def test_old_version_names_the_command_that_goes_back_to_it(empty, extended):
    run = empty.test_cli_runner().invoke
    later = extended / "notes_0002_more.py"
    later.write_text(SECOND_OF_NOTES)
    assert run(args=["db", "upgrade"]).exit_code == 0
    old = (*empty.extensions["taskapi-revisions"][:-1], str(extended.with_name("old")))
    new, empty.extensions["taskapi-revisions"] = empty.extensions["taskapi-revisions"], old
    extended.with_name("old").mkdir()
    shutil.copy(extended / "notes_0001_first.py", old[-1])
    command = f"flask db downgrade {REVISIONS[-1]} notes_0001"
    assert f"of a newer version; to go back, run its `{command}`" in run(args=["doctor"]).output
    result = run(args=command.split()[1:])
    assert (result.exit_code, result.output) == (
        1,
        "Error: This version does not have notes_0002: run the one that has.\n",
    )
    empty.extensions["taskapi-revisions"] = new
    result = run(args=command.split()[1:])
    said = f"No revision after {REVISIONS[-1]} is applied.\nUndid notes_0002: \n"
    assert (result.exit_code, result.output) == (0, said)
    empty.extensions["taskapi-revisions"] = old
    assert not is_newer(applied_revisions())
    assert check_migrations() is None


def test_command_that_goes_back_removes_an_unknown_extension(empty, extended):
    upgrade(revision="heads")
    empty.extensions["taskapi-revisions"] = empty.extensions["taskapi-revisions"][:-1]
    assert downgrade_command(applied_revisions()) == f"flask db downgrade {REVISIONS[-1]} notes@base"


def test_revision_of_a_removed_extension_counts_as_newer(empty, extended):
    upgrade(revision="heads")
    empty.extensions["taskapi-revisions"] = empty.extensions["taskapi-revisions"][:-1]
    assert check_migrations() is None
    assert is_newer(applied_revisions())


def test_revision_command_numbers_each_branch(empty, extended):
    run = empty.test_cli_runner().invoke
    assert run(args=["db", "upgrade"]).exit_code == 0
    result = run(args=["db", "revision", "-m", "more", "--head", "notes@head"])
    assert result.exit_code == 0, result.output
    assert (extended / "notes_0002_more.py").exists()
    words = ["--head", "base", "--branch-label", "tags", "--version-path", str(extended)]
    result = run(args=["db", "revision", "-m", "first", *words])
    assert result.exit_code == 0, result.output
    assert (extended / "tags_0001_first.py").exists()


def test_up_from_nothing_and_down_to_nothing(empty):
    assert tables() == set()
    upgrade(revision="heads")
    assert declared() == {*db.metadata.tables}
    downgrade(revision="base")
    assert tables() == set()
    upgrade(revision="heads")
    assert declared() == {*db.metadata.tables}


def test_commands_print_the_revisions_that_they_apply_and_undo(empty):
    run = empty.test_cli_runner().invoke
    applied = run(args=["db", "upgrade"]).output.splitlines()
    assert applied[0] == "Applied 0001: The schema of the first release."
    assert len(applied) == len([*history().walk_revisions()])
    assert run(args=["db", "upgrade"]).output == "The schema is up to date.\n"
    assert run(args=["db", "downgrade", "base"]).output.splitlines()[-1].startswith("Undid 0001: ")


@pytest.mark.parametrize("command", [["-c", "import wsgi"], ["-m", "flask", "--app", "wsgi", "prune"]])
def test_upgrade_of_the_embedded_database_at_start_prints_nothing(tmp_path, command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TASKAPI_INSTANCE_PATH": str(tmp_path)}
    output = subprocess.check_output([sys.executable, *command], cwd=tmp_path, env=environment, text=True)
    assert (tmp_path / "taskapi.db").exists()
    assert "Applied 0001" not in output
    assert "up to date" not in output


def test_each_step_can_be_taken_back_and_forth(empty, revise):
    folder = revise("op.create_table('more', sa.Column('id', sa.Uuid()))", downgrade=["op.drop_table('more')"])
    for revision in (*REVISIONS, MORE):
        upgrade(folder, revision)
        before = tables()
        downgrade(folder, "-1")
        upgrade(folder, revision)
        assert tables() == before


def test_table_that_a_trigger_reads_can_lose_a_column(empty, revise):
    counters = "with op.batch_alter_table('change_counters') as batch_op:"
    folder = revise(
        counters,
        "    batch_op.add_column(sa.Column('notes', sa.Integer(), server_default='0', nullable=False))",
        downgrade=[counters, "    batch_op.drop_column('notes')"],
    )
    upgrade(folder, MORE)
    downgrade(folder, "-1")
    assert "notes" not in {column["name"] for column in sa.inspect(db.engine).get_columns("change_counters")}


def test_migrations_build_the_schema_of_the_models(empty):
    upgrade(revision="heads")
    check()
    with db.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_name": is_declared}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata) == []


@pytest.fixture
def copied(tmp_path):
    """A copy of the core's revisions, for a command that may add to them."""
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "history"))


def test_migrate_writes_no_revision_when_nothing_has_changed(empty, copied):
    upgrade(revision="heads")
    before = sorted(copied.rglob("*.py"))
    result = empty.test_cli_runner().invoke(args=["db", "migrate", "--directory", str(copied)])
    assert (result.exit_code, result.output) == (0, "No changes in schema detected.\n")
    assert sorted(copied.rglob("*.py")) == before


def test_migrate_writes_one_revision_when_a_column_has_gone(empty, copied):
    upgrade(revision="heads")
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE users DROP COLUMN timezone")
    runner = empty.test_cli_runner()
    assert runner.invoke(args=["db", "migrate", "-m", "more", "--directory", str(copied)]).exit_code == 0
    (written,) = (copied / "versions").glob(f"{len(REVISIONS) + 1:04}_more.py")
    assert "sa.Column('timezone'" in written.read_text()


def test_repeating_the_last_revision_keeps_all_rows(empty, make_app):
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


def signed_in(app, username, *, new=True):
    """Return a signed-in client, of a new account or of an existing one."""
    client, credentials = app.test_client(), {"username": username, "password": "correct horse battery staple"}
    if new:
        assert client.post("/api/v1/auth/register", json=credentials).status_code == 201
    tokens = client.post("/api/v1/auth/login", json=credentials).json
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {tokens['access_token']}"
    return client


def fill(client, tasks):
    """Add rows of every kind."""
    project = client.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    first = {"title": "Prune the quince", "labels": ["home", "late"], "project_id": project}
    parent = client.post("/api/v1/tasks", json=first, headers={"Idempotency-Key": "1"}).json["id"]
    client.post("/api/v1/tasks", json={"title": "Find the saw", "parent_id": parent, "due_date": "2030-01-02"})
    for options in ("", "?permanent=true"):
        assert client.delete(client.post("/api/v1/tasks", json={"title": "Gone"}).headers["Location"] + options)
    add_tasks(client, [{"title": f"Water plant {number}"} for number in range(tasks)])


def titles_of(client, **query):
    """Return the titles of the first tasks of a user."""
    page = client.get("/api/v1/tasks", query_string={"limit": 100, "sort": "title", **query})
    assert page.status_code == 200, page.text
    return [task["title"] for task in page.json["items"]]


def rows():
    """Return the rows of each table by its name, as the pairs of column and value that they consist of."""
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
                    seen |= {tuple((name, repr(row[name])) for name in row) for row in result}
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


def test_each_step_down_and_up_keeps_the_rows_of_all_tables_that_stay(empty, revise):
    folder = revise(
        "op.add_column('tasks', sa.Column('size', sa.Integer(), server_default='0', nullable=False))",
        "for owner_id in each_owner():",
        "    op.execute(sa.text('UPDATE tasks SET size = 1 WHERE owner_id = :id').bindparams("
        "sa.bindparam('id', owner_id, Id())))",
        downgrade=["op.drop_column('tasks', 'size')"],
    )
    upgrade(revision="heads")
    ada, grace = signed_in(empty, "ada"), signed_in(empty, "grace")
    fill(ada, 501)
    fill(grace, 3)
    titles = titles_of(ada)
    upgrade(folder, MORE)
    assert all(("size", "1") in row for row in rows()["tasks"])
    for below, above in list(pairwise([*REVISIONS, MORE]))[::-1]:
        before = rows()
        downgrade(folder, below)
        down = rows()
        upgrade(folder, above)
        again = rows()
        for one, other in ((before, down), (down, again)):
            for table, left, right in compared(one, other):
                assert left == right, (below, above, table, list(left ^ right)[:3])
        downgrade(folder, below)
    upgrade(revision="heads")
    ada, grace = (signed_in(empty, username, new=False) for username in ("ada", "grace"))
    assert [titles_of(user, q="quince") for user in (ada, grace)] == [["Prune the quince"]] * 2
    assert titles_of(ada) == titles


def test_migrations_leave_foreign_keys_on(empty):
    upgrade(revision="heads")
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.fixture
def on_postgresql(empty):
    """Skip what SQLite has no need of: it has one writer at a time, and no locks of tables."""
    if db.engine.dialect.name != "postgresql":
        pytest.skip("PostgreSQL alone")


def test_waiting_migration_gives_up_before_requests_do(on_postgresql, revise, caplog):
    upgrade(revision="heads")
    with db.engine.connect() as other:
        other.exec_driver_sql("SELECT count(*) FROM users")
        started = time.monotonic()
        with pytest.raises(SystemExit):
            upgrade(revise("op.execute('ALTER TABLE users ADD COLUMN more int')"), "heads")
        assert time.monotonic() - started < 5
    assert "try again" in caplog.text
    assert "more" not in {column["name"] for column in sa.inspect(db.engine).get_columns("users")}


def test_index_can_be_built_outside_of_the_transaction(on_postgresql, revise):
    upgrade(revision="heads")
    upgrade(
        revise(
            "with op.get_context().autocommit_block():",
            "    op.create_index('more', 'tasks', ['owner_id', 'status'], postgresql_concurrently=True)",
        ),
        revision="heads",
    )
    assert "more" in {index["name"] for index in sa.inspect(db.engine).get_indexes("tasks")}


@pytest.mark.usefixtures("sqlite")
def test_sqlite_upgrade_is_one_transaction_whatever_a_revision_asks(empty, revise):
    lines = ("with op.get_context().autocommit_block():", "    pass", "op.execute('no such statement')")
    with pytest.raises(sa.exc.OperationalError):
        upgrade(revise(*lines), revision="heads")
    assert tables() == set()


@pytest.mark.one_database
def test_processes_that_start_at_once_migrate_the_embedded_database_once(app, tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TASKAPI_INSTANCE_PATH": str(tmp_path)}
    start = [sys.executable, "-c", "from taskapi import create_app; create_app()"]
    processes = [
        subprocess.Popen(start, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    failed = [text for process in processes for _, text in [process.communicate(timeout=60)] if process.returncode]
    assert failed == []
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'taskapi.db'}")
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
    with app.app_context():
        assert {*found} <= {*history().get_heads()}
    assert sorted(found) == sorted({*found}) != []
    engine.dispose()
