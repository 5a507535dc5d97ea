"""A service with a login, strictly verified tokens, and a key from outside."""

import hmac
import json
import os
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

from flask import Flask, request
from werkzeug.security import check_password_hash, generate_password_hash

WELL_KNOWN = ("secret", "password", "change", "example", "default", "256-bit")


def load_key(environ):
    """Return the key from the environment, or from a file that it names. A missing or weak key stops the start."""
    key = environ.get("LESSON_KEY", "")
    if file := environ.get("LESSON_KEY_FILE"):
        key = Path(file).read_text().strip()  # editors and `echo` add a newline
    if len(key.encode()) < 32:
        raise SystemExit("LESSON_KEY must have at least 32 bytes. Or let LESSON_KEY_FILE name a file with the key.")
    if len(set(key)) < 8 or any(word in key.lower() for word in WELL_KNOWN):
        raise SystemExit("LESSON_KEY is easily guessed. Create a random key.")
    if key.startswith("-----BEGIN"):
        raise SystemExit("LESSON_KEY is a PEM file, which contains a key of a key pair and is not a secret for HMAC.")
    return key.encode()


app = Flask(__name__)
app.config["KEY"] = load_key(os.environ)
app.config["TOKEN_SECONDS"] = 900
ISSUER, AUDIENCE = "lessons", "lessons"

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


def encode(data):
    """Return bytes in base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def decode(text):
    """Return the bytes of a text in base64url. Raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sign_hs256(text):
    """Return the HMAC of a text with SHA-256 and the key of the service."""
    return hmac.digest(app.config["KEY"], text.encode(), "sha256")


def is_whole(value):
    """Return whether a value is a whole number."""
    return isinstance(value, int)


HEADER = {"alg": "HS256", "typ": "JWT"}
CLAIMS = {
    "iss": lambda value: value == ISSUER,
    "aud": lambda value: value == AUDIENCE,
    "sub": lambda value: isinstance(value, str) and value in USERS,
    "role": lambda value: value in ("editor", "admin"),
    "iat": is_whole,
    "exp": is_whole,
}  # each claim that a token must have, and the check of its value


def issue_token(user_claims):
    """Return a signed token in three parts: header, claims, signature."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + app.config["TOKEN_SECONDS"], **user_claims}
    text = f"{encode(json.dumps(HEADER).encode())}.{encode(json.dumps(claims).encode())}"
    return f"{text}.{encode(sign_hs256(text))}"


def read_token(token):
    """Return the claims of a valid token. Raises ValueError."""
    text, _, signature = token.rpartition(".")
    header, claims = (json.loads(decode(part)) for part in text.split("."))
    if header != HEADER or not isinstance(claims, dict):
        raise ValueError("the header is not the one that this service writes, or the claims are not an object")
    if not hmac.compare_digest(sign_hs256(text), decode(signature)):
        raise ValueError("the signature is wrong")
    check_claims(claims)
    return claims


def check_claims(claims):
    """Check each claim, and the time. Raises ValueError."""
    for name, is_valid in CLAIMS.items():
        if name not in claims or not is_valid(claims[name]):
            raise ValueError(f"the claim {name} is missing or not accepted")
    if not 0 < claims["exp"] - claims["iat"] <= app.config["TOKEN_SECONDS"]:
        raise ValueError("the lifetime is too long")
    if not claims["iat"] <= time.time() < claims["exp"]:
        raise ValueError("the token has expired, or is from the future")


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
