"""/tasks: create, read, list, change, trash, restore."""

import pytest


def test_a_task_is_created_with_defaults(owner):
    answer = owner.post("/api/v1/tasks", json={"title": "  Milk  "})
    assert answer.status_code == 201
    body = answer.json
    assert (body["title"], body["status"], body["priority"], body["description"]) == (
        "Milk",
        "todo",
        "none",
        "",
    )
    assert answer.headers["Location"] == f"/api/v1/tasks/{body['id']}"
    assert answer.headers["ETag"] == f'"{body["version"]}"'


@pytest.mark.parametrize(("method", "body"), [("get", None), ("patch", {"title": "Mine"}), ("delete", None)])
def test_another_persons_task_does_not_exist(signed_in, task, method, body):
    answer = getattr(signed_in(), method)(f"/api/v1/tasks/{task['id']}", json=body)
    assert answer.status_code == 404


def test_a_patch_changes_only_what_it_names(owner, task):
    before = owner.patch(
        f"/api/v1/tasks/{task['id']}", json={"description": "twice a week", "due_date": "2030-01-31"}
    ).json
    after = owner.patch(f"/api/v1/tasks/{task['id']}", json={"priority": "high"}).json
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"priority", "version", "updated_at"}


def test_a_page_goes_on_where_the_last_one_ended(owner):
    made = [owner.post("/api/v1/tasks", json={"title": f"Task {i}"}).json["id"] for i in range(7)]
    seen, url = [], "/api/v1/tasks?limit=3"
    while url:
        answer = owner.get(url)
        seen += [item["id"] for item in answer.json["items"]]
        link = answer.headers.get("Link")
        url = link.split(">")[0].lstrip("<") if link else None
    assert seen == made[::-1]


def test_words_are_found_in_any_case_and_without_accents(owner):
    owner.post("/api/v1/tasks", json={"title": "Crème brûlée", "description": "100% sugar"})
    owner.post("/api/v1/tasks", json={"title": "Bread"})
    for query in ("CREME", "brule", "100%", "sugar creme"):
        assert [item["title"] for item in owner.get("/api/v1/tasks", query_string={"q": query}).json["items"]] == [
            "Crème brûlée"
        ]
    assert owner.get("/api/v1/tasks", query_string={"q": "%"}).json["items"][0]["title"] == "Crème brûlée"
    assert owner.get("/api/v1/tasks", query_string={"q": "_"}).json["items"] == []


def url_of(task):
    return f"/api/v1/tasks/{task['id']}"


def test_completed_at_follows_the_status(owner, task):
    done = owner.patch(url_of(task), json={"status": "done"}).json
    assert task["completed_at"] is None
    assert done["created_at"] <= done["completed_at"] <= done["updated_at"]
    kept = owner.patch(url_of(task), json={"status": "done", "title": "Watered"}).json
    assert kept["completed_at"] == done["completed_at"]
    assert owner.patch(url_of(task), json={"status": "todo"}).json["completed_at"] is None


def test_every_change_gives_a_greater_version_and_a_later_time(owner, task):
    before = task
    for change in ({"title": "Milk"}, {"priority": "low"}, {"labels": ["home"]}, {"description": None, "title": "M"}):
        after = owner.patch(url_of(task), json=change).json
        assert after["version"] > before["version"]
        assert after["created_at"] == task["created_at"] <= before["updated_at"] < after["updated_at"]
        before = after


@pytest.mark.parametrize("change", [{}, {"title": "Water the plants"}, {"due_date": None}, {"labels": []}])
def test_a_change_that_changes_nothing_gives_no_new_version(owner, task, change):
    assert owner.patch(url_of(task), json=change).json == task


def test_labels_that_are_there_already_give_no_new_version(owner, task):
    before = owner.patch(url_of(task), json={"labels": ["Home", "garden"]}).json
    assert owner.patch(url_of(task), json={"labels": ["garden", "HOME"]}).json == before


def test_a_refused_change_changes_nothing(owner, task):
    assert owner.patch(url_of(task), json={"title": "Milk", "status": "never"}).status_code == 422
    assert owner.get(url_of(task)).json == task


@pytest.mark.parametrize("match", ['"{version}"', "*", '"0", "{version}"'])
def test_a_change_upon_the_version_that_is_there_is_made(owner, task, match):
    answer = owner.patch(url_of(task), json={"title": "Milk"}, headers={"If-Match": match.format_map(task)})
    assert (answer.status_code, answer.headers["ETag"]) == (200, f'"{answer.json["version"]}"')


@pytest.mark.parametrize("match", ['"0"', 'W/"{version}"', '"0", "1000000"'])
def test_a_change_upon_another_version_is_refused_and_shows_the_current_one(owner, task, match):
    answer = owner.patch(url_of(task), json={"title": "Milk"}, headers={"If-Match": match.format_map(task)})
    assert (answer.status_code, answer.json["code"]) == (412, "version_mismatch")
    assert answer.json["current"] == task == owner.get(url_of(task)).json


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("known", ['"{version}"', 'W/"{version}"', "*", '"0", "{version}"'])
def test_a_task_that_is_known_is_304(owner, task, method, known):
    answer = owner.open(url_of(task), method=method, headers={"If-None-Match": known.format_map(task)})
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == f'"{task["version"]}"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert owner.get(url_of(task), headers={"If-None-Match": '"0"'}).json == task


def test_head_tells_what_get_would(owner, task):
    head, get = owner.head(url_of(task)), owner.get(url_of(task))
    assert (head.status_code, head.data) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
        assert head.headers[name] == get.headers[name]


def test_a_deleted_task_waits_in_the_trash_until_it_is_restored(owner, task):
    assert owner.delete(url_of(task)).status_code == 204
    assert owner.get("/api/v1/tasks").json["items"] == []
    shown = owner.get(url_of(task)).json
    assert owner.get("/api/v1/tasks?deleted=true").json["items"] == [shown]
    assert shown["deleted_at"] is not None
    restored = owner.post(f"{url_of(task)}/restore")
    assert restored.status_code == 200
    assert restored.json["version"] > shown["version"] > task["version"]
    assert owner.get("/api/v1/tasks").json["items"] == [restored.json]


def test_a_task_that_is_not_in_the_trash_is_restored_as_it_is(owner, task):
    answer = owner.post(f"{url_of(task)}/restore")
    assert (answer.status_code, answer.json) == (200, task)
