"""A service whose secret other services need to verify its tokens, in 40 lines."""

import secrets
import time
from base64 import urlsafe_b64encode

import jwt
from flask import Flask, abort, request
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
USERS = {"ada": {"password_hash": generate_password_hash("analytical engine"), "role": "editor"}}
KEYS = {}  # by id: the algorithm, and the keys that sign and verify; the last one signs


def rotate():
    """Sign with a new key. Old keys stay, so that old tokens stay valid."""
    secret = secrets.token_bytes(32)
    KEYS[secrets.token_hex(8)] = {"alg": "HS256", "private": secret, "public": secret}


@app.post("/login")
def login():
    """Return a token for a username and a password."""
    user = USERS.get(request.json["username"])
    if user is None or not check_password_hash(user["password_hash"], request.json["password"]):
        abort(401)
    claims = {"sub": request.json["username"], "role": user["role"], "exp": int(time.time()) + 900}
    return {"token": jwt.encode(claims, [*KEYS.values()][-1]["private"], algorithm="HS256")}


@app.get("/me")
def show_me():
    """Show the current user."""
    for key in KEYS.values():
        try:
            return jwt.decode(request.headers.get("Authorization", "")[7:], key["public"], algorithms=["HS256"])
        except jwt.InvalidTokenError:
            continue
    abort(401)


@app.get("/.well-known/jwks.json")
def show_keys():
    """Show the keys with which other services verify tokens."""
    return {"keys": [{"kty": "oct", "k": urlsafe_b64encode(key["public"]).decode()} for key in KEYS.values()]}


rotate()
