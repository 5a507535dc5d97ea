"""flask backup and flask restore: whole, of one moment, and never over what is there."""

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
    """An application with a database of its own in an instance folder of its own."""
    return make_app(DATABASE_URL=None, INSTANCE_PATH=str(tmp_path / "instance"))


@pytest.fixture
def database(embedded, tmp_path):
    return tmp_path / "instance" / "taskapi.db"


@pytest.fixture
def flask(embedded):
    """Run a command; returns its exit code and what it said."""

    def run(*words):
        result = embedded.test_cli_runner().invoke(args=[str(word) for word in words])
        return result.exit_code, result.output

    return run


@pytest.fixture
def person(embedded):
    """Somebody who is signed in."""
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
def backed_up(embedded, person, flask, tmp_path):
    """A backup with one task in it, made while the server runs."""
    person.post(TASKS, json={"title": "Before", "labels": ["home"]})
    file = tmp_path / "backup.db"
    assert flask("backup", file) == (0, f"Wrote {file}. It does not include the keys of the instance folder.\n")
    return file


def test_what_was_backed_up_comes_back_and_what_came_later_is_kept_beside_it(
    embedded, person, flask, backed_up, database
):
    person.post(TASKS, json={"title": "After"})
    close(embedded)
    code, says = flask("restore", backed_up)
    assert code == 0, says
    assert titles(signed_in(embedded, "ada")) == {"Before"}
    (kept,) = database.parent.glob("taskapi.db.*Z")
    with closing(sqlite3.connect(kept)) as old:
        assert {title for (title,) in old.execute("SELECT title FROM tasks")} == {"Before", "After"}


def test_a_backup_is_one_file_that_only_its_owner_reads(backed_up):
    assert oct(backed_up.stat().st_mode & 0o777) == "0o600"
    assert [path.name for path in backed_up.parent.glob("backup*")] == ["backup.db"]
    assert b"PRIVATE" not in backed_up.read_bytes()


def test_after_a_restore_all_sign_in_again(embedded, person, flask, backed_up):
    close(embedded)
    flask("restore", backed_up)
    answer = person.post("/api/v1/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    assert (answer.status_code, answer.json["code"]) == (401, "invalid_refresh_token")


def code(client, method="GET", path="/api/v1/me", **options):
    answer = client.open(path, method=method, **options)
    return answer.status_code, answer.json.get("code")


REVOKED = (401, "token_revoked")


def test_restore_revokes_every_token_that_was_issued_before(embedded, person, flask, backed_up):
    later = signed_in(embedded, "later", new=True)  # an account that the backup lacks
    gone = signed_in(embedded, "ada")
    assert gone.post("/api/v1/auth/logout").status_code == 204
    close(embedded)
    assert flask("restore", backed_up)[0] == 0
    for client in (person, gone, later):
        assert code(client) == REVOKED
        assert code(client, "POST", TASKS, json={"title": "Task"}) == REVOKED
    assert signed_in(embedded, "ada").get("/api/v1/me").status_code == 200  # in the same second


def test_restoring_a_backup_twice_revokes_the_tokens_in_between(embedded, person, flask, backed_up):
    between = []
    for _ in range(2):
        close(embedded)
        time.sleep(1.1)  # what was there before is kept in a file that is named by the second
        assert flask("restore", backed_up)[0] == 0
        assert [code(client) for client in between] == [REVOKED] * len(between)
        between.append(signed_in(embedded, "ada"))
        assert code(between[-1]) == (200, None)


@needs("admin")
def test_restore_revokes_the_token_of_a_role_that_was_removed(embedded, person, flask, tmp_path):
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
def test_restore_names_deleted_accounts_and_they_are_erased_again_from_a_list(
    embedded, person, flask, backed_up, tmp_path
):
    user_id = person.get("/api/v1/me").json["id"]
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
def test_after_a_restore_no_version_comes_twice_and_who_follows_changes_starts_again(
    embedded, person, flask, backed_up
):
    task = person.post(TASKS, json={"title": "After"}).json
    cursor = person.get("/api/v1/changes").json["cursor"]
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
    """Four people who write without end; returns, for each, the ids of what was acknowledged."""
    people = [signed_in(embedded, f"writer-{number}", new=True) for number in range(4)]
    written, stop = [[] for _ in people], threading.Event()

    def write(client, ledger):
        while not stop.is_set():
            answer = client.post(TASKS, json={"title": "Task", "labels": [f"label {len(ledger) % 5}"]})
            ledger.append(answer.json["id"].replace("-", ""))

    threads = [threading.Thread(target=write, args=pair) for pair in zip(people, written, strict=True)]
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


def test_a_backup_while_others_write_has_all_that_was_acknowledged_before_and_nothing_by_halves(
    embedded, ledgers, tmp_path
):
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


def test_a_backup_is_written_over_nothing(flask, tmp_path):
    file = tmp_path / "backup.db"
    file.write_text("a diary")
    assert flask("backup", file) == (1, f"Error: {file} already exists, and is not overwritten.\n")
    assert file.read_text() == "a diary"


def test_where_a_backup_cannot_be_written_that_is_told_in_a_line(flask, tmp_path):
    code, says = flask("backup", tmp_path / "nowhere" / "backup.db")
    assert code == 1
    assert "cannot be written: No such file or directory." in says


def damage(file):
    content = bytearray(file.read_bytes())
    content[4096 : 4096 * 6] = b"\xff" * 4096 * 5
    file.write_bytes(content)


def make_it_newer(file):
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


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
def test_what_is_no_good_backup_is_not_restored_and_changes_nothing(person, embedded, flask, backed_up, mishap):
    spoil, says = MISHAPS[mishap]
    spoil(backed_up)
    close(embedded)
    code, said = flask("restore", backed_up)
    assert code == 1
    assert said.startswith(f"Error: {backed_up} {says}")
    assert said.count("\n") == 1
    assert titles(person) == {"Before"}
    assert list(Path(embedded.instance_path).glob("taskapi.db.*")) == []


def test_nothing_is_restored_under_a_running_server(person, flask, backed_up, database):
    assert titles(person) == {"Before"}  # its connections stay open
    assert flask("restore", backed_up) == (1, f"Error: {database} is in use: stop the server first.\n")
    assert person.post(TASKS, json={"title": "After"}).status_code == 201


def test_a_backup_of_a_database_with_pages_of_another_size_comes_back(embedded, person, flask, backed_up):
    person.post(TASKS, json={"title": "After"})
    with closing(sqlite3.connect(backed_up)) as connection:
        connection.executescript("PRAGMA page_size = 8192; VACUUM")
    close(embedded)
    code, says = flask("restore", backed_up)
    assert code == 0, says
    assert titles(signed_in(embedded, "ada")) == {"Before"}


def test_a_database_that_is_damaged_is_replaced_once_it_is_out_of_the_way(make_app, embedded, backed_up, database):
    close(embedded)
    database.rename(database.with_name("damaged.db"))
    anew = make_app(DATABASE_URL=None, INSTANCE_PATH=embedded.instance_path)
    assert anew.test_cli_runner().invoke(args=["restore", str(backed_up)]).exit_code == 0
    assert titles(signed_in(anew, "ada")) == {"Before"}


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_on_postgresql_they_say_what_to_use(make_app, tmp_path, command):
    runner = make_app(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing").test_cli_runner()
    result = runner.invoke(args=[command, str(tmp_path / "backup.db")])
    assert result.exit_code == 1
    assert "pg_dump" in result.output
