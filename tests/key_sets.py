"""Key sets for the tests: keys in every state, key set files, and applications with a key set."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from flask import Flask
from flask.testing import FlaskClient

from taskapi.security.keys import ALGORITHMS, key_set, rotation, sources
from taskapi.security.keys.key import State, generate_key, public_part, to_jwk
from tests.conftest import PASSWORD, AppFactory

ASYMMETRIC = [alg for alg, kind in ALGORITHMS.items() if kind.kty != "oct"]
GOOD = (200, None)
REFUSED = (401, "token_invalid")


class KeySetFile:
    """A key set file and the changes of its keys."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, *members: dict[str, Any]) -> None:
        self.path.write_text(key_set.format_members(list(members)), encoding="utf-8")

    def change(self, change: Callable[..., Any], *arguments: Any) -> str:
        changed: dict[str, Any] = rotation.rewrite_file(self.path, lambda members: change(members, *arguments))
        return str(changed["kid"])

    def stage(self, alg: str) -> str:
        return self.change(rotation.add_key, new_key(alg, "staged"))

    def states(self) -> dict[str, str]:
        return {member["kid"]: member["state"] for member in json.loads(self.path.read_text())["keys"]}


def new_key(alg: str, state: str = "signing", *, use: str = "sig") -> dict[str, Any]:
    """Return a new private key as a member of a key set."""
    return rotation.new_member(generate_key(alg), State(state), alg=alg, use=rotation.Use(use))


def public(member: dict[str, Any]) -> dict[str, Any]:
    """Return the public part of a key, for a verifier."""
    return {**public_part(member), "state": "staged" if member["state"] == "staged" else "verifying"}


@pytest.fixture
def key_set_file(tmp_path: Path) -> KeySetFile:
    return KeySetFile(tmp_path / "keys.json")


@pytest.fixture
def advance_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Move the monotonic clock of the key reloader forward by seconds."""
    passed = 0.0
    clock = sources.monotonic
    monkeypatch.setattr(sources, "monotonic", lambda: clock() + passed)

    def pass_by(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    return pass_by


def sign_in(app: Flask, username: str) -> str:
    """Sign a user in at an application, and return the access token."""
    response = app.test_client().post("/api/v1/auth/login", json={"username": username, "password": PASSWORD})
    assert response.status_code == 200, response.text
    return str(response.json["access_token"])


def bearer(app: Flask, token: str) -> FlaskClient:
    """Return a client of an application that sends a token."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def try_token(app: Flask, token: str) -> tuple[int, str | None]:
    """Send a token to an application; return the status and the error code of the response."""
    response = bearer(app, token).get("/api/v1/me")
    return response.status_code, response.json.get("code")


@pytest.fixture
def new_token(new_user: Callable[..., str]) -> Callable[[Flask], str]:
    """Sign in a new user at an application, and return the access token."""
    return lambda app: sign_in(app, new_user())


@pytest.fixture
def serve(make_app: AppFactory, key_set_file: KeySetFile) -> Callable[..., Flask]:
    """Build an application with a key set of these keys."""

    def make(*members: dict[str, Any]) -> Flask:
        key_set_file.write(*members)
        return make_app(JWT_KEYS=str(key_set_file.path))

    return make


def pem(alg: str, *, private: bool = True) -> str:
    """Return a new key as PEM."""
    return pem_of(generate_key(alg), private=private)


def pem_of(jwk: dict[str, Any], *, private: bool = True) -> str:
    key = jwt.PyJWK(jwk).key
    if private:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def rsa_pem(bits: int) -> str:
    return pem_of(to_jwk(rsa.generate_private_key(65537, bits)))
