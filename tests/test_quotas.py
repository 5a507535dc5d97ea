"""Quotas: the number of tasks, projects and labels of a user."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from marshmallow import Schema
from surface import needs

from taskapi.resources.crud import Resource
from taskapi.resources.models import Owned

LIMITS = {"MAX_TASKS": 3, "MAX_PROJECTS": 2, "MAX_LABELS": 2}


@pytest.fixture(scope="module")
def app(make_app):
    return make_app(**LIMITS)


def add(client, what, i):
    return client.post(f"/api/v1/{what}", json={"title": "Task"} if what == "tasks" else {"name": f"Name {i}"})


def fill(client, what):
    made = [add(client, what, i) for i in range(LIMITS[f"MAX_{what.upper()}"])]
    assert {response.status_code for response in made} == {201}
    return [response.headers["Location"] for response in made]


@pytest.mark.parametrize("what", ["tasks", "projects", "labels"])
def test_quota_is_exceeded_until_a_permanent_deletion(owner, what):
    first, *_ = fill(owner, what)
    full = add(owner, what, 9)
    assert (full.status_code, full.json["code"]) == (409, "quota_exceeded")
    owner.delete(first)
    assert add(owner, what, 9).status_code == 409
    owner.delete(f"{first}?permanent=true")
    assert add(owner, what, 9).status_code == 201
    assert add(owner, what, 10).status_code == 409


def test_resource_without_a_counter_must_declare_that_it_has_no_quota():
    class Draft(Owned):
        __tablename__ = "drafts"

    with pytest.raises(TypeError, match="Draft has no quota: add a column to ChangeCounter"):
        Resource("/api/v1/drafts", Draft, Schema(), ())
    Draft.has_quota = False
    Resource("/api/v1/drafts", Draft, Schema(), ())


def test_labels_created_by_a_task_count(owner):
    assert owner.post("/api/v1/tasks", json={"title": "Task", "labels": ["a", "b", "c"]}).status_code == 409
    assert owner.get("/api/v1/tasks").json["items"] == []
    assert owner.post("/api/v1/tasks", json={"title": "Task", "labels": ["a", "b"]}).status_code == 201


@needs("batch")
def test_batch_beyond_the_quota_changes_nothing(owner):
    operations = [{"op": "create", "data": {"title": "Task"}}] * 4
    response = owner.post("/api/v1/tasks/batch", json={"operations": operations})
    assert (response.status_code, response.json["index"]) == (409, 3)
    assert fill(owner, "tasks")


def test_deleted_project_frees_the_quota_of_its_tasks(owner):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    for _ in range(3):
        owner.post("/api/v1/tasks", json={"title": "Task", "project_id": project})
    owner.delete(f"/api/v1/projects/{project}?permanent=true")
    fill(owner, "tasks")
    fill(owner, "projects")


def test_quotas_are_per_user(owner, signed_in):
    fill(owner, "tasks")
    fill(signed_in(), "tasks")


def test_16_concurrent_creations_stay_within_the_quota(app, owner):
    def create(_):
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {owner.token}"
        return client.post("/api/v1/tasks", json={"title": "Task"}).status_code

    with ThreadPoolExecutor(16) as pool:
        codes = sorted(pool.map(create, range(16)))
    assert codes == [201] * 3 + [409] * 13
    assert len(owner.get("/api/v1/tasks").json["items"]) == 3
