"""/projects: names, counts, and the trash, where the tasks move with their project."""

import pytest
from surface import needs


@pytest.fixture
def project(owner):
    return owner.post("/api/v1/projects", json={"name": "Garden"}).json


@pytest.fixture
def add(owner):
    """Add a task of the owner; returns it."""
    return lambda **values: owner.post("/api/v1/tasks", json={"title": "Task", **values}).json


def test_create_project_sets_defaults(owner):
    response = owner.post("/api/v1/projects", json={"name": "  Garden "})
    assert response.status_code == 201
    body = response.json
    assert (body["name"], body["description"], body["color"], body["archived"]) == ("Garden", "", None, False)
    assert body["task_counts"] == {"todo": 0, "in_progress": 0, "done": 0, "cancelled": 0}
    assert response.headers["Location"] == f"/api/v1/projects/{body['id']}"
    assert owner.get(response.headers["Location"]).json == body


def test_patch_project_keeps_unnamed_fields(owner, project):
    url = f"/api/v1/projects/{project['id']}"
    before = owner.patch(url, json={"color": "#AABBCC", "description": "beds"}).json
    after = owner.patch(url, json={"archived": True}).json
    assert before["color"] == "#aabbcc"
    assert {name for name in after if after[name] != before[name]} == {"archived", "version", "updated_at"}


@pytest.mark.parametrize("name", ["Garden", "gArDeN", " GARDEN "])
def test_project_name_is_unique_ignoring_case(owner, project, name):
    response = owner.post("/api/v1/projects", json={"name": name})
    assert (response.status_code, response.json["code"]) == (409, "name_taken")


def test_project_name_can_change_its_own_case_only(owner, project):
    owner.post("/api/v1/projects", json={"name": "House"})
    url = f"/api/v1/projects/{project['id']}"
    assert owner.patch(url, json={"name": "GARDEN"}).json["name"] == "GARDEN"
    assert owner.patch(url, json={"name": "house"}).json["code"] == "name_taken"


def test_project_name_may_differ_in_accents_or_owner(owner, project, signed_in):
    assert owner.post("/api/v1/projects", json={"name": "Gärden"}).status_code == 201
    assert signed_in().post("/api/v1/projects", json={"name": "Garden"}).status_code == 201


def test_project_list_is_sorted_by_name_across_pages(owner):
    for name in ("pear", "Apple", "fig", "banana"):
        owner.post("/api/v1/projects", json={"name": name})
    first = owner.get("/api/v1/projects?limit=3")
    second = owner.get(first.headers["Link"].split(">")[0].lstrip("<"))
    names = [item["name"] for page in (first, second) for item in page.json["items"]]
    assert names == ["Apple", "banana", "fig", "pear"]
    assert second.json["next_cursor"] is None


def test_project_list_filters_by_archived(owner, project):
    owner.post("/api/v1/projects", json={"name": "Attic", "archived": True})
    names = {
        word: [item["name"] for item in owner.get(f"/api/v1/projects?archived={word}").json["items"]]
        for word in ("true", "false")
    }
    assert names == {"true": ["Attic"], "false": ["Garden"]}


def test_task_counts_are_by_status_and_change_the_etag(owner, project, add):
    url = f"/api/v1/projects/{project['id']}"
    tag = owner.get(url).headers["ETag"]
    add(project_id=project["id"])
    add(project_id=project["id"], status="done")
    owner.delete(f"/api/v1/tasks/{add(project_id=project['id'])['id']}")
    response = owner.get(url, headers={"If-None-Match": tag})
    assert response.status_code == 200
    assert response.json["task_counts"] == {"todo": 1, "in_progress": 0, "done": 1, "cancelled": 0}
    assert owner.get(url, headers={"If-None-Match": response.headers["ETag"]}).status_code == 304


def test_patch_project_with_an_older_version_is_412(owner, project):
    url = f"/api/v1/projects/{project['id']}"
    tag = owner.get(url).headers["ETag"]
    assert owner.patch(url, json={"color": "#112233"}, headers={"If-Match": tag}).status_code == 200
    response = owner.patch(url, json={"color": "#445566"}, headers={"If-Match": tag})
    assert (response.status_code, response.json["current"]["color"]) == (412, "#112233")
    assert response.json["current"] == owner.get(url).json


def test_project_is_deleted_and_restored_with_its_tasks(owner, project, add):
    parent = add(project_id=project["id"])
    child = add(parent_id=parent["id"])
    apart = add(project_id=project["id"])
    elsewhere = add()
    owner.delete(f"/api/v1/tasks/{apart['id']}")
    assert owner.delete(f"/api/v1/projects/{project['id']}").status_code == 204

    live = [item["id"] for item in owner.get("/api/v1/tasks").json["items"]]
    trash = {item["id"] for item in owner.get("/api/v1/tasks?deleted=true").json["items"]}
    assert (live, trash) == ([elsewhere["id"]], {parent["id"], child["id"], apart["id"]})
    assert owner.get("/api/v1/projects").json["items"] == []
    assert [item["id"] for item in owner.get("/api/v1/projects?deleted=true").json["items"]] == [project["id"]]

    restored = owner.post(f"/api/v1/projects/{project['id']}/restore")
    assert restored.json["task_counts"]["todo"] == 2
    assert {item["id"] for item in owner.get("/api/v1/tasks").json["items"]} == {
        parent["id"],
        child["id"],
        elsewhere["id"],
    }


def test_patch_project_in_the_trash_is_409(owner, project, add):
    task = add(project_id=project["id"])
    owner.delete(f"/api/v1/projects/{project['id']}")
    for response in (
        owner.patch(f"/api/v1/projects/{project['id']}", json={"color": "#112233"}),
        owner.patch(f"/api/v1/tasks/{task['id']}", json={"title": "Other"}),
        owner.post(f"/api/v1/tasks/{task['id']}/restore"),
    ):
        assert (response.status_code, response.json["code"]) == (409, "in_trash")


def test_name_in_the_trash_is_free_and_restore_is_409_if_taken(owner, project):
    url = f"/api/v1/projects/{project['id']}"
    owner.delete(url)
    other = owner.post("/api/v1/projects", json={"name": "garden"}).json
    assert owner.post(f"{url}/restore").json["code"] == "name_taken"
    owner.patch(f"/api/v1/projects/{other['id']}", json={"name": "Yard"})
    assert owner.post(f"{url}/restore").json["name"] == "Garden"


@needs("changes")
def test_restore_project_accepts_a_new_name_when_taken(owner, project, add):
    task = add(project_id=project["id"])
    url = f"/api/v1/projects/{project['id']}"
    owner.delete(url)
    owner.post("/api/v1/projects", json={"name": "garden"})
    owner.post("/api/v1/projects", json={"name": "Yard"})
    assert owner.post(f"{url}/restore", json={}).json["code"] == "name_taken"
    assert owner.post(f"{url}/restore", json={"name": "YARD"}).json["code"] == "name_taken"
    for body in ({"name": ""}, {"name": "x" * 101}, {"name": None}, {"colour": None}):
        assert owner.post(f"{url}/restore", json=body).status_code == 422
    for _ in range(2):  # a repeated request gets the same response
        restored = owner.post(f"{url}/restore", json={"name": " Old garden "})
        assert (restored.status_code, restored.json["name"], restored.json["deleted_at"]) == (200, "Old garden", None)
    assert owner.get(f"/api/v1/tasks/{task['id']}").json["deleted_at"] is None
    changes = owner.get(f"/api/v1/changes?since={task['version']}").json["changes"]
    assert {"Old garden", "garden", "Yard", "Task"} == {c["data"].get("name") or c["data"]["title"] for c in changes}


@pytest.mark.parametrize("whose", ["another's", "nobody's", "the trash's"])
def test_task_project_must_be_live_and_of_its_owner(owner, signed_in, project, whose, add):
    project_id = "01890000-0000-7000-8000-000000000000"
    if whose == "another's":
        project_id = signed_in().post("/api/v1/projects", json={"name": "Theirs"}).json["id"]
    if whose == "the trash's":
        owner.delete(f"/api/v1/projects/{project['id']}")
        project_id = project["id"]
    response = owner.post("/api/v1/tasks", json={"title": "Task", "project_id": project_id})
    assert response.status_code == 422
    assert response.json["errors"] == {"json": {"project_id": ["There is no such project."]}}


def test_task_list_filters_by_project_or_none(owner, project, add):
    inside, outside = add(project_id=project["id"]), add()
    found = {
        query: [item["id"] for item in owner.get(f"/api/v1/tasks?{query}").json["items"]]
        for query in (f"project_id={project['id']}", "without=project")
    }
    assert found == {f"project_id={project['id']}": [inside["id"]], "without=project": [outside["id"]]}
    moved = owner.patch(f"/api/v1/tasks/{inside['id']}", json={"project_id": None}).json
    assert (moved["project_id"], moved["id"]) == (None, inside["id"])


def test_viewer_reads_projects_only(signed_in):
    viewer = signed_in("viewer")
    assert viewer.get("/api/v1/projects").status_code == 200
    assert viewer.post("/api/v1/projects", json={"name": "Garden"}).status_code == 403


def test_patch_response_equals_get(owner, project, add):
    add(project_id=project["id"])
    changed = owner.patch(f"/api/v1/projects/{project['id']}", json={"color": "#112233"}).json
    assert owner.get(f"/api/v1/projects/{project['id']}").json == changed
    assert owner.get("/api/v1/projects").json["items"] == [changed]
