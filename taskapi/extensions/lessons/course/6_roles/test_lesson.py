"""The tests of lesson 6. The docstring of each test says what the service must do."""

import runpy
import secrets

import jwt
import pytest
from app import app

PASSWORDS = {"mary": "connexion of sciences", "ada": "analytical engine", "grace": "nanoseconds of wire"}
VIEWER, EDITOR, ADMIN = "mary", "ada", "grace"
# Who may use each route; 404 means allowed, because there is no such task
MATRIX = {
    ("GET", "/tasks"): {VIEWER: 200, EDITOR: 200, ADMIN: 200},
    ("POST", "/tasks"): {VIEWER: 403, EDITOR: 201, ADMIN: 201},
    ("DELETE", "/tasks/123456"): {VIEWER: 403, EDITOR: 404, ADMIN: 404},
    ("GET", "/users"): {VIEWER: 403, EDITOR: 403, ADMIN: 200},
}


def log_in(username, password):
    """Return a client that sends the token of a user with each request."""
    return client_of(app.test_client().post("/login", json={"username": username, "password": password}).json["token"])


def client_of(token):
    """Return a client that sends a token with each request."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


@pytest.fixture(scope="module")
def clients():
    """Return a client of each user."""
    return {username: log_in(username, password) for username, password in PASSWORDS.items()}


@pytest.fixture(scope="module")
def new_user():
    """Return a client of a user who has asked for the role admin, and the response to the registration."""
    username = f"user-{secrets.token_hex(4)}"
    account = {"username": username, "password": "difference engine"}
    response = app.test_client().post("/register", json={**account, "role": "admin"})
    return log_in(username, account["password"]), response


@pytest.mark.parametrize(("method", "path"), MATRIX)
def test_request_without_token_is_401(method, path):
    """Each route except POST /login and POST /register responds 401 without a token, and not 403."""
    assert app.test_client().open(path, method=method, json={"title": "Learn"}).status_code == 401


@pytest.mark.parametrize(("method", "path"), MATRIX)
def test_viewer_has_permissions_of_role(clients, method, path):
    """A viewer may read tasks, and gets 403 from POST /tasks, DELETE /tasks/ID and GET /users."""
    response = clients[VIEWER].open(path, method=method, json={"title": "Learn"})
    assert response.status_code == MATRIX[method, path][VIEWER]


@pytest.mark.parametrize(("method", "path"), MATRIX)
def test_editor_has_permissions_of_role(clients, method, path):
    """An editor may read and write tasks, and gets 403 from GET /users."""
    response = clients[EDITOR].open(path, method=method, json={"title": "Learn"})
    assert response.status_code == MATRIX[method, path][EDITOR]


@pytest.mark.parametrize(("method", "path"), MATRIX)
def test_administrator_has_permissions_of_role(clients, method, path):
    """An administrator may do everything that an editor may, and list the users."""
    response = clients[ADMIN].open(path, method=method, json={"title": "Learn"})
    assert response.status_code == MATRIX[method, path][ADMIN]


def test_role_in_body_is_ignored(new_user):
    """POST /register ignores a role in the body: new users are viewers."""
    client, response = new_user
    assert response.status_code == 201
    assert response.json["role"] == "viewer"
    assert client.get("/users").status_code == 403


def test_role_in_url_is_ignored(clients):
    """GET /users ignores a role in the URL or in a header of its own: the role is that of the token."""
    assert clients[VIEWER].get("/users?role=admin", headers={"X-Role": "admin"}).status_code == 403


def test_permission_is_checked_before_body(clients):
    """POST /tasks responds 403 to a viewer even if the body is wrong, because the permission is checked first."""
    assert clients[VIEWER].post("/tasks", data="{").status_code == 403


def test_unknown_role_grants_nothing(clients):
    """A token with an unknown role gets 403 from GET /tasks, and not 200 or 500."""
    token = clients[EDITOR].environ_base["HTTP_AUTHORIZATION"].split()[1]
    claims = jwt.decode(token, options={"verify_signature": False})
    unknown = jwt.encode({**claims, "role": "owner"}, app.config["KEY"], algorithm="HS256")
    assert client_of(unknown).get("/tasks").status_code == 403


def test_unknown_path_is_404(clients):
    """A path that does not exist responds 404."""
    assert clients[EDITOR].get("/nothing").status_code == 404


def test_route_without_declaration_is_403():
    """A route that nobody has declared anything for responds 403 to all, an administrator included."""
    fresh = runpy.run_path("app.py")["app"]
    fresh.add_url_rule("/forgotten", view_func=lambda: "open to all")
    client = fresh.test_client()
    token = client.post("/login", json={"username": ADMIN, "password": PASSWORDS[ADMIN]}).json["token"]
    assert client.get("/forgotten", headers={"Authorization": f"Bearer {token}"}).status_code == 403


def test_tasks_still_belong_to_their_owner(clients):
    """DELETE /tasks/ID still responds 404 for a task of another user."""
    task = clients[ADMIN].post("/tasks", json={"title": "Call the bank"}).json
    assert clients[EDITOR].delete(f"/tasks/{task['id']}").status_code == 404
