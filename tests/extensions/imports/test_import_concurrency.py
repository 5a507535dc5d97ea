"""Repeated and concurrent imports: an Idempotency-Key, and limits for each user and process."""

import socket
import threading
from contextlib import ExitStack
from threading import Event
from uuid import uuid4

import pytest
from servers import wait_until
from surface import needs
from task_files import IMPORT, IMPORT_CSV, TASKS, import_tasks, list_tasks
from werkzeug.serving import make_server

from taskapi.extensions.imports import routes
from taskapi.extensions.imports.routes import IMPORTS
from taskapi.extensions.imports.task_file import read_file


def send(client, data, key="k-1", url=IMPORT, content_type="application/json"):
    return client.post(url, data=data, content_type=content_type, headers={"Idempotency-Key": key})


def test_import_repeated_with_its_key_is_done_once(owner):
    body = '{"tasks": [{"title": "Milk"}]}'
    first, second = send(owner, body), send(owner, body)
    assert (second.status_code, second.data) == (first.status_code, first.data)
    assert (first.headers.get("Idempotency-Replayed"), second.headers["Idempotency-Replayed"]) == (None, "true")
    assert len(list_tasks(owner)) == 1
    other = send(owner, '{"tasks": [{"title": "Bread"}]}')
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert send(owner, body, key="k-2").json["created"] == 1
    assert send(owner, body, key="a b").status_code == 400
    assert len(list_tasks(owner)) == 2


@needs("csv_imports")
def test_key_of_a_form_belongs_to_its_file_not_to_its_boundary(owner):
    table = b"title\r\nMilk\r\n"
    responses = [send(owner, table, url=IMPORT_CSV, content_type="text/csv")]
    for boundary in ("one", "two"):
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'.encode()
        body = head + table + f"\r\n--{boundary}--\r\n".encode()
        responses.append(send(owner, body, url=IMPORT_CSV, content_type=f"multipart/form-data; boundary={boundary}"))
    assert [response.json for response in responses] == [responses[0].json] * 3
    assert len(list_tasks(owner)) == 1


def test_dry_run_does_not_use_its_key(owner):
    body = '{"tasks": [{"title": "Milk"}]}'
    assert send(owner, body, url=f"{IMPORT}?dry_run=true").json["dry_run"] is True
    assert send(owner, body).json["dry_run"] is False
    assert len(list_tasks(owner)) == 1


def test_rejected_import_does_not_use_its_key(owner):
    assert send(owner, '{"tasks": [{}]}').status_code == 422
    assert send(owner, '{"tasks": [{"title": "Milk"}]}').json["created"] == 1


@pytest.fixture
def begin(app):
    """Begin imports on a server, whose bodies stop half-way; returns each connection with the rest of its body."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    opened = []

    def send_half(client, key):
        body = b'{"tasks": [{"title": "Slow"}]}'
        head = f"POST {IMPORT} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {client.token}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nIdempotency-Key: {key}\r\n\r\n"
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        opened.append(connection)
        connection.sendall(head.encode() + body[:10])
        return connection, body[10:]

    yield send_half
    for connection in opened:
        connection.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_user_has_one_import_at_a_time(owner, other, begin):
    connection, rest = begin(owner, "k-1")
    wait_until(lambda: IMPORTS.running)
    refused = import_tasks(owner, [{"title": "Second"}])
    assert (refused.json["code"], refused.headers["Retry-After"]) == ("too_many_requests", "5")
    same = send(owner, '{"tasks": [{"title": "Slow"}]}')
    assert (same.status_code, same.json["code"]) == (409, "idempotency_key_in_use")
    assert int(same.headers["Retry-After"]) > 0
    assert import_tasks(other, [{"title": "Theirs"}]).status_code == 200
    assert owner.get(TASKS).json["items"] == []
    connection.sendall(rest)
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert [task["title"] for task in list_tasks(owner)] == ["Slow"]
    assert import_tasks(owner, [{"title": "Second"}]).status_code == 200


def test_parsing_does_not_block_other_requests_of_the_user(owner, begin, monkeypatch):
    parsing, finish = Event(), Event()

    def read_slowly(*arguments):
        parsing.set()
        assert finish.wait(30)
        return read_file(*arguments)

    monkeypatch.setattr(routes, "read_file", read_slowly)
    connection, rest = begin(owner, "k-1")
    connection.sendall(rest)
    assert parsing.wait(30)
    assert owner.post(TASKS, json={"title": "Meanwhile"}).status_code == 201  # 503 if it had to wait
    finish.set()
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert {task["title"] for task in list_tasks(owner)} == {"Meanwhile", "Slow"}


def test_interrupted_import_ends(owner, begin):
    connection, _ = begin(owner, "k-1")
    wait_until(lambda: IMPORTS.running)
    connection.close()
    wait_until(lambda: not IMPORTS.running)
    assert import_tasks(owner, []).status_code == 200
    assert list_tasks(owner) == []


def test_process_has_few_imports_at_a_time(owner):
    with ExitStack() as taken:
        for _ in range(IMPORTS.per_process):
            taken.enter_context(IMPORTS.hold(uuid4()))
        response = import_tasks(owner, [{"title": "Milk"}])
        assert (response.status_code, response.json["code"], response.headers["Retry-After"]) == (
            503,
            "unavailable",
            "5",
        )
    assert import_tasks(owner, [{"title": "Milk"}]).status_code == 200
    assert len(list_tasks(owner)) == 1
