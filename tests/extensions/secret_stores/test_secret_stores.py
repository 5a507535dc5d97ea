"""Secret stores: each is asked over its own protocol."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from math import inf
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from moto.server import ThreadedMotoServer
from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from taskapi.config import SettingsError
from taskapi.extensions.secret_stores import stores
from taskapi.security.keys import key_set, rotation
from tests.conftest import ROOT, AppFactory
from tests.key_sets import GOOD, REFUSED, new_key, try_token

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

SECRET_PATH = "/v1/secret/data/taskapi/keys"


def key_set_text(*members: dict[str, Any]) -> str:
    return key_set.format_members(list(members))


class Vault(ThreadingHTTPServer):
    """A server that speaks the read side of Vault's KV version 2, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), VaultHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.data: dict[str, Any] = {}
        self.asked = 0
        self.up = True
        self.tokens = {"the-token": inf}  # and when each ends
        self.period = 0.0  # for how long a token lives from when it is made or renewed; 0: for ever
        self.renewable = True
        self.renewals = self.sign_ins = 0
        self.ahead = 0.0

    def now(self) -> float:
        return time.monotonic() + self.ahead


class VaultHandler(BaseHTTPRequestHandler):
    server: Vault

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/v1/auth/token/lookup-self" and self.server.up and self._is_alive():
            self._answer(
                200,
                {"data": {"ttl": self.server.period, "renewable": self.server.period > 0 and self.server.renewable}},
            )
            return
        self.server.asked += 1
        if not self.server.up:
            self._answer(503, {"errors": ["Vault is sealed"]})
        elif not self._is_alive():
            self._answer(403, {"errors": ["permission denied"]})
        elif urlsplit(self.path).path != SECRET_PATH:
            self._answer(404, {"errors": []})
        else:
            self._answer(200, {"data": {"data": self.server.data, "metadata": {"version": 1}}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "{}")
        token = self.headers["X-Vault-Token"]
        if self.path == "/v1/auth/approle/login" and body == {"role_id": "the-role", "secret_id": "the-secret"}:
            self.server.sign_ins += 1
            token = f"token-{self.server.sign_ins}"
        elif self.path == "/v1/auth/token/renew-self" and self._is_alive() and self.server.renewable:
            self.server.renewals += 1
        else:
            self._answer(403, {"errors": ["permission denied"]})
            return
        self.server.tokens[token] = self.server.now() + self.server.period
        self._answer(200, {"auth": {"client_token": token, "lease_duration": self.server.period, "renewable": True}})

    do_PUT = do_POST  # noqa: N815 - the name is the base class's

    def _is_alive(self) -> bool:
        return self.server.tokens.get(self.headers["X-Vault-Token"], 0) > self.server.now()

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    server = Vault()
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    monkeypatch.setenv("VAULT_ADDR", server.url)
    monkeypatch.setenv("VAULT_TOKEN", "the-token")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def settle() -> None:
    """Wait until nobody reads a key set any more."""
    for thread in threading.enumerate():
        if thread.name == "key-set":
            thread.join(10)


def test_key_set_in_vault_is_used(make_app: AppFactory, new_token, vault: Vault):
    vault.data = {"keys": key_set_text(new_key("EdDSA"))}
    app = make_app(JWT_KEYS="vault://secret/taskapi/keys#keys")
    assert try_token(app, new_token(app)) == GOOD


def test_vault_token_is_renewed_before_it_ends(vault: Vault, monkeypatch: pytest.MonkeyPatch):
    vault.data, vault.period = {"keys": "{}"}, 1000.0
    vault.tokens["the-token"] = vault.now() + 1000
    monkeypatch.setattr(stores, "monotonic", vault.now)
    store = stores.Vault("secret/taskapi/keys#keys")
    for _ in range(10):
        assert store.read() == "{}"
        vault.ahead += 300
    assert vault.renewals == 4


@pytest.mark.parametrize("renewable", [True, False])
def test_doctor_warns_about_a_vault_token_that_is_not_renewable(make_app: AppFactory, vault: Vault, renewable: bool):
    vault.data, vault.period, vault.renewable = {"keys": key_set_text(new_key("EdDSA"))}, 3600.0, renewable
    runner = make_app(JWT_KEYS="vault://secret/taskapi/keys#keys").test_cli_runner()
    output = runner.invoke(args=["doctor"]).output
    assert ("warn  signing_key  the Vault token is not renewable and expires in 3600" in output) is not renewable


def test_doctor_warns_about_a_vault_token_that_could_not_be_renewed(
    make_app: AppFactory, vault: Vault, monkeypatch: pytest.MonkeyPatch
):
    vault.data, vault.period = {"keys": key_set_text(new_key("EdDSA"))}, 1000.0
    monkeypatch.setattr(stores, "monotonic", vault.now)
    app = make_app(JWT_KEYS="vault://secret/taskapi/keys#keys")
    vault.renewable, vault.ahead = False, 600.0
    app.extensions["taskapi-keys"].source.read()
    output = app.test_cli_runner().invoke(args=["doctor"]).output
    assert "warn  signing_key  the Vault token cannot be renewed: permission denied" in output


def test_approle_signs_in_again_when_its_token_has_ended(vault: Vault, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("VAULT_ROLE_ID", "the-role")
    monkeypatch.setenv("VAULT_SECRET_ID", "the-secret")
    vault.data, vault.period = {"keys": "{}"}, 60.0
    store = stores.Vault("secret/taskapi/keys#keys")
    for sign_ins in (1, 1, 2):
        assert store.read() == "{}"
        assert vault.sign_ins == sign_ins
        if sign_ins == 1 and vault.asked == 2:
            vault.tokens.clear()


def test_key_set_that_cannot_be_read_for_too_long_is_not_ready(make_app: AppFactory, new_token, vault: Vault):
    vault.data = {"keys": key_set_text(new_key("ES256"))}
    app = make_app(JWT_KEYS="vault://secret/taskapi/keys#keys", JWT_KEYS_MAX_AGE_SECONDS=60)
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    vault.up = False
    live = app.extensions["taskapi-keys"]
    live._read_at = live._success_at = time.monotonic() - 61
    response = client.get("/readyz")
    assert (response.status_code, response.json["down"]) == (503, ["signing_key"])
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert "FAIL  signing_key  the key set was last read 6" in result.output
    vault.up = True
    live._read_at = time.monotonic() - 61
    assert client.get("/readyz").status_code == 200  # it looks itself, where nobody has asked for a while
    read = re.search(
        r"^taskapi_key_set_read_timestamp_seconds(?:{.*})? (\S+)$", client.get("/metrics").text, re.MULTILINE
    )
    assert read
    assert time.time() - float(read[1]) < 60


def test_key_set_that_is_no_key_set_ages_although_the_store_answers(make_app: AppFactory, vault: Vault):
    vault.data = {"keys": key_set_text(new_key("ES256"))}
    app = make_app(JWT_KEYS="vault://secret/taskapi/keys#keys", JWT_KEYS_MAX_AGE_SECONDS=60)
    vault.data = {"keys": "no key set"}
    live = app.extensions["taskapi-keys"]
    live._success_at = time.monotonic() - 61
    for _ in range(2):
        live._read_at = time.monotonic() - 61
        assert app.test_client().get("/readyz").status_code == 503


def test_key_set_stored_as_an_object_in_vault_is_used(make_app: AppFactory, new_token, vault: Vault):
    vault.data = {"keys": {"keys": [new_key("EdDSA")]}}
    app = make_app(JWT_KEYS="vault://secret/taskapi/keys#keys")
    assert try_token(app, new_token(app)) == GOOD


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("vault://secret/taskapi/keys#other", "has no field 'other'"),
        ("vault://secret/elsewhere#keys", "cannot be read: InvalidPath"),
        ("vault://secret/taskapi/keys", "has no field ''"),
    ],
)
def test_missing_vault_secret_is_reported_at_start(make_app: AppFactory, vault: Vault, place, why):
    with pytest.raises(SettingsError) as caught:
        make_app(JWT_KEYS=place)
    assert f"TASKAPI_JWT_KEYS: {place} {why}" in caught.value.message


def test_rejected_vault_token_is_reported_at_start(make_app: AppFactory, vault: Vault, monkeypatch):
    monkeypatch.setenv("VAULT_TOKEN", "another")
    with pytest.raises(SettingsError, match="cannot be read: Forbidden: permission denied"):
        make_app(JWT_KEYS="vault://secret/taskapi/keys#keys")


def test_key_set_is_reloaded_without_delaying_requests(make_app, new_token, vault: Vault, advance_clock):
    members = [new_key("ES256")]
    vault.data = {"keys": key_set_text(*members)}
    app = make_app(JWT_KEYS="vault://secret/taskapi/keys#keys", JWT_KEYS_RELOAD_SECONDS=60)
    token = new_token(app)
    rotation.revoke_key(members, members[0]["kid"])
    vault.data = {"keys": key_set_text(*members)}
    advance_clock(59)
    assert (try_token(app, token), vault.asked) == (GOOD, 1)
    advance_clock(2)
    try_token(app, token)
    settle()
    assert (try_token(app, token), vault.asked) == (REFUSED, 2)


def test_last_key_set_stays_in_use_while_the_store_is_down(make_app, new_token, vault: Vault, advance_clock, caplog):
    vault.data = {"keys": key_set_text(new_key("ES256"))}
    app = make_app(JWT_KEYS="vault://secret/taskapi/keys#keys")
    token = new_token(app)
    vault.up = False
    advance_clock(61)
    try_token(app, token)
    settle()
    assert (try_token(app, token), try_token(app, new_token(app))) == (GOOD, GOOD)
    assert "the last valid one stays in use" in caplog.text


def test_unknown_key_id_reloads_the_key_set_once(make_app, new_token, vault: Vault, advance_clock):
    """Another instance has read the key set and signs with its new key, before this one has."""
    members = [new_key("ES256")]
    vault.data = {"keys": key_set_text(*members)}
    behind = make_app(JWT_KEYS="vault://secret/taskapi/keys#keys")
    rotation.promote_key(members, rotation.add_key(members, new_key("EdDSA", "staged"))["kid"])
    vault.data = {"keys": key_set_text(*members)}
    token = new_token(make_app(JWT_KEYS="vault://secret/taskapi/keys#keys"))
    assert (try_token(behind, token), vault.asked) == (REFUSED, 2)
    advance_clock(6)
    assert (try_token(behind, token), vault.asked) == (GOOD, 3)


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def secrets_manager(aws: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": "anything",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    return boto3.client("secretsmanager")


@pytest.mark.parametrize("kind", ["SecretString", "SecretBinary"])
def test_key_set_in_aws_secrets_manager_is_used(make_app: AppFactory, new_token, secrets_manager, kind):
    text = key_set_text(new_key("ES384"))
    name = f"taskapi/{kind}"
    secrets_manager.create_secret(Name=name, **{kind: text if kind == "SecretString" else text.encode()})
    app = make_app(JWT_KEYS=f"aws-sm://{name}")
    assert try_token(app, new_token(app)) == GOOD


def test_missing_aws_secret_is_reported_at_start(make_app: AppFactory, secrets_manager):
    with pytest.raises(SettingsError, match="ResourceNotFoundException"):
        make_app(JWT_KEYS="aws-sm://nothing")


class KeyVault(BaseAdapter):
    """Answers as Azure Key Vault does: first it asks who is calling, then it gives what it has."""

    def __init__(self, secrets: dict[str, str]) -> None:
        super().__init__()
        self.secrets = secrets

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        name = urlsplit(str(request.url)).path.split("/")[2]
        if request.headers.get("Authorization") != "Bearer azure-token":
            challenge = 'Bearer authorization="https://login.azure.invalid/t", resource="https://vault.azure.net"'
            return self._answer(request, 401, {}, {"WWW-Authenticate": challenge})
        if name not in self.secrets:
            return self._answer(request, 404, {"error": {"code": "SecretNotFound", "message": "A secret is missing"}})
        return self._answer(request, 200, {"id": request.url, "value": self.secrets[name], "attributes": {}})

    def close(self) -> None:
        """Keep nothing open."""

    @staticmethod
    def _answer(request: PreparedRequest, status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
        response = Response()
        response.status_code, response.request, response.url = status, request, str(request.url)
        response.headers.update({"Content-Type": "application/json", **(headers or {})})
        response.raw = HTTPResponse(BytesIO(json.dumps(body).encode()), preload_content=False)
        return response


class Credential:
    """A credential that Azure accepts."""

    def get_token(self, *_: Any, **__: Any) -> AccessToken:
        return AccessToken("azure-token", int(time.time()) + 3600)


@pytest.fixture
def key_vault() -> Callable[[str], str]:
    """Read from an Azure Key Vault that holds one key set."""
    session = Session()
    session.mount("https://ours.vault.azure.net", KeyVault({"keys": "the key set"}))
    transport = RequestsTransport(session=session, session_owner=False)
    return lambda name: stores.read_azure(name, credential=Credential(), transport=transport)


@pytest.mark.parametrize("name", ["ours/keys", "ours.vault.azure.net/keys"])
def test_key_set_in_azure_key_vault_is_read(key_vault, name):
    assert key_vault(name) == "the key set"


def test_missing_azure_secret_is_reported(key_vault):
    with pytest.raises(stores.SourceError, match="A secret is missing"):
        key_vault("ours/other")


@pytest.mark.parametrize(
    ("place", "module", "extra"),
    [("aws-sm://a", "boto3", "aws"), ("vault://a/b#c", "hvac", "vault"), ("azure-kv://a/b", "azure.identity", "azure")],
)
def test_store_without_its_package_names_the_extra(make_app, monkeypatch, place, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingsError) as caught:
        make_app(JWT_KEYS=place)
    assert caught.value.message == (
        f"TASKAPI_JWT_KEYS: {place} needs a client that is not installed: pip install 'taskapi[{extra}]'."
    )


def test_store_is_not_read_when_keys_are_elsewhere():
    code = "import sys, taskapi; print([name for name in ('boto3', 'hvac', 'azure.core') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
