"""Exports of tasks: complete, of one moment, and limited in number and time."""

import socket
import threading
from contextlib import ExitStack
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from servers import wait_until
from task_files import EXPORT, TASKS, add_examples, add_tasks, events, export_tasks
from werkzeug.serving import make_server

from taskapi.extensions.exports.downloads import EXPORTS
from taskapi.extensions.exports.tasks import FORMATS, Format


def in_use():
    """Return the number of connections for reading that are in use."""
    return REGISTRY.get_sample_value("taskapi_pool_connections_in_use", {"engine": "reader"})


def test_export_has_the_tasks_outside_the_trash_with_subtasks_last(owner):
    add_examples(owner)
    tasks = export_tasks(owner)
    assert [task["title"] for task in tasks] == ["Plants", "Call", "=1+1", "Water"]
    assert (tasks[0]["project"], tasks[0]["labels"]) == ("Garden", ["green", "Home, sweet"])
    assert tasks[3]["parent_id"] == tasks[0]["id"]
    shown = owner.get(f"{TASKS}/{tasks[3]['id']}").json
    assert {name: shown[name] for name in shown.keys() & tasks[3].keys()} == {
        name: tasks[3][name] for name in shown.keys() & tasks[3].keys()
    }


def test_export_has_every_field_of_a_task(owner, task):
    [row] = export_tasks(owner)
    assert row.keys() == task.keys() - {"project_id", "position", "next_id", "deleted_at", "version"} | {"project"}


def test_export_of_one_project_has_its_tasks_and_their_labels(owner):
    add_examples(owner)
    owner.post(TASKS, json={"title": "Rest", "labels": ["sofa"]})
    garden = owner.get("/api/v1/projects").json["items"][0]["id"]
    empty = owner.post("/api/v1/projects", json={"name": "Empty", "archived": True}).json["id"]
    file = owner.get(f"{EXPORT}.json?project_id={garden}").json
    assert [task["title"] for task in file["tasks"]] == ["Plants", "Water"]
    assert [row["name"] for row in file["projects"]] == ["Garden"]
    assert [row["name"] for row in file["labels"]] == ["green", "Home, sweet"]
    assert events(owner)["exported"] == {"tasks": 2, "format": "json", "project_id": garden}
    table = owner.get(f"{EXPORT}.csv?project_id={garden}&bom=true").text
    assert [line.split(",")[1] for line in table.splitlines()[1:]] == ["Plants", "Water"]
    assert owner.get(f"{EXPORT}.ics?project_id={garden}").text.count("BEGIN:VTODO") == 2
    nothing = {"labels": [], "tasks": []}
    assert owner.get(f"{EXPORT}.json?project_id={empty}").json.items() >= nothing.items()


@pytest.mark.parametrize("form", ["json", "csv", "ics"])
def test_export_of_a_project_that_does_not_exist_is_422(owner, other, form):
    mine, theirs = (client.post("/api/v1/projects", json={"name": "Garden"}).json["id"] for client in (owner, other))
    owner.delete(f"/api/v1/projects/{mine}")  # to the trash
    for project_id in (mine, theirs, uuid4()):
        refused = owner.get(f"{EXPORT}.{form}?project_id={project_id}")
        assert refused.status_code == 422
        assert refused.json["errors"] == {"query": {"project_id": ["There is no such project."]}}
    assert "exported" not in events(owner)


def test_export_is_a_download_that_caches_do_not_store(owner, task):
    response = owner.get(f"{EXPORT}.json")
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Content-Disposition"] == 'attachment; filename="tasks.json"'
    assert response.headers["Cache-Control"] == "no-store"


def test_export_of_several_chunks_is_complete(owner, monkeypatch):
    monkeypatch.setattr("taskapi.extensions.exports.tasks.ROWS_AT_ONCE", 2)
    made = [owner.post(TASKS, json={"title": f"Task {i}"}).json["id"] for i in range(5)]
    assert [task["id"] for task in export_tasks(owner)] == made


def test_export_without_tasks_has_empty_lists(owner):
    assert owner.get(f"{EXPORT}.json").json == {"projects": [], "labels": [], "tasks": []}


def test_head_request_is_not_recorded_as_an_export(owner, task):
    response = owner.head(f"{EXPORT}.json")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    assert "exported" not in events(owner)


def test_export_omits_changes_made_while_it_is_written(owner, monkeypatch):
    monkeypatch.setattr("taskapi.extensions.exports.tasks.ROWS_AT_ONCE", 2)
    rows = [{"title": f"Task {i}"} for i in range(20)]
    add_tasks(owner, rows)
    before = export_tasks(owner)
    last = owner.get(f"{TASKS}?limit=1").json["items"][0]
    write = FORMATS["json"].write

    def change_meanwhile(connection, project_id):
        pieces = write(connection, project_id)
        yield next(pieces) + next(pieces)
        owner.patch(f"{TASKS}/{last['id']}", json={"title": "Changed"})
        add_tasks(owner, rows)
        yield from pieces

    monkeypatch.setitem(FORMATS, "json", Format("application/json", change_meanwhile))
    assert export_tasks(owner) == before


def test_export_holds_no_connection_while_it_is_sent(owner):
    add_tasks(owner, [{"title": f"Task {i}"} for i in range(1000)])
    held = in_use()
    with owner.get(f"{EXPORT}.json") as response:
        next(response.iter_encoded())
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
    assert export_tasks(owner) == []


def test_client_that_reads_an_export_slowly_is_cut_off(owner, receive, monkeypatch):
    monkeypatch.setattr("taskapi.extensions.exports.downloads.SEND_SECONDS", 0)
    add_tasks(owner, [{"title": f"Task {i}", "description": "x" * 15_000} for i in range(100)])
    connection = receive("json")
    response = b"".join(iter(lambda: connection.recv(65536), b""))
    assert not response.endswith(b"0\r\n\r\n")
    wait_until(lambda: not EXPORTS.running)


@pytest.mark.parametrize("form", ["xml", "JSON", ""])
def test_export_in_an_unknown_format_is_404(owner, form):
    assert owner.get(f"{EXPORT}.{form}").status_code == 404


@pytest.fixture
def receive(app, owner):
    """Send a request of the owner for an export to a new server. Returns a function that returns the connection."""
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


@pytest.mark.slow
def test_client_that_disconnects_releases_the_export(owner, receive):
    add_tasks(owner, [{"title": f"Task {i}", "description": "x" * 15_000} for i in range(1000)])
    held = in_use()
    connection = receive("json")
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert EXPORTS.running == 1
    connection.close()
    wait_until(lambda: in_use() == held and not EXPORTS.running)


@pytest.mark.parametrize("form", ["json", "csv", "ics"])
def test_export_that_fails_later_is_500(owner, monkeypatch, form):
    def fail(*_):
        yield b"a"
        raise RuntimeError("on the way")

    monkeypatch.setitem(FORMATS, form, Format("text/plain", fail))
    assert owner.get(f"{EXPORT}.{form}").status_code == 500
    assert not EXPORTS.running


def test_export_that_fails_at_once_is_500(owner, monkeypatch):
    monkeypatch.setitem(FORMATS, "json", Format("text/plain", lambda *_: 1 / 0))
    held = in_use()
    assert owner.get(f"{EXPORT}.json").status_code == 500
    assert in_use() == held
