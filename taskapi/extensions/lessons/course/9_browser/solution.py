"""A service for a page: the token is in a cookie that scripts and other sites cannot use."""

import hmac
import secrets
import time

import jwt
from flask import Flask, abort, request
from markupsafe import escape
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.config["KEY"], app.config["TOKEN_SECONDS"] = secrets.token_bytes(32), 900
app.config["COOKIE_SECURE"] = False  # True in production, where the service is reached by HTTPS
ORIGINS = {"http://127.0.0.1:5173"}  # whose pages may use the service
USERS = {"ada": generate_password_hash("analytical engine")}
TASKS = []


def current_claims():
    """Return the claims of the token in the header Authorization, or else in the cookie. Otherwise respond 401 or 403.

    A browser sends the cookie also when another site makes it send a request. That site does not know the CSRF value.
    """
    header = request.headers.get("Authorization", "")
    token = header.removeprefix("Bearer ") if header else request.cookies.get("token", "")
    try:
        claims = jwt.decode(token, app.config["KEY"], algorithms=["HS256"], options={"require": ["sub", "exp", "csrf"]})
    except jwt.InvalidTokenError:
        abort(401)
    if not header and request.method not in {"GET", "HEAD"}:
        given = request.headers.get("X-CSRF-Token", "")
        if not hmac.compare_digest(given.encode(), claims["csrf"].encode()):
            abort(403)
    return claims


@app.after_request
def protect(response):
    """Let pages of the listed origins read responses, and run no script that is in a page."""
    origin = request.headers.get("Origin")
    response.vary.add("Origin")
    if origin in ORIGINS:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type, X-CSRF-Token"
    response.headers["Content-Security-Policy"] = "default-src 'self'"
    return response


@app.post("/login")
def login():
    """Put a token into a cookie, and return its CSRF value."""
    username, password = request.json["username"], request.json["password"]
    if username not in USERS or not check_password_hash(USERS[username], password):
        abort(401)
    csrf = secrets.token_urlsafe(24)
    claims = {"sub": username, "exp": int(time.time()) + app.config["TOKEN_SECONDS"], "csrf": csrf}
    response = app.json.response(csrf=csrf)
    response.set_cookie(
        "token",
        jwt.encode(claims, app.config["KEY"], algorithm="HS256"),
        max_age=app.config["TOKEN_SECONDS"],
        httponly=True,
        samesite="Strict",
        secure=app.config["COOKIE_SECURE"],
    )
    return response


@app.get("/")
def show_page():
    """Show the tasks of the current user as a page."""
    username = current_claims()["sub"]
    items = "".join(f"<li>{escape(task['title'])}</li>" for task in TASKS if task["owner"] == username)
    return f"<!doctype html><title>Tasks</title><h1>Tasks of {escape(username)}</h1><ul>{items}</ul>"


@app.post("/tasks")
def add_task():
    """Add a task of the current user, from a form or from JSON."""
    task = {"owner": current_claims()["sub"], "title": request.form.get("title") or request.json["title"]}
    TASKS.append(task)
    return task, 201
