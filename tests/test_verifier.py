"""The example of a second service that verifies tokens by the published keys; both run as servers."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from taskapi.security.keys import rotation
from tests.conftest import PASSWORD
from tests.forging import b64, decode_token, signing_input
from tests.key_sets import KeySetFile, new_key
from tests.servers import ROOT, connects, free_port, serving, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.one_database]


@contextmanager
def flask_server(app: str, environment: dict[str, str]) -> Iterator[str]:
    """Serve an application with Flask's server; yields its URL."""
    port = free_port()
    command = [sys.executable, "-m", "flask", "--app", app, "run", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: connects(port), 60)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def call(url: str, token: str | None = None, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


class Pair:
    """The Task API and the service that trusts it."""

    def __init__(self, issuer: str, verifier: str, key_set_file: KeySetFile) -> None:
        self.issuer, self.verifier, self.key_set_file = issuer, verifier, key_set_file

    def sign_in(self) -> str:
        status, tokens = call(f"{self.issuer}/api/v1/auth/login", body={"username": "ada", "password": PASSWORD})
        assert status == 200, tokens
        return str(tokens["access_token"])

    def whoami(self, token: str | None) -> tuple[int, Any]:
        return call(f"{self.verifier}/whoami", token)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder: Path = tmp_path_factory.mktemp("issuer")
    key_set_file = KeySetFile(folder / "keys.json")
    key_set_file.write(new_key("ES256"), new_key("HS256", "verifying"))
    settings = {
        "INSTANCE_PATH": folder,
        "JWT_KEYS": key_set_file.path,
        "BCRYPT_ROUNDS": 4,
        "RATELIMIT_ENABLED": "false",
    }
    environment = {f"TASKAPI_{name}": str(value) for name, value in settings.items()}
    with serving(environment, folder) as issuer:
        wait_until(lambda: call(f"{issuer}/readyz")[0] == 200, 60)
        call(f"{issuer}/api/v1/auth/register", body={"username": "ada", "password": PASSWORD, "name": "Ada"})
        with flask_server("examples.verifier.app", {"JWKS_URL": f"{issuer}/.well-known/jwks.json"}) as verifier:
            yield Pair(issuer, verifier, key_set_file)


def test_verifier_returns_the_user_of_a_token(pair: Pair):
    status, response = pair.whoami(pair.sign_in())
    assert (status, response["name"], response["roles"]) == (200, "Ada", ["editor"])


def test_verifier_requires_a_token(pair: Pair):
    assert pair.whoami(None)[0] == 401


def test_verifier_refuses_foreign_tokens(pair: Pair):
    token = pair.sign_in()
    header, claims = decode_token(token)
    forged = signing_input(header, {**claims, "roles": ["admin"]}) + "." + token.rsplit(".", 1)[1]
    for bad in (
        forged,
        f"{signing_input({**header, 'alg': 'none'}, claims)}.",
        f"{signing_input({**header, 'kid': 'unknown'}, claims)}.{b64(bytes(64))}",
        f"{signing_input({**header, 'kid': ['unknown']}, claims)}.{b64(bytes(64))}",
        f"{signing_input({**header, 'typ': 'JWT'}, claims)}.{token.rsplit('.', 1)[1]}",
        "no token",
    ):
        assert pair.whoami(bad)[0] == 401


def test_verifier_follows_key_rotation(pair: Pair):
    old = pair.sign_in()
    assert pair.whoami(old)[0] == 200
    pair.key_set_file.change(rotation.promote_key, pair.key_set_file.stage("EdDSA"))
    wait_until(lambda: decode_token(pair.sign_in())[0]["alg"] == "EdDSA", 60)
    new = pair.sign_in()
    wait_until(lambda: pair.whoami(new)[0] == 200, 60)
    assert pair.whoami(old)[0] == 200
