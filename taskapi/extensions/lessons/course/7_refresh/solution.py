"""A service whose login lasts 30 days, and whose refresh tokens are used once."""

import hashlib
import secrets
import time

import jwt
from flask import Flask, abort, request
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.config["KEY"] = secrets.token_bytes(32)
app.config["TOKEN_SECONDS"], app.config["SESSION_SECONDS"] = 900, 30 * 86400
USERS = {"ada": generate_password_hash("analytical engine")}
SESSIONS = {}  # by id: the username, and when the session ends
TOKENS = {}  # by the SHA-256 of a refresh token: its session, and whether it is spent


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


def issue_pair(session_id):
    """Return an access token and a refresh token of a session."""
    refresh_token = secrets.token_urlsafe(32)
    TOKENS[digest_of(refresh_token)] = {"session_id": session_id, "spent": False}
    access_token = issue_token(SESSIONS[session_id]["username"], app.config["TOKEN_SECONDS"])
    return {"access_token": access_token, "refresh_token": refresh_token}


def digest_of(token):
    """Return the SHA-256 of a token. The service stores no token that a thief of the database could use."""
    return hashlib.sha256(token.encode()).hexdigest()


@app.post("/login")
def login():
    """Start a session for a username and a password."""
    username, password = request.json["username"], request.json["password"]
    if username not in USERS or not check_password_hash(USERS[username], password):
        abort(401)
    session_id = secrets.token_hex(16)
    SESSIONS[session_id] = {"username": username, "ends_at": time.time() + app.config["SESSION_SECONDS"]}
    return issue_pair(session_id)


@app.post("/refresh")
def refresh():
    """Spend a refresh token, and return its successor. The second use of a token ends its session."""
    found = TOKENS.get(digest_of(request.json["refresh_token"]))
    session = SESSIONS.get(found["session_id"]) if found else None
    if session is None or session["ends_at"] <= time.time():
        abort(401)
    if found["spent"]:
        del SESSIONS[found["session_id"]]
        abort(401)
    found["spent"] = True
    return issue_pair(found["session_id"])


@app.get("/me")
def show_me():
    """Show the current user."""
    return {"username": read_token(request.headers.get("Authorization", "").removeprefix("Bearer "))}
