"""A service with a login, a logout that does nothing, and roles, in 40 lines."""

import secrets
import time

import jwt
from flask import Flask, abort, request
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.config["KEY"] = secrets.token_bytes(32)
USERS = {"ada": {"password_hash": generate_password_hash("analytical engine"), "role": "admin"}}
USERS["grace"] = {"password_hash": generate_password_hash("nanoseconds of wire"), "role": "admin"}


def current_claims():
    """Return the claims of the token in the header Authorization. Without a valid token the response is 401."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        return jwt.decode(token, app.config["KEY"], algorithms=["HS256"], options={"require": ["sub", "role", "exp"]})
    except jwt.InvalidTokenError:
        abort(401)


@app.post("/login")
def login():
    """Return a token for a username and a password."""
    user = USERS.get(request.json["username"])
    if user is None or not check_password_hash(user["password_hash"], request.json["password"]):
        abort(401)
    claims = {"sub": request.json["username"], "role": user["role"], "exp": int(time.time()) + 900}
    return {"token": jwt.encode(claims, app.config["KEY"], algorithm="HS256")}


@app.post("/logout")
def logout():
    """Let the client delete its token."""
    return "", 204


@app.get("/me")
def show_me():
    """Show the current user."""
    return {"username": current_claims()["sub"], "role": current_claims()["role"]}


@app.put("/users/<username>/role")
def change_role(username):
    """Change the role of a user. Only an administrator may do that."""
    if current_claims()["role"] != "admin":
        abort(403)
    USERS[username]["role"] = request.json["role"]
    return "", 204
