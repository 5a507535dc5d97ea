"""/tasks/import: all rows or none, and each bad one told."""

import pytest
from conftest import PASSWORD
from exchanging import IMPORT, TASKS, bring, events, exported, faults, live


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
        ({"completed_at": "2030-01-31T09:00:00Z"}, "completed_at"), ({"version": 1}, "version"),
        ({"project_id": None}, "project_id"), ({"nonsense": 1}, "nonsense"),
    ],
)  # fmt: skip
def test_a_bad_row_is_told_by_its_place_and_its_field(owner, row, field):
    title = {} if field == "title" else {"title": "Bad"}
    answer = bring(owner, [{"title": "Good"}, title | row])
    assert [*faults(answer)] == ["1"]
    assert [*faults(answer)["1"]] == [field]
    assert answer.json["invalid_rows"] == 1
    assert exported(owner) == []


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
    assert faults(bring(owner, rows)) == {"3": {"id": ["Another row has it too."]}}


@pytest.mark.parametrize("length", [1, 2, 3])
def test_rows_in_a_ring_are_refused(owner, length):
    rows = [{"title": str(i), "id": str(i), "parent_id": str((i + 1) % length)} for i in range(length)]
    errors = faults(bring(owner, rows))
    assert errors == {str(i): {"parent_id": ["A task cannot lie under itself."]} for i in range(length)}


def test_rows_that_lie_too_deep_are_refused(owner):
    rows = [{"title": str(i), "id": str(i), "parent_id": str(i - 1) if i else None} for i in range(7)]
    errors = faults(bring(owner, rows))
    assert errors == {str(i): {"parent_id": ["Tasks go at most 5 deep."]} for i in (5, 6)}


def test_an_id_of_a_task_that_is_not_in_the_file_is_no_ones(owner, other, task):
    for client in (owner, other):
        answer = bring(client, [{"title": "Mine", "parent_id": task["id"]}])
        assert faults(answer) == {"0": {"parent_id": ["There is no such row in the file."]}}
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


@pytest.mark.parametrize("content_type", ["application/json", "text/csv"])
def test_a_file_that_is_too_large_is_413(owner, content_type):
    answer = owner.post(IMPORT, data=b" " * (16 * 1024 * 1024 + 1), content_type=content_type)
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
