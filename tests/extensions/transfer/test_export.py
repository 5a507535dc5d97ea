"""/tasks/export: whole, of one moment, and without harm to whoever else is served."""

import socket
import threading
from contextlib import ExitStack
from uuid import uuid4

import pytest
from exchanging import EXPORT, TASKS, bring, events, exported, live
from prometheus_client import REGISTRY
from servers import wait_until
from werkzeug.serving import make_server

from taskapi.extensions.transfer.downloads import EXPORTS
from taskapi.extensions.transfer.exports import FORMATS, Format


def in_use():
    """Return how many connections for reading are."""
    return REGISTRY.get_sample_value("taskapi_pool_connections_in_use", {"engine": "reader"})


def test_an_export_holds_what_is_not_in_the_trash_the_oldest_first(owner):
    live(owner)
    tasks = exported(owner)
    assert [task["title"] for task in tasks] == ["Plants", "Water", "Call", "=1+1"]
    assert (tasks[0]["project"], tasks[0]["labels"]) == ("Garden", ["green", "Home, sweet"])
    assert tasks[1]["parent_id"] == tasks[0]["id"]
    shown = owner.get(f"{TASKS}/{tasks[1]['id']}").json
    assert {name: shown[name] for name in shown.keys() & tasks[1].keys()} == {
        name: tasks[1][name] for name in shown.keys() & tasks[1].keys()
    }


def test_a_file_has_every_field_that_a_task_has(owner, task):
    [row] = exported(owner)
    assert row.keys() == task.keys() - {"project_id", "deleted_at", "version"} | {"project"}


def test_an_export_is_a_download_that_nobody_stores(owner, task):
    answer = owner.get(f"{EXPORT}.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tasks.json"'
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_export_of_more_rows_than_are_read_at_once_is_whole(owner, monkeypatch):
    monkeypatch.setattr("taskapi.extensions.transfer.exports.ROWS_AT_ONCE", 2)
    made = [owner.post(TASKS, json={"title": f"Task {i}"}).json["id"] for i in range(5)]
    assert [task["id"] for task in exported(owner)] == made


def test_an_export_of_nothing_is_a_file_all_the_same(owner, other):
    assert exported(owner) == []
    assert bring(other, []).json == {
        "created": 0, "projects": 0, "labels": 0, "dry_run": False,
    }  # fmt: skip


def test_asking_for_the_head_of_an_export_is_no_export(owner, task):
    answer = owner.head(f"{EXPORT}.json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert "exported" not in events(owner)


def test_an_export_shows_one_moment_however_long_it_takes(owner, monkeypatch):
    monkeypatch.setattr("taskapi.extensions.transfer.exports.ROWS_AT_ONCE", 2)
    rows = [{"title": f"Task {i}"} for i in range(20)]
    bring(owner, rows)
    before = exported(owner)
    last = owner.get(f"{TASKS}?limit=1").json["items"][0]
    write = FORMATS["json"].write

    def change_meanwhile(connection):
        pieces = write(connection)
        yield next(pieces) + next(pieces)
        owner.patch(f"{TASKS}/{last['id']}", json={"title": "Changed"})
        bring(owner, rows)
        yield from pieces

    monkeypatch.setitem(FORMATS, "json", Format("application/json", change_meanwhile))
    assert exported(owner) == before


def test_export_holds_no_connection_while_it_is_sent(owner):
    bring(owner, [{"title": f"Task {i}"} for i in range(1000)])
    held = in_use()
    with owner.get(f"{EXPORT}.json") as answer:
        next(answer.iter_encoded())
        assert in_use() == held
    assert owner.post(TASKS, json={"title": "Next"}).status_code == 201


@pytest.mark.parametrize("path", [f"{EXPORT}.json", f"{EXPORT}.csv", f"{EXPORT}.ics", "/api/v1/me/export"])
def test_user_has_one_export_at_a_time(owner, other, path):
    with owner.get(f"{EXPORT}.json"):
        refused = owner.get(path)
        assert (refused.status_code, refused.json["code"]) == (429, "too_many_requests")
        assert refused.headers["Retry-After"] == "5"
        recorded = [entry["event"] for entry in owner.get("/api/v1/me/activity").json["items"]]
        assert recorded.count("exported") == 1
        with other.get(path) as theirs:
            assert theirs.status_code == 200
    assert owner.get(path).status_code == 200


def test_process_has_few_exports_at_a_time(owner):
    with ExitStack() as running:
        for _ in range(EXPORTS.per_process):
            running.enter_context(EXPORTS.hold(uuid4()))
        refused = owner.get(f"{EXPORT}.json")
        assert (refused.status_code, refused.json["code"], refused.headers["Retry-After"]) == (503, "unavailable", "5")
    assert exported(owner) == []


def test_client_that_reads_an_export_slowly_is_cut_off(owner, receive, monkeypatch):
    monkeypatch.setattr("taskapi.extensions.transfer.downloads.SEND_SECONDS", 0)
    bring(owner, [{"title": f"Task {i}", "description": "x" * 15_000} for i in range(100)])
    connection = receive("json")
    answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert not answer.endswith(b"0\r\n\r\n")
    wait_until(lambda: not EXPORTS.running)


@pytest.mark.parametrize("form", ["xml", "JSON", ""])
def test_an_export_in_an_unknown_format_is_404(owner, form):
    assert owner.get(f"{EXPORT}.{form}").status_code == 404


@pytest.fixture
def receive(app, owner):
    """Send the owner's request for an export to a server of its own; returns the connection."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:

        def ask(form):
            head = f"GET {EXPORT}.{form} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {owner.token}\r\n\r\n"
            connection.sendall(head.encode())
            return connection

        yield ask
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_client_that_hangs_up_lets_its_connection_go(owner, receive):
    bring(owner, [{"title": f"Task {i}", "description": "x" * 15_000} for i in range(1000)])
    held = in_use()
    connection = receive("json")
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert EXPORTS.running == 1
    connection.close()
    wait_until(lambda: in_use() == held and not EXPORTS.running)


@pytest.mark.parametrize("form", ["json", "csv", "ics"])
def test_an_export_that_fails_on_its_way_is_an_error(owner, monkeypatch, form):
    def fail(*_):
        yield b"a"
        raise RuntimeError("on the way")

    monkeypatch.setitem(FORMATS, form, Format("text/plain", fail))
    assert owner.get(f"{EXPORT}.{form}").status_code == 500
    assert not EXPORTS.running


def test_an_export_that_fails_at_once_is_an_error(owner, monkeypatch):
    monkeypatch.setitem(FORMATS, "json", Format("text/plain", lambda _: 1 / 0))
    held = in_use()
    assert owner.get(f"{EXPORT}.json").status_code == 500
    assert in_use() == held
