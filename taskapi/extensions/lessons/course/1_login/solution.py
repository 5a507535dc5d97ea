"""A service with a login."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from flask import Flask, request
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)

USERS = {
    "ada": {"password_hash": generate_password_hash("analytical engine"), "role": "editor"},
    "grace": {"password_hash": generate_password_hash("nanoseconds of wire"), "role": "admin"},
}


class Unauthorized(Exception):
    """The request has no valid token, or a login has no valid password."""


@app.errorhandler(Unauthorized)
def respond_unauthorized(error):
    """Respond 401, and name the scheme that the service accepts (RFC 9110, section 11.6.1)."""
    return {"error": str(error)}, 401, {"WWW-Authenticate": "Bearer"}


def issue_token(claims):
    """Return a token: the claims as JSON, in base64url."""
    return urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def read_token(token):
    """Return the claims of a token. Raises ValueError."""
    claims = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    if not isinstance(claims, dict) or not {"sub", "role"} <= claims.keys():
        raise ValueError("not the claims of a token")
    return claims


def current_claims():
    """Return the claims of the token in the header Authorization. Without a valid token the response is 401."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("Send a token in the header Authorization.")
    try:
        return read_token(token)
    except (ValueError, RecursionError):
        raise Unauthorized("The token is not valid.") from None


@app.post("/login")
def login():
    """Return a token for a username and a password."""
    body = request.get_json(silent=True)
    username, password = (body.get("username"), body.get("password")) if isinstance(body, dict) else (None, None)
    if not isinstance(username, str) or not isinstance(password, str):
        return {"error": "Send a JSON object with username and password."}, 400
    user = USERS.get(username)
    if user is None or not check_password_hash(user["password_hash"], password):
        raise Unauthorized("The username or the password is wrong.")
    return {"token": issue_token({"sub": username, "role": user["role"]})}


@app.get("/me")
def show_me():
    """Show the current user."""
    claims = current_claims()
    return {"username": claims["sub"], "role": claims["role"]}
