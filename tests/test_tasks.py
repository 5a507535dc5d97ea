"""/tasks: create, read, list, change, trash, restore."""

import pytest


def test_create_task_sets_defaults(owner):
    response = owner.post("/api/v1/tasks", json={"title": "  Milk  "})
    assert response.status_code == 201
    body = response.json
    assert (body["title"], body["status"], body["priority"], body["description"]) == (
        "Milk",
        "todo",
        "none",
        "",
    )
    assert response.headers["Location"] == f"/api/v1/tasks/{body['id']}"
    assert response.headers["ETag"] == f'"{body["version"]}"'


@pytest.mark.parametrize(("method", "body"), [("get", None), ("patch", {"title": "Mine"}), ("delete", None)])
def test_task_of_another_user_is_404(signed_in, task, method, body):
    response = getattr(signed_in(), method)(f"/api/v1/tasks/{task['id']}", json=body)
    assert response.status_code == 404


def test_patch_keeps_unnamed_fields(owner, task):
    before = owner.patch(
        f"/api/v1/tasks/{task['id']}", json={"description": "twice a week", "due_date": "2030-01-31"}
    ).json
    after = owner.patch(f"/api/v1/tasks/{task['id']}", json={"priority": "high"}).json
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"priority", "version", "updated_at"}


def test_next_page_starts_after_the_last_item(owner):
    made = [owner.post("/api/v1/tasks", json={"title": f"Task {i}"}).json["id"] for i in range(7)]
    seen, url = [], "/api/v1/tasks?limit=3"
    while url:
        response = owner.get(url)
        seen += [item["id"] for item in response.json["items"]]
        link = response.headers.get("Link")
        url = link.split(">")[0].lstrip("<") if link else None
    assert seen == made[::-1]


def test_search_ignores_case_and_accents(owner):
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


def test_status_sets_completed_at(owner, task):
    done = owner.patch(url_of(task), json={"status": "done"}).json
    assert task["completed_at"] is None
    assert done["created_at"] <= done["completed_at"] <= done["updated_at"]
    kept = owner.patch(url_of(task), json={"status": "done", "title": "Watered"}).json
    assert kept["completed_at"] == done["completed_at"]
    assert owner.patch(url_of(task), json={"status": "todo"}).json["completed_at"] is None


def test_change_raises_version_and_updated_at(owner, task):
    before = task
    for change in ({"title": "Milk"}, {"priority": "low"}, {"labels": ["home"]}, {"description": None, "title": "M"}):
        after = owner.patch(url_of(task), json=change).json
        assert after["version"] > before["version"]
        assert after["created_at"] == task["created_at"] <= before["updated_at"] < after["updated_at"]
        before = after


@pytest.mark.parametrize("change", [{}, {"title": "Water the plants"}, {"due_date": None}, {"labels": []}])
def test_patch_without_a_change_keeps_the_version(owner, task, change):
    assert owner.patch(url_of(task), json=change).json == task


def test_message_names_the_largest_number_of_labels(owner):
    body = {"title": "Task", "labels": [f"label {number}" for number in range(21)]}
    assert owner.post("/api/v1/tasks", json=body).json["errors"]["json"] == {"labels": ["Must have at most 20 items."]}


def test_patch_with_the_same_labels_keeps_the_version(owner, task):
    before = owner.patch(url_of(task), json={"labels": ["Home", "garden"]}).json
    assert owner.patch(url_of(task), json={"labels": ["garden", "HOME"]}).json == before


def test_refused_patch_changes_nothing(owner, task):
    assert owner.patch(url_of(task), json={"title": "Milk", "status": "never"}).status_code == 422
    assert owner.get(url_of(task)).json == task


@pytest.mark.parametrize("match", ['"{version}"', "*", '"0", "{version}"'])
def test_patch_with_the_current_version_succeeds(owner, task, match):
    response = owner.patch(url_of(task), json={"title": "Milk"}, headers={"If-Match": match.format_map(task)})
    assert (response.status_code, response.headers["ETag"]) == (200, f'"{response.json["version"]}"')


@pytest.mark.parametrize("match", ['"0"', 'W/"{version}"', '"0", "1000000"'])
def test_patch_with_another_version_is_412_with_current_task(owner, task, match):
    response = owner.patch(url_of(task), json={"title": "Milk"}, headers={"If-Match": match.format_map(task)})
    assert (response.status_code, response.json["code"]) == (412, "version_mismatch")
    assert response.json["current"] == task == owner.get(url_of(task)).json


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("known", ['"{version}"', 'W/"{version}"', "*", '"0", "{version}"'])
def test_get_with_known_etag_is_304(owner, task, method, known):
    response = owner.open(url_of(task), method=method, headers={"If-None-Match": known.format_map(task)})
    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["ETag"] == f'"{task["version"]}"'
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert owner.get(url_of(task), headers={"If-None-Match": '"0"'}).json == task


def test_head_has_the_headers_of_get(owner, task):
    head, get = owner.head(url_of(task)), owner.get(url_of(task))
    assert (head.status_code, head.data) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
        assert head.headers[name] == get.headers[name]


def test_deleted_task_is_in_the_trash_until_restored(owner, task):
    assert owner.delete(url_of(task)).status_code == 204
    assert owner.get("/api/v1/tasks").json["items"] == []
    shown = owner.get(url_of(task)).json
    assert owner.get("/api/v1/tasks?deleted=true").json["items"] == [shown]
    assert shown["deleted_at"] is not None
    restored = owner.post(f"{url_of(task)}/restore")
    assert restored.status_code == 200
    assert restored.json["version"] > shown["version"] > task["version"]
    assert owner.get("/api/v1/tasks").json["items"] == [restored.json]


def test_restore_outside_the_trash_changes_nothing(owner, task):
    response = owner.post(f"{url_of(task)}/restore")
    assert (response.status_code, response.json) == (200, task)
