"""flask backup and flask restore: complete, consistent, and without overwriting a file."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from conftest import PASSWORD, close, flask_process
from servers import wait_until
from surface import needs

pytestmark = pytest.mark.slow

TASKS = "/api/v1/tasks"


@pytest.fixture
def embedded(make_app, tmp_path):
    """An application with the embedded database, in its own instance folder."""
    return make_app(DATABASE_URL=None, INSTANCE_PATH=str(tmp_path / "instance"))


@pytest.fixture
def database(embedded, tmp_path):
    return tmp_path / "instance" / "taskapi.db"


@pytest.fixture
def flask(embedded):
    """Run a command; returns its exit code and its output."""

    def run(*words):
        result = embedded.test_cli_runner().invoke(args=[str(word) for word in words])
        return result.exit_code, result.output

    return run


@pytest.fixture
def user(embedded):
    """A signed-in user."""
    return signed_in(embedded, "ada", new=True)


def signed_in(app, username, *, new=False):
    client, credentials = app.test_client(), {"username": username, "password": PASSWORD}
    if new:
        assert client.post("/api/v1/auth/register", json=credentials).status_code == 201
    client.tokens = client.post("/api/v1/auth/login", json=credentials).json
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {client.tokens['access_token']}"
    return client


def titles(client):
    return {task["title"] for task in client.get(f"{TASKS}?limit=100").json["items"]}


@pytest.fixture
def backed_up(embedded, user, flask, tmp_path):
    """A backup with one task, made while the server runs."""
    user.post(TASKS, json={"title": "Before", "labels": ["home"]})
    file = tmp_path / "backup.db"
    assert flask("backup", file) == (0, f"Wrote {file}. It does not include the keys of the instance folder.\n")
    return file


def test_restore_keeps_the_replaced_database_beside_it(embedded, user, flask, backed_up, database):
    user.post(TASKS, json={"title": "After"})
    close(embedded)
    code, says = flask("restore", backed_up)
    assert code == 0, says
    assert titles(signed_in(embedded, "ada")) == {"Before"}
    (kept,) = database.parent.glob("taskapi.db.*Z")
    with closing(sqlite3.connect(kept)) as old:
        assert {title for (title,) in old.execute("SELECT title FROM tasks")} == {"Before", "After"}


def test_backup_is_one_file_that_only_its_owner_can_read(backed_up):
    assert oct(backed_up.stat().st_mode & 0o777) == "0o600"
    assert [path.name for path in backed_up.parent.glob("backup*")] == ["backup.db"]
    assert b"PRIVATE" not in backed_up.read_bytes()


def test_after_a_restore_all_sign_in_again(embedded, user, flask, backed_up):
    close(embedded)
    flask("restore", backed_up)
    response = user.post("/api/v1/auth/refresh", json={"refresh_token": user.tokens["refresh_token"]})
    assert (response.status_code, response.json["code"]) == (401, "invalid_refresh_token")


def code(client, method="GET", path="/api/v1/me", **options):
    response = client.open(path, method=method, **options)
    return response.status_code, response.json.get("code")


REVOKED = (401, "token_revoked")


def test_restore_revokes_every_token_that_was_issued_before(embedded, user, flask, backed_up):
    later = signed_in(embedded, "later", new=True)  # an account that the backup lacks
    gone = signed_in(embedded, "ada")
    assert gone.post("/api/v1/auth/logout").status_code == 204
    close(embedded)
    assert flask("restore", backed_up)[0] == 0
    for client in (user, gone, later):
        assert code(client) == REVOKED
        assert code(client, "POST", TASKS, json={"title": "Task"}) == REVOKED
    assert signed_in(embedded, "ada").get("/api/v1/me").status_code == 200  # in the same second


def test_restoring_a_backup_twice_revokes_the_tokens_in_between(embedded, user, flask, backed_up):
    between = []
    for _ in range(2):
        close(embedded)
        time.sleep(1.1)  # what was there before is kept in a file that is named by the second
        assert flask("restore", backed_up)[0] == 0
        assert [code(client) for client in between] == [REVOKED] * len(between)
        between.append(signed_in(embedded, "ada"))
        assert code(between[-1]) == (200, None)


@needs("admin")
def test_restore_revokes_the_token_of_a_role_that_was_removed(embedded, user, flask, tmp_path):
    for name in ("bob", "ada"):
        if name == "bob":
            signed_in(embedded, name, new=True)
        assert flask("users", "grant", name, "admin")[0] == 0
    file = tmp_path / "admin.db"
    flask("backup", file)
    admin = signed_in(embedded, "ada")
    assert code(admin, path="/api/v1/admin/users") == (200, None)
    assert flask("users", "revoke", "ada", "admin")[0] == 0
    assert code(admin, path="/api/v1/admin/users") == REVOKED
    close(embedded)
    assert flask("restore", file)[0] == 0
    assert code(admin, path="/api/v1/admin/users") == REVOKED


@needs("admin")
def test_restore_names_deleted_accounts_for_erasure(embedded, user, flask, backed_up, tmp_path):
    user_id = user.get("/api/v1/me").json["id"]
    assert flask("users", "delete", "ada", "--yes")[0] == 0
    erased = tmp_path / "erased.txt"
    erased.write_text(flask("users", "erased")[1])
    assert erased.read_text() == f"{user_id}\n"
    close(embedded)
    assert f"The account {user_id} was deleted after the backup, and exists again." in flask("restore", backed_up)[1]
    assert signed_in(embedded, "ada").get("/api/v1/me").json["id"] == user_id
    assert flask("users", "erase-again", erased) == (0, f"Deleted {user_id} and all its data.\n")
    assert flask("users", "erase-again", erased) == (0, "")
    erased.write_text("ada")
    assert flask("users", "erase-again", erased)[0] == 1


@needs("changes")
def test_restore_reuses_no_version_and_expires_cursors(embedded, user, flask, backed_up):
    task = user.post(TASKS, json={"title": "After"}).json
    cursor = user.get("/api/v1/changes").json["cursor"]
    close(embedded)
    flask("restore", backed_up)
    again = signed_in(embedded, "ada")
    assert again.get(f"/api/v1/changes?since={cursor}").json["code"] == "cursor_expired"
    assert again.post(TASKS, json={"title": "Later"}).json["version"] > task["version"]
    copy = again.get("/api/v1/changes").json
    assert {change["data"]["title"] for change in copy["changes"] if change["type"] == "task"} == {"Before", "Later"}
    assert again.get(f"/api/v1/changes?since={copy['cursor']}").json["changes"] == []


@pytest.fixture
def ledgers(embedded):
    """Four users who add tasks all the time; returns the ids of the acknowledged tasks of each."""
    users = [signed_in(embedded, f"writer-{number}", new=True) for number in range(4)]
    written, stop = [[] for _ in users], threading.Event()

    def write(client, ledger):
        while not stop.is_set():
            response = client.post(TASKS, json={"title": "Task", "labels": [f"label {len(ledger) % 5}"]})
            ledger.append(response.json["id"])

    threads = [threading.Thread(target=write, args=pair) for pair in zip(users, written, strict=True)]
    for thread in threads:
        thread.start()
    yield written
    stop.set()
    for thread in threads:
        thread.join()


HALVES = """
    SELECT count(*) FROM change_counters c WHERE tasks <> (SELECT count(*) FROM tasks t WHERE t.owner_id = c.owner_id)
    OR value < (SELECT max(version) FROM tasks t WHERE t.owner_id = c.owner_id)
"""


def test_backup_during_writes_is_consistent(embedded, ledgers, tmp_path):
    wait_until(lambda: sum(map(len, ledgers)) > 50)
    before = {row_id for ledger in ledgers for row_id in ledger}
    process = flask_process("backup", str(tmp_path / "backup.db"), TASKAPI_INSTANCE_PATH=embedded.instance_path)
    assert process.wait(60) == 0
    with closing(sqlite3.connect(tmp_path / "backup.db")) as copy:
        there = {row_id for (row_id,) in copy.execute("SELECT id FROM tasks")}
        assert before <= there
        assert copy.execute("PRAGMA foreign_key_check").fetchall() == []
        assert copy.execute(HALVES).fetchone() == (0,)
    after = {row_id for ledger in ledgers for row_id in ledger}
    assert len(there) < len(after)


def test_backup_never_overwrites_a_file(flask, tmp_path):
    file = tmp_path / "backup.db"
    file.write_text("a diary")
    assert flask("backup", file) == (1, f"Error: {file} already exists, and is not overwritten.\n")
    assert file.read_text() == "a diary"


def test_failed_backup_is_a_one_line_error(flask, tmp_path):
    code, says = flask("backup", tmp_path / "nowhere" / "backup.db")
    assert code == 1
    assert "cannot be written: No such file or directory." in says


def damage(file):
    content = bytearray(file.read_bytes())
    content[4096 : 4096 * 6] = b"\xff" * 4096 * 5
    file.write_bytes(content)


def make_it_newer(file):
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")


def make_it_of_no_version(file):
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")


def make_it_another_database(file):
    file.unlink()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE recipes (name)")


MISHAPS = {
    "damaged": (damage, "is damaged: "),
    "newer": (make_it_newer, "was written by a newer version; restore it with that version."),
    "of no version": (make_it_of_no_version, "is not a backup of this service: it has no version."),
    "another": (make_it_another_database, "is not a backup of this service."),
    "text": (lambda file: file.write_text("a diary " * 100), "cannot be used: file is not a database."),
    "none": (lambda file: file.unlink(), "cannot be used: unable to open database file."),
}


@pytest.mark.parametrize("mishap", MISHAPS)
def test_damaged_backup_is_rejected_and_changes_nothing(user, embedded, flask, backed_up, mishap):
    spoil, says = MISHAPS[mishap]
    spoil(backed_up)
    close(embedded)
    code, said = flask("restore", backed_up)
    assert code == 1
    assert said.startswith(f"Error: {backed_up} {says}")
    assert said.count("\n") == 1
    assert titles(user) == {"Before"}
    assert list(Path(embedded.instance_path).glob("taskapi.db.*")) == []


def test_nothing_is_restored_under_a_running_server(user, flask, backed_up, database):
    assert titles(user) == {"Before"}  # its connections stay open
    assert flask("restore", backed_up) == (1, f"Error: {database} is in use: stop the server first.\n")
    assert user.post(TASKS, json={"title": "After"}).status_code == 201


def test_backup_with_another_page_size_is_restored(embedded, user, flask, backed_up):
    user.post(TASKS, json={"title": "After"})
    with closing(sqlite3.connect(backed_up)) as connection:
        connection.executescript("PRAGMA page_size = 8192; VACUUM")
    close(embedded)
    code, says = flask("restore", backed_up)
    assert code == 0, says
    assert titles(signed_in(embedded, "ada")) == {"Before"}


def test_damaged_database_can_be_replaced(make_app, embedded, backed_up, database):
    close(embedded)
    database.rename(database.with_name("damaged.db"))
    restored = make_app(DATABASE_URL=None, INSTANCE_PATH=embedded.instance_path)
    assert restored.test_cli_runner().invoke(args=["restore", str(backed_up)]).exit_code == 0
    assert titles(signed_in(restored, "ada")) == {"Before"}


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_on_postgresql_they_say_what_to_use(make_app, tmp_path, command):
    runner = make_app(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing").test_cli_runner()
    result = runner.invoke(args=[command, str(tmp_path / "backup.db")])
    assert result.exit_code == 1
    assert "pg_dump" in result.output
