"""An authenticator in software, and users who have one, for tests. Each part of a response can be replaced."""

import json
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask
from flask.testing import FlaskClient
from webauthn.helpers import encode_cbor
from werkzeug.test import TestResponse

from taskapi.security.jws import base64url_decode, base64url_encode
from tests.conftest import PASSWORD, AppFactory
from tests.forging import decode_token

RP_ID = "tasks.example.org"
ORIGIN = f"https://{RP_ID}"
SETTINGS = {"PASSKEY_RP_ID": RP_ID}
PASSKEYS = "/api/v1/me/passkeys"
SIGN_IN = "/api/v1/auth/passkeys"
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 1, 4, 8, 16, 64  # flags


def encode_key(key: Any, alg: int | None = None) -> bytes:
    """Return a public key in the format of COSE."""
    public = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = public.public_numbers()
        size = (numbers.n.bit_length() + 7) // 8
        return encode_cbor(
            {1: 3, 3: alg or -257, -1: numbers.n.to_bytes(size, "big"), -2: numbers.e.to_bytes(3, "big")}
        )
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return encode_cbor({1: 1, 3: alg or -8, -1: 6, -2: public.public_bytes_raw()})
    numbers = public.public_numbers()
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    return encode_cbor({1: 2, 3: alg or -7, -1: 1, -2: x, -3: y})


class Authenticator:
    """A credential of an authenticator, with a counter."""

    def __init__(self, key: Any = None) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.user_handle = b""
        self.count = 1

    def create(self, options: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Return the credential for options of a registration."""
        self.user_handle = base64url_decode(options["user"]["id"])
        credential_id = changes.get("credential_id", self.id)
        key = changes.get("public_key", encode_key(self.key))
        attested = bytes(16) + len(credential_id).to_bytes(2, "big") + credential_id + key
        data = self._data(options["rp"]["id"], ATTESTED, changes) + changes.get("attested", attested)
        client = client_data("webauthn.create", options, changes)
        statement = {"fmt": "none", "attStmt": {}, **changes.get("statement", {})}
        if changes.get("signs_itself"):
            statement = {"fmt": "packed", "attStmt": {"alg": -7, "sig": self.sign(data + sha256(client).digest())}}
        return self._credential(
            {
                "clientDataJSON": client,
                "attestationObject": changes.get("object", encode_cbor({**statement, "authData": data})),
            },
            credential_id,
            transports=["internal"],
        )

    def get(self, options: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Return the credential for options of a sign-in."""
        self.count += 1
        data = self._data(options["rpId"], 0, changes)
        client = client_data("webauthn.get", options, changes)
        signature = changes.get("signature", self.sign(data + sha256(client).digest()))
        return self._credential(
            {
                "clientDataJSON": client,
                "authenticatorData": data,
                "signature": signature,
                "userHandle": changes.get("user_handle", self.user_handle),
            },
            changes.get("credential_id", self.id),
        )

    def sign(self, data: bytes) -> bytes:
        """Sign as the algorithm of the key does."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), SHA256())
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        return bytes(self.key.sign(data, ec.ECDSA(SHA256())))

    def _data(self, rp_id: str, flags: int, changes: dict[str, Any]) -> bytes:
        flags |= changes.get("flags", PRESENT | VERIFIED)
        count = changes.get("count", self.count)
        return sha256(changes.get("rp_id", rp_id).encode()).digest() + bytes([flags]) + count.to_bytes(4, "big")

    @staticmethod
    def _credential(response: dict[str, bytes], credential_id: bytes, **members: Any) -> dict[str, Any]:
        name = base64url_encode(credential_id)
        encoded = {member: base64url_encode(value) for member, value in response.items()}
        others = {"rawId": name, "type": "public-key", "clientExtensionResults": {}}
        return {"id": name, "response": {**encoded, **members}, **others, "authenticatorAttachment": "platform"}


def client_data(kind: str, options: dict[str, Any], changes: dict[str, Any]) -> bytes:
    """Return what a browser tells the authenticator."""
    members = {"type": kind, "challenge": options["challenge"], "origin": ORIGIN, "crossOrigin": False}
    return json.dumps({**members, **changes.get("client", {})}).encode()


class Person:
    """A user who is signed in with a password, and has an authenticator."""

    def __init__(self, app: Flask, client: FlaskClient) -> None:
        self.app, self.client = app, client
        self.username: str = client.username  # type: ignore[attr-defined]
        self.authenticator = Authenticator()

    def options(self) -> dict[str, Any]:
        """Return options of a registration."""
        response = self.client.post(f"{PASSKEYS}/options")
        assert response.status_code == 200, response.text
        return dict(response.json["options"])

    def add(self, options: dict[str, Any] | None = None, **changes: Any) -> TestResponse:
        """Add the passkey of the authenticator."""
        credential = self.authenticator.create(options or self.options(), **changes)
        return self.client.post(PASSKEYS, json={"name": "Phone", "credential": credential})

    def added(self) -> str:
        """Add the passkey of the authenticator; return its id."""
        response = self.add()
        assert response.status_code == 201, response.text
        return str(response.json["id"])

    def sign_in(self, options: dict[str, Any] | None = None, *, cookies: bool = False, **changes: Any) -> TestResponse:
        """Sign in with the authenticator, as a client without tokens."""
        credential = self.authenticator.get(options or sign_in_options(self.app), **changes)
        return self.app.test_client().post(SIGN_IN, json={"credential": credential, "cookies": cookies})

    def use(self, response: TestResponse) -> None:
        """Send the access token of a response from now on."""
        self.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['access_token']}"

    def activity(self) -> list[dict[str, Any]]:
        """Return the events of the account, the latest first."""
        return list(self.client.get("/api/v1/me/activity").json["items"])


def sign_in_options(app: Flask) -> dict[str, Any]:
    """Return options of a sign-in."""
    return dict(app.test_client().post(f"{SIGN_IN}/options").json["options"])


def claims_of(response: TestResponse) -> dict[str, Any]:
    """Return the claims of the access token of a response."""
    return dict(decode_token(response.json["access_token"])[1])


@pytest.fixture(scope="module")
def passkey_app(make_app: AppFactory) -> Flask:
    """The application with passkeys."""
    return make_app(**SETTINGS)


@pytest.fixture
def new_person(passkey_app: Flask, new_user: Callable[..., str]) -> Callable[..., Person]:
    """Create a user who has signed in with a password."""

    def create(role: str = "editor", app: Flask = passkey_app) -> Person:
        client = app.test_client()
        client.username = new_user(role)  # type: ignore[attr-defined]
        credentials = {"username": client.username, "password": PASSWORD}  # type: ignore[attr-defined]
        person = Person(app, client)
        person.use(client.post("/api/v1/auth/login", json=credentials))
        return person

    return create


@pytest.fixture
def ada(new_person: Callable[..., Person]) -> Person:
    """A user with a passkey."""
    person = new_person()
    person.added()
    return person


def refused(response: TestResponse, code: str = "passkey_invalid", status: int = 401) -> None:
    """Check that a response is an error, and signs nobody in."""
    assert (response.status_code, response.json["code"]) == (status, code), response.text
    assert "Set-Cookie" not in response.headers


def invalid(response: TestResponse) -> None:
    """Check that a credential was refused at a registration."""
    refused(response, "validation_failed", 422)
    assert response.json["errors"]["json"].keys() == {"credential"}
