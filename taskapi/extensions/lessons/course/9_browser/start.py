"""A service for a page: the token is in a cookie."""

import secrets
import time

import jwt
from flask import Flask, abort, request
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.config["KEY"], app.config["TOKEN_SECONDS"] = secrets.token_bytes(32), 900
app.config["COOKIE_SECURE"] = False  # True in production, where the service is reached by HTTPS
USERS = {"ada": generate_password_hash("analytical engine")}
TASKS = []


def current_claims():
    """Return the claims of the token in the header Authorization, or else in the cookie. Otherwise respond 401."""
    header = request.headers.get("Authorization", "")
    token = header.removeprefix("Bearer ") if header else request.cookies.get("token", "")
    try:
        return jwt.decode(token, app.config["KEY"], algorithms=["HS256"], options={"require": ["sub", "exp"]})
    except jwt.InvalidTokenError:
        abort(401)


@app.after_request
def allow_other_origins(response):
    """Let pages of all origins use the service."""
    response.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "*")
    response.headers["Access-Control-Allow-Credentials"] = "true"
    response.headers["Access-Control-Allow-Headers"] = "Content-Type"
    return response


@app.post("/login")
def login():
    """Put a token into a cookie."""
    username, password = request.json["username"], request.json["password"]
    if username not in USERS or not check_password_hash(USERS[username], password):
        abort(401)
    claims = {"sub": username, "exp": int(time.time()) + app.config["TOKEN_SECONDS"]}
    token = jwt.encode(claims, app.config["KEY"], algorithm="HS256")
    response = app.json.response(token=token)
    response.set_cookie("token", token, max_age=app.config["TOKEN_SECONDS"])
    return response


@app.get("/")
def show_page():
    """Show the tasks of the current user as a page."""
    username = current_claims()["sub"]
    items = "".join(f"<li>{task['title']}</li>" for task in TASKS if task["owner"] == username)
    return f"<!doctype html><title>Tasks</title><h1>Tasks of {username}</h1><ul>{items}</ul>"


@app.post("/tasks")
def add_task():
    """Add a task of the current user, from a form or from JSON."""
    task = {"owner": current_claims()["sub"], "title": request.form.get("title") or request.json["title"]}
    TASKS.append(task)
    return task, 201
