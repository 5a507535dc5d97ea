"""Archived projects: lists and counts exclude their tasks, and they accept no new ones."""

import pytest

TASKS = "/api/v1/tasks"


@pytest.fixture
def archived(owner):
    """An archived project with a task and its subtask."""
    project = owner.post("/api/v1/projects", json={"name": "Attic"}).json
    due = {"due_date": "2020-01-31", "labels": ["old"]}
    parent = owner.post(TASKS, json={"title": "Parent", "project_id": project["id"], **due}).json
    child = owner.post(TASKS, json={"title": "Child", "parent_id": parent["id"], "project_id": project["id"]}).json
    assert owner.patch(f"/api/v1/projects/{project['id']}", json={"archived": True}).status_code == 200
    return {"project": project["id"], "parent": parent["id"], "child": child["id"]}


def titles(client, query=""):
    response = client.get(f"{TASKS}?{query}")
    assert response.status_code == 200, response.text
    return {item["title"] for item in response.json["items"]}


def refused(response):
    return (response.status_code, response.json["code"]) == (409, "project_archived")


def test_lists_exclude_tasks_of_archived_projects(owner, archived):
    owner.post(TASKS, json={"title": "Mine", "due_date": "2020-01-31", "labels": ["old"]})
    for query in ("", "q=mine", "overdue=true", "label=old", "status=todo", "due_before=2021-01-01", "archived=false"):
        assert titles(owner, query) == {"Mine"}, query


def test_archived_true_includes_the_tasks_of_archived_projects(owner, archived):
    owner.post(TASKS, json={"title": "Mine"})
    assert titles(owner, "archived=true") == {"Mine", "Parent", "Child"}
    assert titles(owner, "archived=true&overdue=true") == {"Parent"}


def test_project_and_parent_filters_include_archived(owner, archived):
    assert titles(owner, f"project_id={archived['project']}") == {"Parent", "Child"}
    assert titles(owner, f"parent_id={archived['parent']}") == {"Child"}
    assert owner.get(f"{TASKS}/{archived['child']}").status_code == 200


def test_trash_includes_tasks_of_archived_projects(owner, archived):
    owner.delete(f"{TASKS}/{archived['child']}")
    assert titles(owner, "deleted=true") == {"Child"}
    assert owner.post(f"{TASKS}/{archived['child']}/restore").status_code == 200
    assert titles(owner, f"project_id={archived['project']}") == {"Parent", "Child"}


def test_counts_exclude_tasks_of_archived_projects(owner, archived):
    summary = owner.get(f"{TASKS}/summary").json
    assert (summary["by_status"]["todo"], summary["overdue"]) == (0, 0)
    assert [label["task_count"] for label in owner.get("/api/v1/labels").json["items"]] == [0]
    project = f"/api/v1/projects/{archived['project']}"
    assert owner.get(project).json["task_counts"]["todo"] == 2
    owner.patch(project, json={"archived": False})
    summary = owner.get(f"{TASKS}/summary").json
    assert (summary["by_status"]["todo"], summary["overdue"]) == (2, 1)
    assert [label["task_count"] for label in owner.get("/api/v1/labels").json["items"]] == [1]


def test_create_task_in_an_archived_project_is_409(owner, archived):
    before = owner.get(f"{TASKS}?archived=true").json
    in_it, under_it = {"project_id": archived["project"]}, {"parent_id": archived["parent"]}
    for place in (in_it, under_it, in_it | under_it):
        assert refused(owner.post(TASKS, json={"title": "New", **place}))
    assert owner.get(f"{TASKS}?archived=true").json == before


def test_move_into_an_archived_project_is_409(owner, archived, task):
    for place in ({"project_id": archived["project"]}, {"parent_id": archived["parent"]}):
        assert refused(owner.patch(f"{TASKS}/{task['id']}", json=place))
    assert owner.get(f"{TASKS}/{task['id']}").json == task


def test_task_of_an_archived_project_can_change_and_leave(owner, archived):
    url = f"{TASKS}/{archived['parent']}"
    whole = owner.patch(url, json={"status": "done", "project_id": archived["project"], "parent_id": None})
    assert (whole.status_code, whole.json["status"]) == (200, "done")
    assert owner.patch(url, json={"project_id": None}).json["project_id"] is None
    assert titles(owner) >= {"Parent"}
