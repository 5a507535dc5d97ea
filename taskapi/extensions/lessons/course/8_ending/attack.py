"""Attacks of lesson 8, tried on app.py."""

from app import app

PASSWORDS = {"ada": "analytical engine", "grace": "nanoseconds of wire"}


def log_in(username):
    """Return a new token of a user."""
    response = app.test_client().post("/login", json={"username": username, "password": PASSWORDS[username]})
    return response.json["token"]


def send(token, method, path, json=None):
    """Return the status of the response to a request with a token."""
    header = {"Authorization": f"Bearer {token}"}
    return app.test_client().open(path, method=method, headers=header, json=json).status_code


def use_token_after_logout():
    """Copy a token from a shared computer. Then the user logs out there."""
    token = log_in("ada")
    send(token, "POST", "/logout")
    return send(token, "GET", "/me") == 200


def stay_when_user_logs_out_everywhere():
    """Copy a token. The user finds out, and logs out on all devices."""
    stolen = log_in("ada")
    send(log_in("ada"), "POST", "/logout/all")
    return send(stolen, "GET", "/me") == 200


def restore_own_role():
    """Log in as the administrator ada, who is dismissed. Use the old token to become an administrator again."""
    old = log_in("ada")
    send(log_in("grace"), "PUT", "/users/ada/role", {"role": "viewer"})
    return send(old, "PUT", "/users/ada/role", {"role": "admin"}) == 204


for attack in (use_token_after_logout, stay_when_user_logs_out_everywhere, restore_own_role):
    print(f"{attack.__name__}: {'succeeds' if attack() else 'fails'}")
