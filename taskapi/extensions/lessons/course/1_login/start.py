"""A service with a login."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from flask import Flask, request
from werkzeug.security import generate_password_hash

app = Flask(__name__)

USERS = {
    "ada": {"password_hash": generate_password_hash("analytical engine"), "role": "editor"},
    "grace": {"password_hash": generate_password_hash("nanoseconds of wire"), "role": "admin"},
}


def issue_token(claims):
    """Return a token: the claims as JSON, in base64url."""
    return urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def read_token(token):
    """Return the claims of a token."""
    return json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))


@app.post("/login")
def login():
    """Return a token for a username and a password."""
    username = request.json["username"]
    return {"token": issue_token({"sub": username, "role": USERS[username]["role"]})}


@app.get("/me")
def show_me():
    """Show the current user."""
    token = request.args.get("token")
    claims = read_token(token) if token else {"sub": "guest", "role": "none"}
    return {"username": claims["sub"], "role": claims["role"]}
