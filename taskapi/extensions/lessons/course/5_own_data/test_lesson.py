"""The tests of lesson 5. The docstring of each test says what the service must do."""

import pytest
from app import app

PASSWORDS = {"ada": "analytical engine", "grace": "nanoseconds of wire"}


def log_in(username):
    """Return a client that sends the token of a user with each request."""
    client = app.test_client()
    token = client.post("/login", json={"username": username, "password": PASSWORDS[username]}).json["token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


@pytest.fixture(scope="module")
def ada():
    """Return a client of ada."""
    return log_in("ada")


@pytest.fixture(scope="module")
def grace():
    """Return a client of grace, who is an administrator."""
    return log_in("grace")


@pytest.fixture
def task_of_grace(grace):
    """Return the path of a task of grace."""
    return f"/tasks/{grace.post('/tasks', json={'title': 'Call the bank'}).json['id']}"


@pytest.mark.parametrize(("method", "path"), [("GET", "/tasks"), ("POST", "/tasks"), ("GET", "/tasks/1")])
def test_tasks_need_token(method, path):
    """Each route of tasks responds 401 without a token, also for a task that does not exist."""
    assert app.test_client().open(path, method=method).status_code == 401
    assert app.test_client().get("/tasks/1000").status_code == 401


def test_list_has_own_tasks_only(ada, grace, task_of_grace):
    """GET /tasks lists only the tasks whose owner is the claim sub of the token."""
    assert {task["owner"] for task in ada.get("/tasks").json} == {"ada"}
    assert task_of_grace in {f"/tasks/{task['id']}" for task in grace.get("/tasks").json}


def test_list_ignores_owner_in_url(ada, task_of_grace):
    """GET /tasks ignores an owner in the URL: `/tasks?owner=grace` lists the tasks of the caller too."""
    assert ada.get("/tasks?owner=grace").json == ada.get("/tasks").json


def test_task_of_other_user_is_not_found(ada, task_of_grace):
    """GET /tasks/ID responds 404 for a task of another user, and not 403."""
    assert ada.get(task_of_grace).status_code == 404


def test_response_does_not_show_that_task_exists(ada, task_of_grace):
    """GET /tasks/ID responds to the id of another user's task exactly as to an id that does not exist."""
    other, unknown = ada.get(task_of_grace), ada.get("/tasks/123456")
    assert (other.status_code, other.data) == (unknown.status_code, unknown.data)


def test_task_of_other_user_is_not_changed(ada, grace, task_of_grace):
    """PATCH /tasks/ID responds 404 for a task of another user, and changes nothing."""
    assert ada.patch(task_of_grace, json={"title": "Mine"}).status_code == 404
    assert grace.get(task_of_grace).json["title"] == "Call the bank"


def test_task_of_other_user_is_not_deleted(ada, grace, task_of_grace):
    """DELETE /tasks/ID responds 404 for a task of another user, and deletes nothing."""
    assert ada.delete(task_of_grace).status_code == 404
    assert grace.get(task_of_grace).status_code == 200


def test_administrator_is_no_exception(ada, grace):
    """GET /tasks/ID responds 404 to an administrator too, if the task is that of another user."""
    path = f"/tasks/{ada.post('/tasks', json={'title': 'Write note G'}).json['id']}"
    assert grace.get(path).status_code == 404


@pytest.mark.parametrize("extra", [{"owner": "grace"}, {"id": 1}])
def test_new_task_belongs_to_caller(ada, extra):
    """POST /tasks takes only the title from the body: the owner is the caller, and the id is a new one."""
    before = {task["id"] for task in ada.get("/tasks").json} | {1}
    task = ada.post("/tasks", json={"title": "Learn", **extra}).json
    assert (task["owner"], task["title"]) == ("ada", "Learn")
    assert task["id"] not in before


@pytest.mark.parametrize("extra", [{"owner": "grace"}, {"id": 1}])
def test_change_keeps_owner_and_id(ada, extra):
    """PATCH /tasks/ID takes only the title from the body: owner and id stay."""
    task = ada.post("/tasks", json={"title": "Learn"}).json
    changed = ada.patch(f"/tasks/{task['id']}", json={"title": "Teach", **extra}).json
    assert changed == {**task, "title": "Teach"}


@pytest.mark.parametrize("body", [{}, {"title": 5}, [], None])
def test_task_without_title_is_rejected(ada, body):
    """POST /tasks responds 400 to a body that is not an object with the text title."""
    assert ada.post("/tasks", json=body).status_code == 400


def test_owner_changes_and_deletes_task(ada):
    """The owner of a task can change and delete it: PATCH responds 200, DELETE 204, and then GET 404."""
    path = f"/tasks/{ada.post('/tasks', json={'title': 'Learn'}).json['id']}"
    responses = ada.patch(path, json={"title": "Teach"}), ada.delete(path), ada.get(path)
    assert [response.status_code for response in responses] == [200, 204, 404]
