"""Attacks of lesson 6, tried on app.py."""

from app import app


def client_of(username, password):
    """Return a client that sends the token of a user with each request."""
    client = app.test_client()
    token = client.post("/login", json={"username": username, "password": password}).json["token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def write_as_viewer():
    """Add a task as a viewer. The page of a viewer has no button for it, but a request needs no button."""
    return client_of("mary", "connexion of sciences").post("/tasks", json={"title": "Learn"}).status_code == 201


def list_users_as_editor():
    """Read the list of all users as an editor, to know whose password to guess."""
    return client_of("ada", "analytical engine").get("/users").status_code == 200


def register_as_administrator():
    """Register with one more member in the body."""
    account = {"username": "charles", "password": "difference engine"}
    app.test_client().post("/register", json={**account, "role": "admin"})
    return any(user == {"username": "charles", "role": "admin"} for user in read_users())


def read_users():
    """Return the list of the users, as an administrator reads it."""
    return client_of("grace", "nanoseconds of wire").get("/users").json


for attack in (write_as_viewer, list_users_as_editor, register_as_administrator):
    print(f"{attack.__name__}: {'succeeds' if attack() else 'fails'}")
