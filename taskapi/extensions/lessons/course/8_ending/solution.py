"""A service whose tokens end before they expire: by logout, on all devices, and with a changed role."""

import secrets
import time

import jwt
from flask import Flask, abort, request
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.config["KEY"] = secrets.token_bytes(32)
USERS = {"ada": {"password_hash": generate_password_hash("analytical engine"), "role": "admin", "epoch": 0}}
USERS["grace"] = {"password_hash": generate_password_hash("nanoseconds of wire"), "role": "admin", "epoch": 0}
DENYLIST = {}  # by the jti of a revoked token: when that token expires
REQUIRED = {"require": ["sub", "role", "jti", "epoch", "exp"]}


def current_claims():
    """Return the claims of the token in the header Authorization. Without a valid token the response is 401."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        claims = jwt.decode(token, app.config["KEY"], algorithms=["HS256"], options=REQUIRED)
    except jwt.InvalidTokenError:
        abort(401)
    user = USERS.get(claims["sub"])
    if user is None or user["epoch"] != claims["epoch"] or claims["jti"] in DENYLIST:
        abort(401)
    return claims


@app.post("/login")
def login():
    """Return a token for a username and a password."""
    user = USERS.get(request.json["username"])
    if user is None or not check_password_hash(user["password_hash"], request.json["password"]):
        abort(401)
    claims = {
        "sub": request.json["username"],
        "role": user["role"],
        "jti": secrets.token_hex(16),
        "epoch": user["epoch"],
        "exp": int(time.time()) + 900,
    }
    return {"token": jwt.encode(claims, app.config["KEY"], algorithm="HS256")}


@app.post("/logout")
def logout():
    """Revoke the token, and delete the entries of tokens that have expired."""
    claims = current_claims()
    for jti in [jti for jti, expires_at in DENYLIST.items() if expires_at <= time.time()]:
        del DENYLIST[jti]
    DENYLIST[claims["jti"]] = claims["exp"]
    return "", 204


@app.post("/logout/all")
def logout_everywhere():
    """Revoke all tokens of the user."""
    USERS[current_claims()["sub"]]["epoch"] += 1
    return "", 204


@app.get("/me")
def show_me():
    """Show the current user."""
    claims = current_claims()
    return {"username": claims["sub"], "role": claims["role"]}


@app.put("/users/<username>/role")
def change_role(username):
    """Change the role of a user, and revoke the tokens with the old role. Only an administrator may do that."""
    if current_claims()["role"] != "admin":
        abort(403)
    user = USERS.get(username) or abort(404)
    user["role"] = request.json["role"]
    user["epoch"] += 1
    return "", 204
