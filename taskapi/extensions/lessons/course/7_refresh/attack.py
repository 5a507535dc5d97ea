"""Attacks of lesson 7, tried on app.py. The thief has copied one refresh token of ada."""

from app import app

client = app.test_client()


def log_in():
    """Return a refresh token of a new session of ada."""
    return client.post("/login", json={"username": "ada", "password": "analytical engine"}).json["refresh_token"]


def refresh(token):
    """Return the refresh token to use next, or None if the service rejects this one."""
    response = client.post("/refresh", json={"refresh_token": token})
    return response.json.get("refresh_token", token) if response.status_code == 200 else None


def refresh_before_user():
    """Use the copy first, and stay logged in after the user has used the token."""
    stolen = log_in()
    of_thief = refresh(stolen)
    refresh(stolen)  # the user
    return refresh(of_thief) is not None


def refresh_after_user():
    """Use the copy when the user has used the token already."""
    stolen = log_in()
    refresh(stolen)  # the user
    return refresh(stolen) is not None


def use_refresh_token_as_access_token():
    """Send the refresh token to GET /me. It is valid for 30 days and not only for 15 minutes."""
    return client.get("/me", headers={"Authorization": f"Bearer {log_in()}"}).status_code == 200


for attack in (refresh_before_user, refresh_after_user, use_refresh_token_as_access_token):
    print(f"{attack.__name__}: {'succeeds' if attack() else 'fails'}")
