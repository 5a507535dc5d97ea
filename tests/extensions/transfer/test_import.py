"""/tasks/import: all rows or none, and each bad one told."""

import socket
import threading
from contextlib import ExitStack
from uuid import uuid4

import pytest
from conftest import PASSWORD
from exchanging import IMPORT, IMPORT_CSV, TASKS, bring, events, exported, faults, live
from servers import wait_until
from werkzeug.serving import make_server

from taskapi.extensions.transfer.routes import IMPORTS, WORKING_IMPORTS


def test_an_import_gives_each_task_a_version_of_its_own(owner, other):
    live(owner)
    bring(other, exported(owner))
    items = [item for kind in ("tasks", "projects", "labels") for item in other.get(f"/api/v1/{kind}").json["items"]]
    assert len({item["version"] for item in items}) == len(items) == 7
    assert other.post(TASKS, json={"title": "Next"}).json["version"] > max(item["version"] for item in items)


def test_an_imported_task_is_found_by_what_it_is_sorted_and_searched_by(owner):
    row = {"title": "Crème", "due_date": "2030-01-31", "priority": "high", "labels": ["Home"], "project": "Garden"}
    bring(owner, [row, {"title": "B"}])
    for query in ("q=creme", "due_before=2030-02-01", "priority=high", "label=home", "sort=-priority&limit=1"):
        assert [item["title"] for item in owner.get(f"{TASKS}?{query}").json["items"]] == ["Crème"]


def test_an_import_uses_the_projects_and_labels_that_there_are(owner):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json
    owner.post(TASKS, json={"title": "Old", "labels": ["home"]})
    rows = [{"title": "New", "project": "GARDEN", "labels": ["Home", "home", "x"]}, {"title": "B", "labels": ["X"]}]
    assert bring(owner, rows).json == {
        "created": 2, "projects": 0, "labels": 1, "dry_run": False,
    }  # fmt: skip
    new, b = exported(owner)[1:]
    assert (new["project"], new["labels"], b["labels"]) == ("Garden", ["home", "x"], ["x"])
    assert owner.get(f"{TASKS}?project_id={project['id']}").json["items"][0]["title"] == "New"


def test_a_row_needs_no_more_than_a_title(owner):
    bring(owner, [{"title": " Milk "}])
    [row] = exported(owner)
    defaults = {"title": "Milk", "description": "", "status": "todo", "priority": "none", "labels": [], "project": None}
    assert {name: row[name] for name in defaults} == defaults


def test_a_done_row_without_an_instant_is_done_now(owner):
    bring(owner, [{"title": "Milk", "status": "done"}])
    assert exported(owner)[0]["completed_at"] is not None


def test_rows_may_come_before_the_one_that_they_lie_under(owner):
    rows = [{"title": str(i), "id": str(i), "parent_id": str(i + 1)} for i in range(4)] + [{"title": "4", "id": "4"}]
    assert bring(owner, rows).json["created"] == 5
    tasks = {task["title"]: task for task in exported(owner)}
    assert [tasks[str(i)]["parent_id"] for i in range(5)] == [*(tasks[str(i)]["id"] for i in range(1, 5)), None]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({}, "title"), ({"title": ""}, "title"), ({"title": 1}, "title"), ({"title": None}, "title"),
        ({"title": "x" * 201}, "title"), ({"title": "a\0"}, "title"), ({"description": "\ud800"}, "description"),
        ({"status": "open"}, "status"), ({"status": None}, "status"), ({"priority": 1}, "priority"),
        ({"due_date": "2030-02-30"}, "due_date"), ({"due_at": "2030-01-31T09:00:00"}, "due_at"),
        ({"due_date": "2030-01-31", "due_at": "2030-01-31T09:00:00Z"}, "due_at"), ({"labels": "home"}, "labels"),
        ({"labels": ["x"] * 21}, "labels"), ({"project": ""}, "project"), ({"project": "x" * 101}, "project"),
        ({"id": 1}, "id"), ({"id": "x" * 65}, "id"), ({"parent_id": "nobody"}, "parent_id"),
        ({"created_at": "1969-12-31T23:59:59Z"}, "created_at"), ({"updated_at": "yesterday"}, "updated_at"),
        ({"completed_at": "2030-01-31T09:00:00Z"}, "completed_at"), ({"owner_id": 1}, "owner_id"),
        ({"project_id": "0"}, "project_id"), ({"nonsense": 1}, "nonsense"),
    ],
)  # fmt: skip
def test_a_bad_row_is_told_by_its_place_and_its_field(owner, row, field):
    title = {} if field == "title" else {"title": "Bad"}
    answer = bring(owner, [{"title": "Good"}, title | row])
    assert [*faults(answer)] == ["1"]
    assert [*faults(answer)["1"]] == [field]
    assert answer.json["invalid_rows"] == 1
    assert exported(owner) == []


def test_tasks_projects_and_labels_that_were_read_can_be_imported(owner, other):
    owner.post("/api/v1/labels", json={"name": "home", "color": "#112233"})
    owner.post("/api/v1/projects", json={"name": "Garden", "description": "Green."})
    parent = owner.post(TASKS, json={"title": "Plants", "labels": ["home"], "status": "done"}).json
    owner.post(TASKS, json={"title": "Water", "parent_id": parent["id"]})
    file = {kind: owner.get(f"/api/v1/{kind}").json["items"] for kind in ("tasks", "projects", "labels")}
    answer = other.post(IMPORT, json=file)
    assert (answer.status_code, answer.json) == (200, {"created": 2, "projects": 1, "labels": 1, "dry_run": False})
    fresh = {"id", "parent_id", "created_at", "updated_at", "version"}
    for kind, rows in file.items():
        again = other.get(f"/api/v1/{kind}").json["items"]
        assert not {row["id"] for row in rows} & {row["id"] for row in again}
        for before, after in zip(rows, again, strict=True):
            assert {name: after[name] for name in after.keys() - fresh} == {
                name: before[name] for name in before.keys() - fresh
            }


def test_task_whose_project_only_an_id_names_is_refused_with_the_way_to_name_it(owner):
    project_id = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    task = owner.post(TASKS, json={"title": "Water", "project_id": project_id}).json
    says = {"project_id": ["Name the project in `project` instead."]}
    assert faults(bring(owner, [task, {**task, "title": ""}])) == {
        "0": says,
        "1": says | {"title": ["Must have 1 to 200 characters."]},
    }
    assert bring(owner, [{**task, "project": "garden"}]).json["created"] == 1
    assert len(owner.get(f"{TASKS}?project_id={project_id}").json["items"]) == 2


@pytest.mark.parametrize("row", [None, 1, "x", [], [{}]])
def test_a_row_that_is_no_object_is_told(owner, row):
    assert [*faults(bring(owner, [row]))] == ["0"]


@pytest.mark.parametrize("tasks", [None, {}, "x", 1])
def test_tasks_that_are_no_list_are_told(owner, tasks):
    assert [*faults(bring(owner, tasks))] == ["tasks"]


def test_one_bad_row_of_a_thousand_changes_nothing(owner, task):
    before = owner.get(TASKS).json
    rows = [{"title": f"Task {i}", "project": "P", "labels": ["l"]} for i in range(1000)]
    rows[700]["priority"] = "highest"
    assert [*faults(bring(owner, rows))] == ["700"]
    assert owner.get(TASKS).json == before
    assert owner.get("/api/v1/projects").json["items"] == owner.get("/api/v1/labels").json["items"] == []


def test_the_first_hundred_bad_rows_are_told_and_all_are_counted(owner):
    answer = bring(owner, [{"title": ""}] * 150)
    assert [*faults(answer)] == [str(i) for i in range(100)]
    assert answer.json["invalid_rows"] == 150


def test_an_id_may_come_once(owner):
    rows = [{"title": "a", "id": "x"}, {"title": "b"}, {"title": "c"}, {"title": "d", "id": "x"}]
    assert faults(bring(owner, rows)) == {"3": {"id": ["Another row has the same one."]}}


@pytest.mark.parametrize("length", [1, 2, 3])
def test_rows_in_a_key_set_are_refused(owner, length):
    rows = [{"title": str(i), "id": str(i), "parent_id": str((i + 1) % length)} for i in range(length)]
    errors = faults(bring(owner, rows))
    assert errors == {str(i): {"parent_id": ["A task cannot be its own ancestor."]} for i in range(length)}


def test_rows_that_lie_too_deep_are_refused(owner):
    rows = [{"title": str(i), "id": str(i), "parent_id": str(i - 1) if i else None} for i in range(7)]
    errors = faults(bring(owner, rows))
    assert errors == {str(i): {"parent_id": ["Trees of tasks have at most 5 levels."]} for i in (5, 6)}


def test_an_id_of_a_task_that_is_not_in_the_file_is_no_ones(owner, other, task):
    for client in (owner, other):
        answer = bring(client, [{"title": "Mine", "parent_id": task["id"]}])
        assert faults(answer) == {"0": {"parent_id": ["The file has no such row."]}}
    bring(other, [{"title": "Mine", "id": task["id"]}])
    assert owner.get(f"{TASKS}/{task['id']}").json == task


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(owner, other):
    live(owner)
    tasks = exported(owner)
    dry = bring(other, tasks, dry_run="true").json
    assert dry == {"created": 4, "projects": 1, "labels": 2, "dry_run": True}
    assert exported(other) == other.get("/api/v1/projects").json["items"] == other.get("/api/v1/labels").json["items"]
    assert "imported" not in events(other)
    wet = bring(other, tasks, dry_run="false").json
    assert wet == dry | {"dry_run": False}


def test_a_dry_run_tells_bad_rows_too(owner):
    assert [*faults(bring(owner, dry_run="true", tasks=[{}]))] == ["0"]


def test_a_file_longer_than_other_bodies_may_be_is_taken(owner):
    answer = bring(owner, [{"title": f"Task {i}", "description": "x" * 15_000} for i in range(100)])
    assert answer.json["created"] == 100


@pytest.mark.parametrize(("url", "content_type"), [(IMPORT, "application/json"), (IMPORT_CSV, "text/csv")])
def test_a_file_that_is_too_large_is_413(owner, url, content_type):
    answer = owner.post(url, data=b" " * (16 * 1024 * 1024 + 1), content_type=content_type)
    assert (answer.status_code, answer.json["code"]) == (413, "body_too_large")


def test_a_file_of_too_many_rows_is_refused(owner):
    assert [*faults(bring(owner, [{}] * 20_001))] == ["tasks"]


@pytest.mark.parametrize("setting", ["MAX_TASKS", "MAX_PROJECTS", "MAX_LABELS"])
def test_an_import_keeps_within_what_a_person_may_have(make_app, new_person, setting):
    client = make_app(**{setting: 2}).test_client()
    answer = client.post("/api/v1/auth/login", json={"username": new_person(), "password": PASSWORD})
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {answer.json['access_token']}"
    rows = [{"title": name, "project": name, "labels": [name]} for name in "abc"]
    answer = bring(client, rows)
    assert (answer.status_code, answer.json["code"]) == (409, "quota_exceeded")
    assert exported(client) == []
    assert bring(client, rows[:2]).status_code == 200


GARDEN = {"name": "Garden", "description": "Beds\nand pots.", "color": "#aabbcc", "archived": True}
HOME = {"name": "home", "color": "#112233"}


def bring_all(client, **lists):
    return client.post(IMPORT, json={"tasks": [], **lists})


def properties(client, kind, names):
    items = client.get(f"/api/v1/{kind}").json["items"]
    return [{name: item[name] for name in names} for item in items]


def test_projects_and_labels_come_with_their_properties(owner):
    rows = [{"title": "Dig", "project": "garden", "labels": ["HOME", "new"]}, {"title": "Rest", "project": "Other"}]
    answer = bring_all(owner, tasks=rows, projects=[GARDEN, {"name": "Empty"}], labels=[HOME, {"name": "unused"}])
    assert answer.json == {"created": 2, "projects": 3, "labels": 3, "dry_run": False}
    plain = {"description": "", "color": None, "archived": False}
    assert properties(owner, "projects", GARDEN) == [{"name": "Empty", **plain}, GARDEN, {"name": "Other", **plain}]
    new, unused = {"name": "new", "color": None}, {"name": "unused", "color": None}
    assert properties(owner, "labels", HOME) == [HOME, new, unused]
    assert [task["project"] for task in exported(owner)] == ["Garden", "Other"]


def test_projects_and_labels_that_exist_are_used_as_they_are(owner):
    owner.post("/api/v1/projects", json={"name": "GARDEN", "description": "Mine", "color": "#000000"})
    owner.post("/api/v1/labels", json={"name": "Home", "color": "#000000"})
    before = [properties(owner, kind, names) for kind, names in (("projects", GARDEN), ("labels", HOME))]
    answer = bring_all(owner, tasks=[{"title": "Dig", "project": "Garden"}], projects=[GARDEN], labels=[HOME])
    assert answer.json == {"created": 1, "projects": 0, "labels": 0, "dry_run": False}
    assert [properties(owner, kind, names) for kind, names in (("projects", GARDEN), ("labels", HOME))] == before


def test_an_archived_project_of_the_account_takes_no_imported_task(owner):
    owner.post("/api/v1/projects", json=GARDEN)
    answer = bring(owner, [{"title": "Ok"}, {"title": "Dig", "project": "garden"}])
    assert (answer.status_code, answer.json["code"]) == (409, "project_archived")
    assert exported(owner) == []
    assert bring_all(owner, projects=[GARDEN]).status_code == 200


@pytest.mark.parametrize(
    ("kind", "row", "field"),
    [
        ("projects", {}, "name"), ("projects", {"name": "x" * 101}, "name"), ("projects", {"name": "b", "x": 1}, "x"),
        ("projects", {"name": "b", "archived": "yes"}, "archived"),
        ("projects", {"name": "b", "color": "red"}, "color"),
        ("projects", {"name": "A"}, "name"), ("labels", {"name": "A"}, "name"), ("labels", {"name": "x" * 51}, "name"),
        ("labels", {"name": "b", "archived": True}, "archived"),
    ],
)  # fmt: skip
def test_a_bad_project_or_label_is_told_by_its_place_and_its_field(owner, kind, row, field):
    answer = bring_all(owner, **{kind: [{"name": "a"}, row]})
    errors = faults(answer)[kind]
    assert (answer.json["invalid_rows"], [*errors], [*errors["1"]]) == (1, ["1"], [field])
    assert owner.get(f"/api/v1/{kind}").json["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        '{"tasks": []', '{"tasks": [}', '{"tasks": [{"title": "a"},]}', '{"tasks": [{"title": "a"} {"title": "b"}]}',
        '{"tasks": [],}', '{"tasks": []} x', '{"tasks" []}', '{tasks: []}', '{"tasks": [], "tasks": []}',
        '{"tasks": [{"title": "a", "title": "b"}]}', '{"tasks": [NaN]}', "", "[", '{"tasks": [' + "[" * 100_000,
        '{"tasks": [{"labels": ' + "[" * 70 + "]" * 70 + "}]}",
        '{"tasks": [{"labels": [' + ",".join(["1"] * 300) + "]}]}",
        '{"tasks": [{"title": "' + "x" * 600_000 + '"}]}', '{"tasks": [{"title": "\xff"}]}',
    ],
)  # fmt: skip
def test_a_file_that_is_no_json_is_400(owner, body):
    answer = owner.post(IMPORT, data=body.encode("latin-1"), content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "malformed_json")
    assert exported(owner) == []


@pytest.mark.parametrize(
    "body",
    ['{"tasks": [], "tasks": []}', '{"labels": [], "tasks": [{"tasks": 1, "tasks": 2}]}', '{"tasks": 1, "tasks": []}'],
)
def test_duplicate_name_in_a_file_is_reported_by_name(owner, body):
    answer = owner.post(IMPORT, data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "malformed_json")
    assert answer.json["detail"] == "An object of the body has two members named 'tasks'."


@pytest.mark.parametrize(
    ("body", "name"),
    [("{}", "tasks"), ('{"projects": []}', "tasks"), ('{"tasks": [], "nonsense": [1]}', "nonsense"), ("[]", "_schema")],
)
def test_a_file_of_another_shape_is_422(owner, body, name):
    answer = owner.post(IMPORT, data=body, content_type="application/json")
    assert [*faults(answer)] == [name]


def test_a_file_may_have_blanks_a_byte_order_mark_and_its_lists_in_any_order(owner):
    blank = " \n\t\r" * 200_000
    row = f'{blank}{{{blank}"title"{blank}:"Öl"}}{blank}'
    body = f'\ufeff{blank}{{{blank}"tasks":{blank}[{row},{row}]{blank},"labels":[]{blank}}}{blank}'
    answer = owner.post(IMPORT, data=body.encode(), content_type="application/json")
    assert (answer.status_code, answer.json.get("created")) == (
        400,
        None,
    )  # blanks inside of a row count for its length
    body = body.replace(f'{{{blank}"title"{blank}:', '{ "title" :')
    answer = owner.post(IMPORT, data=body.encode(), content_type="application/json")
    assert (answer.status_code, answer.json["created"]) == (200, 2)
    assert [task["title"] for task in exported(owner)] == ["Öl", "Öl"]


def send(client, data, key="k-1", url=IMPORT, content_type="application/json"):
    return client.post(url, data=data, content_type=content_type, headers={"Idempotency-Key": key})


def test_an_import_sent_again_with_its_key_is_done_once(owner):
    body = '{"tasks": [{"title": "Milk"}]}'
    first, second = send(owner, body), send(owner, body)
    assert (second.status_code, second.data) == (first.status_code, first.data)
    assert (first.headers.get("Idempotency-Replayed"), second.headers["Idempotency-Replayed"]) == (None, "true")
    assert len(exported(owner)) == 1
    other = send(owner, '{"tasks": [{"title": "Bread"}]}')
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert send(owner, body, key="k-2").json["created"] == 1
    assert send(owner, body, key="a b").status_code == 400
    assert len(exported(owner)) == 2


def test_the_key_of_a_form_stands_for_its_file_whatever_its_boundary(owner):
    table = b"title\r\nMilk\r\n"
    answers = [send(owner, table, url=IMPORT_CSV, content_type="text/csv")]
    for boundary in ("one", "two"):
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'.encode()
        body = head + table + f"\r\n--{boundary}--\r\n".encode()
        answers.append(send(owner, body, url=IMPORT_CSV, content_type=f"multipart/form-data; boundary={boundary}"))
    assert [answer.json for answer in answers] == [answers[0].json] * 3
    assert len(exported(owner)) == 1


def test_a_dry_run_leaves_its_key_for_the_import(owner):
    body = '{"tasks": [{"title": "Milk"}]}'
    assert send(owner, body, url=f"{IMPORT}?dry_run=true").json["dry_run"] is True
    assert send(owner, body).json["dry_run"] is False
    assert len(exported(owner)) == 1


def test_a_refused_import_leaves_its_key_for_the_next(owner):
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


def test_a_user_has_one_import_under_way(owner, other, begin):
    connection, rest = begin(owner, "k-1")
    wait_until(lambda: IMPORTS.running)
    refused = bring(owner, [{"title": "Second"}])
    assert (refused.json["code"], refused.headers["Retry-After"]) == ("too_many_requests", "5")
    same = send(owner, '{"tasks": [{"title": "Slow"}]}')
    assert (same.status_code, same.json["code"]) == (409, "idempotency_key_in_use")
    assert int(same.headers["Retry-After"]) > 0
    assert bring(other, [{"title": "Theirs"}]).status_code == 200
    assert owner.get(TASKS).json["items"] == []
    connection.sendall(rest)
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert [task["title"] for task in exported(owner)] == ["Slow"]
    assert bring(owner, [{"title": "Second"}]).status_code == 200


def test_an_import_that_breaks_off_makes_room_for_the_next(owner, begin):
    connection, _ = begin(owner, "k-1")
    wait_until(lambda: IMPORTS.running)
    connection.close()
    wait_until(lambda: not IMPORTS.running)
    assert bring(owner, []).status_code == 200
    assert exported(owner) == []


def test_a_process_has_a_few_imports_under_way(owner):
    with ExitStack() as taken:
        for _ in range(WORKING_IMPORTS.per_process):
            taken.enter_context(WORKING_IMPORTS.hold(uuid4()))
        answer = bring(owner, [{"title": "Milk"}])
        assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "unavailable", "5")
    assert bring(owner, [{"title": "Milk"}]).status_code == 200
    assert len(exported(owner)) == 1
