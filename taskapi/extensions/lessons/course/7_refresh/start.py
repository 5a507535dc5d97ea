"""A service whose login lasts 30 days, in 40 lines."""

import secrets
import time

import jwt
from flask import Flask, abort, request
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.config["KEY"] = secrets.token_bytes(32)
app.config["TOKEN_SECONDS"], app.config["SESSION_SECONDS"] = 900, 30 * 86400
USERS = {"ada": generate_password_hash("analytical engine")}


def issue_token(username, seconds):
    """Return a token that expires after this number of seconds."""
    claims = {"sub": username, "exp": int(time.time()) + seconds}
    return jwt.encode(claims, app.config["KEY"], algorithm="HS256")


def read_token(token):
    """Return the username of a token. Responds 401 if the token is not valid."""
    try:
        return jwt.decode(token, app.config["KEY"], algorithms=["HS256"], options={"require": ["sub", "exp"]})["sub"]
    except jwt.InvalidTokenError:
        abort(401)


@app.post("/login")
def login():
    """Return an access token and a refresh token for a username and a password."""
    username, password = request.json["username"], request.json["password"]
    if username not in USERS or not check_password_hash(USERS[username], password):
        abort(401)
    long_token = issue_token(username, app.config["SESSION_SECONDS"])
    return {"access_token": issue_token(username, app.config["TOKEN_SECONDS"]), "refresh_token": long_token}


@app.post("/refresh")
def refresh():
    """Return a new access token for a refresh token."""
    username = read_token(request.json["refresh_token"])
    return {"access_token": issue_token(username, app.config["TOKEN_SECONDS"])}


@app.get("/me")
def show_me():
    """Show the current user."""
    return {"username": read_token(request.headers.get("Authorization", "").removeprefix("Bearer "))}
