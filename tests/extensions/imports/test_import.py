"""Imports of JSON: all rows or none, with an error for each invalid row."""

import pytest
from conftest import PASSWORD
from surface import needs
from task_files import IMPORT, IMPORT_CSV, TASKS, events, import_tasks, list_tasks, row_errors

ROWS = [
    {"title": "Plants", "id": "1", "project": "Garden", "labels": ["green", "Home, sweet"]},
    {"title": "Water", "parent_id": "1", "due_date": "2030-01-31", "status": "done"},
    {"title": "Call", "due_at": "2030-01-31T09:00:00.25+01:00", "priority": "urgent"},
    {"title": "=1+1", "description": "- one\n- “two”, 'three'\n", "status": "cancelled"},
]


def test_import_gives_each_row_its_own_version(owner):
    import_tasks(owner, ROWS)
    items = [item for kind in ("tasks", "projects", "labels") for item in owner.get(f"/api/v1/{kind}").json["items"]]
    assert len({item["version"] for item in items}) == len(items) == 7
    assert owner.post(TASKS, json={"title": "Next"}).json["version"] > max(item["version"] for item in items)


def test_imported_task_is_found_by_filters_and_search(owner):
    row = {"title": "Crème", "due_date": "2030-01-31", "priority": "high", "labels": ["Home"], "project": "Garden"}
    import_tasks(owner, [row, {"title": "B"}])
    for query in ("q=creme", "due_before=2030-02-01", "priority=high", "label=home", "sort=-priority&limit=1"):
        assert [item["title"] for item in owner.get(f"{TASKS}?{query}").json["items"]] == ["Crème"]


def test_import_uses_existing_projects_and_labels(owner):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json
    owner.post(TASKS, json={"title": "Old", "labels": ["home"]})
    rows = [{"title": "New", "project": "GARDEN", "labels": ["Home", "home", "x"]}, {"title": "B", "labels": ["X"]}]
    assert import_tasks(owner, rows).json == {
        "created": 2, "projects": 0, "labels": 1, "dry_run": False,
    }  # fmt: skip
    new, b = list_tasks(owner)[1:]
    assert (new["project"], new["labels"], b["labels"]) == ("Garden", ["home", "x"], ["x"])
    assert owner.get(f"{TASKS}?project_id={project['id']}").json["items"][0]["title"] == "New"


def test_row_needs_only_a_title(owner):
    import_tasks(owner, [{"title": " Milk "}])
    [row] = list_tasks(owner)
    defaults = {"title": "Milk", "description": "", "status": "todo", "priority": "none", "labels": [], "project": None}
    assert {name: row[name] for name in defaults} == defaults


def test_done_row_without_completed_at_is_completed_now(owner):
    import_tasks(owner, [{"title": "Milk", "status": "done"}])
    assert list_tasks(owner)[0]["completed_at"] is not None


def test_subtask_may_come_before_its_parent(owner):
    rows = [{"title": str(i), "id": str(i), "parent_id": str(i + 1)} for i in range(4)] + [{"title": "4", "id": "4"}]
    assert import_tasks(owner, rows).json["created"] == 5
    tasks = {task["title"]: task for task in list_tasks(owner)}
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
def test_invalid_row_is_reported_by_index_and_field(owner, row, field):
    title = {} if field == "title" else {"title": "Bad"}
    response = import_tasks(owner, [{"title": "Good"}, title | row])
    assert [*row_errors(response)] == ["1"]
    assert [*row_errors(response)["1"]] == [field]
    assert response.json["invalid_rows"] == 1
    assert list_tasks(owner) == []


def test_rows_of_lists_can_be_imported(owner, other):
    owner.post("/api/v1/labels", json={"name": "home", "color": "#112233"})
    owner.post("/api/v1/projects", json={"name": "Garden", "description": "Green."})
    parent = owner.post(TASKS, json={"title": "Plants", "labels": ["home"], "status": "done"}).json
    owner.post(TASKS, json={"title": "Water", "parent_id": parent["id"]})
    file = {kind: owner.get(f"/api/v1/{kind}").json["items"] for kind in ("tasks", "projects", "labels")}
    response = other.post(IMPORT, json=file)
    assert (response.status_code, response.json) == (200, {"created": 2, "projects": 1, "labels": 1, "dry_run": False})
    fresh = {"id", "parent_id", "position", "created_at", "updated_at", "version"}
    for kind, rows in file.items():
        again = other.get(f"/api/v1/{kind}").json["items"]
        assert not {row["id"] for row in rows} & {row["id"] for row in again}
        for before, after in zip(rows, again, strict=True):
            assert {name: after[name] for name in after.keys() - fresh} == {
                name: before[name] for name in before.keys() - fresh
            }


def test_row_with_only_a_project_id_is_rejected_with_advice(owner):
    project_id = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    task = owner.post(TASKS, json={"title": "Water", "project_id": project_id}).json
    says = {"project_id": ["Name the project in `project` instead."]}
    assert row_errors(import_tasks(owner, [task, {**task, "title": ""}])) == {
        "0": says,
        "1": says | {"title": ["Must have 1 to 200 characters."]},
    }
    assert import_tasks(owner, [{**task, "project": "garden"}]).json["created"] == 1
    assert len(owner.get(f"{TASKS}?project_id={project_id}").json["items"]) == 2


@pytest.mark.parametrize("row", [None, 1, "x", [], [{}]])
def test_row_that_is_not_an_object_is_reported(owner, row):
    assert [*row_errors(import_tasks(owner, [row]))] == ["0"]


@pytest.mark.parametrize("tasks", [None, {}, "x", 1])
def test_tasks_that_are_not_a_list_are_reported(owner, tasks):
    assert [*row_errors(import_tasks(owner, tasks))] == ["tasks"]


def test_one_invalid_row_prevents_the_import(owner, task):
    before = owner.get(TASKS).json
    rows = [{"title": f"Task {i}", "project": "P", "labels": ["l"]} for i in range(1000)]
    rows[700]["priority"] = "highest"
    assert [*row_errors(import_tasks(owner, rows))] == ["700"]
    assert owner.get(TASKS).json == before
    assert owner.get("/api/v1/projects").json["items"] == owner.get("/api/v1/labels").json["items"] == []


def test_first_hundred_invalid_rows_are_listed_and_all_are_counted(owner):
    response = import_tasks(owner, [{"title": ""}] * 150)
    assert [*row_errors(response)] == [str(i) for i in range(100)]
    assert response.json["invalid_rows"] == 150


def test_repeated_id_is_rejected(owner):
    rows = [{"title": "a", "id": "x"}, {"title": "b"}, {"title": "c"}, {"title": "d", "id": "x"}]
    assert row_errors(import_tasks(owner, rows)) == {"3": {"id": ["Another row has the same one."]}}


@pytest.mark.parametrize("length", [1, 2, 3])
def test_cycle_of_rows_is_rejected(owner, length):
    rows = [{"title": str(i), "id": str(i), "parent_id": str((i + 1) % length)} for i in range(length)]
    errors = row_errors(import_tasks(owner, rows))
    assert errors == {str(i): {"parent_id": ["A task cannot be its own ancestor."]} for i in range(length)}


def test_too_deep_rows_are_rejected(owner):
    rows = [{"title": str(i), "id": str(i), "parent_id": str(i - 1) if i else None} for i in range(7)]
    errors = row_errors(import_tasks(owner, rows))
    assert errors == {str(i): {"parent_id": ["Trees of tasks have at most 5 levels."]} for i in (5, 6)}


def test_parent_id_of_a_task_outside_the_file_is_rejected(owner, other, task):
    for client in (owner, other):
        response = import_tasks(client, [{"title": "Mine", "parent_id": task["id"]}])
        assert row_errors(response) == {"0": {"parent_id": ["The file has no such row."]}}
    import_tasks(other, [{"title": "Mine", "id": task["id"]}])
    assert owner.get(f"{TASKS}/{task['id']}").json == task


def test_dry_run_reports_what_would_be_created_and_stores_nothing(owner):
    dry = import_tasks(owner, ROWS, dry_run="true").json
    assert dry == {"created": 4, "projects": 1, "labels": 2, "dry_run": True}
    assert [owner.get(f"/api/v1/{kind}").json["items"] for kind in ("tasks", "projects", "labels")] == [[], [], []]
    assert "imported" not in events(owner)
    assert import_tasks(owner, ROWS, dry_run="false").json == dry | {"dry_run": False}


def test_dry_run_reports_invalid_rows(owner):
    assert [*row_errors(import_tasks(owner, dry_run="true", tasks=[{}]))] == ["0"]


def test_file_may_be_larger_than_other_bodies(owner):
    response = import_tasks(owner, [{"title": f"Task {i}", "description": "x" * 15_000} for i in range(100)])
    assert response.json["created"] == 100


@pytest.mark.parametrize(
    ("url", "content_type"),
    [(IMPORT, "application/json"), pytest.param(IMPORT_CSV, "text/csv", marks=needs("csv_imports"))],
)
def test_too_large_file_is_413(owner, url, content_type):
    response = owner.post(url, data=b" " * (16 * 1024 * 1024 + 1), content_type=content_type)
    assert (response.status_code, response.json["code"]) == (413, "body_too_large")


@pytest.mark.slow
def test_file_with_too_many_rows_is_rejected(owner):
    assert [*row_errors(import_tasks(owner, [{}] * 20_001))] == ["tasks"]


@pytest.mark.parametrize("setting", ["MAX_TASKS", "MAX_PROJECTS", "MAX_LABELS"])
def test_import_beyond_a_quota_is_409(make_app, new_user, setting):
    client = make_app(**{setting: 2}).test_client()
    response = client.post("/api/v1/auth/login", json={"username": new_user(), "password": PASSWORD})
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['access_token']}"
    rows = [{"title": name, "project": name, "labels": [name]} for name in "abc"]
    response = import_tasks(client, rows)
    assert (response.status_code, response.json["code"]) == (409, "quota_exceeded")
    assert list_tasks(client) == []
    assert import_tasks(client, rows[:2]).status_code == 200


GARDEN = {"name": "Garden", "description": "Beds\nand pots.", "color": "#aabbcc", "archived": True}
HOME = {"name": "home", "color": "#112233"}


def bring_all(client, **lists):
    return client.post(IMPORT, json={"tasks": [], **lists})


def properties(client, kind, names):
    items = client.get(f"/api/v1/{kind}").json["items"]
    return [{name: item[name] for name in names} for item in items]


def test_import_creates_projects_and_labels_with_their_properties(owner):
    rows = [{"title": "Dig", "project": "garden", "labels": ["HOME", "new"]}, {"title": "Rest", "project": "Other"}]
    response = bring_all(owner, tasks=rows, projects=[GARDEN, {"name": "Empty"}], labels=[HOME, {"name": "unused"}])
    assert response.json == {"created": 2, "projects": 3, "labels": 3, "dry_run": False}
    plain = {"description": "", "color": None, "archived": False}
    assert properties(owner, "projects", GARDEN) == [{"name": "Empty", **plain}, GARDEN, {"name": "Other", **plain}]
    new, unused = {"name": "new", "color": None}, {"name": "unused", "color": None}
    assert properties(owner, "labels", HOME) == [HOME, new, unused]
    assert [task["project"] for task in list_tasks(owner)] == ["Garden", "Other"]


def test_import_does_not_change_existing_projects_and_labels(owner):
    owner.post("/api/v1/projects", json={"name": "GARDEN", "description": "Mine", "color": "#000000"})
    owner.post("/api/v1/labels", json={"name": "Home", "color": "#000000"})
    before = [properties(owner, kind, names) for kind, names in (("projects", GARDEN), ("labels", HOME))]
    response = bring_all(owner, tasks=[{"title": "Dig", "project": "Garden"}], projects=[GARDEN], labels=[HOME])
    assert response.json == {"created": 1, "projects": 0, "labels": 0, "dry_run": False}
    assert [properties(owner, kind, names) for kind, names in (("projects", GARDEN), ("labels", HOME))] == before


def test_import_into_an_existing_archived_project_is_409(owner):
    owner.post("/api/v1/projects", json=GARDEN)
    response = import_tasks(owner, [{"title": "Ok"}, {"title": "Dig", "project": "garden"}])
    assert (response.status_code, response.json["code"]) == (409, "project_archived")
    assert list_tasks(owner) == []
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
def test_invalid_project_or_label_is_reported_by_index_and_field(owner, kind, row, field):
    response = bring_all(owner, **{kind: [{"name": "a"}, row]})
    errors = row_errors(response)[kind]
    assert (response.json["invalid_rows"], [*errors], [*errors["1"]]) == (1, ["1"], [field])
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
def test_malformed_json_file_is_400(owner, body):
    response = owner.post(IMPORT, data=body.encode("latin-1"), content_type="application/json")
    assert (response.status_code, response.json["code"]) == (400, "malformed_json")
    assert list_tasks(owner) == []


@pytest.mark.parametrize(
    "body",
    ['{"tasks": [], "tasks": []}', '{"labels": [], "tasks": [{"tasks": 1, "tasks": 2}]}', '{"tasks": 1, "tasks": []}'],
)
def test_duplicate_member_of_a_file_is_reported_by_name(owner, body):
    response = owner.post(IMPORT, data=body, content_type="application/json")
    assert (response.status_code, response.json["code"]) == (400, "malformed_json")
    assert response.json["detail"] == "An object of the body has two members named 'tasks'."


@pytest.mark.parametrize(
    ("body", "name"),
    [("{}", "tasks"), ('{"projects": []}', "tasks"), ('{"tasks": [], "nonsense": [1]}', "nonsense"), ("[]", "_schema")],
)
def test_json_without_tasks_or_with_other_members_is_422(owner, body, name):
    response = owner.post(IMPORT, data=body, content_type="application/json")
    assert [*row_errors(response)] == [name]


def test_file_may_have_blanks_a_byte_order_mark_and_lists_in_any_order(owner):
    blank = " \n\t\r" * 200_000
    row = f'{blank}{{{blank}"title"{blank}:"Öl"}}{blank}'
    body = f'\ufeff{blank}{{{blank}"tasks":{blank}[{row},{row}]{blank},"labels":[]{blank}}}{blank}'
    response = owner.post(IMPORT, data=body.encode(), content_type="application/json")
    assert response.status_code == 400  # blanks inside of a row count for its length
    body = body.replace(f'{{{blank}"title"{blank}:', '{ "title" :')
    response = owner.post(IMPORT, data=body.encode(), content_type="application/json")
    assert (response.status_code, response.json["created"]) == (200, 2)
    assert [task["title"] for task in list_tasks(owner)] == ["Öl", "Öl"]
