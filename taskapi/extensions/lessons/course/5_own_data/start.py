"""A service with a login and tasks."""

import secrets
import time

import jwt
from flask import Flask, abort, request
from werkzeug.exceptions import HTTPException
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.config["KEY"] = secrets.token_bytes(32)  # a new one at each start; lesson 4 reads it from the environment
app.config["TOKEN_SECONDS"] = 900
ISSUER, AUDIENCE = "lessons", "lessons"
ALL = {"require": ["iss", "aud", "sub", "role", "iat", "exp"]}  # PyJWT checks other claims only if they exist

USERS = {
    "ada": {"password_hash": generate_password_hash("analytical engine"), "role": "editor"},
    "grace": {"password_hash": generate_password_hash("nanoseconds of wire"), "role": "admin"},
}
TASKS = {
    1: {"id": 1, "owner": "grace", "title": "Call the bank"},
    2: {"id": 2, "owner": "ada", "title": "Write note G"},
}


@app.errorhandler(HTTPException)
def respond_error(error):
    """Respond with an error as JSON. A 401 names the scheme that the service accepts (RFC 9110, section 11.6.1)."""
    return {"error": error.description}, error.code, {"WWW-Authenticate": "Bearer"} if error.code == 401 else {}


def issue_token(claims):
    """Return a signed token."""
    now = int(time.time())
    times = {"iat": now, "exp": now + app.config["TOKEN_SECONDS"]}
    return jwt.encode({"iss": ISSUER, "aud": AUDIENCE, **times, **claims}, app.config["KEY"], algorithm="HS256")


def current_claims():
    """Return the claims of the token in the header Authorization. Without a valid token the response is 401."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        claims = jwt.decode(
            token, app.config["KEY"], algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE, options=ALL
        )
    except jwt.InvalidTokenError:
        abort(401, "The token is missing or not valid.")
    if scheme.lower() != "bearer" or claims["sub"] not in USERS:
        abort(401, "The token is not one for this service.")
    return claims


def read_text(name):
    """Return a text in the JSON object of the request. Otherwise the response is 400."""
    body = request.get_json(silent=True)
    text = body.get(name) if isinstance(body, dict) else None
    if not isinstance(text, str) or not text:
        abort(400, f"Send a JSON object with the text {name}.")
    return text


@app.post("/login")
def login():
    """Return a token for a username and a password."""
    username, password = read_text("username"), read_text("password")
    user = USERS.get(username)
    if user is None or not check_password_hash(user["password_hash"], password):
        abort(401, "The username or the password is wrong.")
    return {"token": issue_token({"sub": username, "role": user["role"]})}


@app.get("/tasks")
def list_tasks():
    """List the tasks of the owner in the URL."""
    current_claims()
    owner = request.args.get("owner")
    return [task for task in TASKS.values() if owner in (None, task["owner"])]


@app.post("/tasks")
def add_task():
    """Add a task."""
    claims = current_claims()
    task = {"id": max(TASKS, default=0) + 1, "owner": claims["sub"], **request.get_json()}
    TASKS[task["id"]] = task
    return task, 201


@app.get("/tasks/<int:task_id>")
def show_task(task_id):
    """Show a task."""
    current_claims()
    return get_task_or_404(task_id)


@app.patch("/tasks/<int:task_id>")
def change_task(task_id):
    """Change a task."""
    current_claims()
    task = get_task_or_404(task_id)
    task.update(request.get_json())
    return task


@app.delete("/tasks/<int:task_id>")
def delete_task(task_id):
    """Delete a task."""
    current_claims()
    del TASKS[get_task_or_404(task_id)["id"]]
    return "", 204


def get_task_or_404(task_id):
    """Return a task. Responds 404 if it does not exist."""
    return TASKS.get(task_id) or abort(404, "There is no such task.")
