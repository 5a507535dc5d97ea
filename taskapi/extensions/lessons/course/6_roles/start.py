"""A service with a login, tasks of each user, and registration."""

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
    "mary": {"password_hash": generate_password_hash("connexion of sciences"), "role": "viewer"},
}
TASKS = {}


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


@app.post("/register")
def register():
    """Create an account, and show it."""
    username, password = read_text("username"), read_text("password")
    if username in USERS:
        abort(409, "The username is taken.")
    USERS[username] = {"password_hash": generate_password_hash(password), "role": request.json.get("role", "editor")}
    return {"username": username, "role": USERS[username]["role"]}, 201


@app.get("/users")
def list_users():
    """List all users with their roles."""
    current_claims()
    return [{"username": name, "role": user["role"]} for name, user in USERS.items()]


@app.get("/tasks")
def list_tasks():
    """List the tasks of the current user."""
    username = current_claims()["sub"]
    return [task for task in TASKS.values() if task["owner"] == username]


@app.post("/tasks")
def add_task():
    """Add a task of the current user."""
    username, title = current_claims()["sub"], read_text("title")
    task = {"id": max(TASKS, default=0) + 1, "owner": username, "title": title}
    TASKS[task["id"]] = task
    return task, 201


@app.delete("/tasks/<int:task_id>")
def delete_task(task_id):
    """Delete a task of the current user."""
    del TASKS[get_own_task_or_404(task_id)["id"]]
    return "", 204


def get_own_task_or_404(task_id):
    """Return a task of the current user. Responds 404 for a task of another user, as if it did not exist."""
    username = current_claims()["sub"]
    task = TASKS.get(task_id)
    if task is None or task["owner"] != username:
        abort(404, "There is no such task.")
    return task
