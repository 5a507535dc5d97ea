"""Sign-in with the npm package oidc-provider, which is certified by the OpenID Foundation."""

import re
import secrets
import subprocess
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from conftest import node_package, program
from servers import connects, free_port, wait_until

from tests.extensions.openid.provider import CLIENT_ID, CLIENT_SECRET
from tests.extensions.openid.signing_in import SETTINGS, Browser, fragment_of
from tests.extensions.openid_accounts.test_openid_accounts import EXCHANGE, LINK
from tests.forging import decode_token

pytestmark = [pytest.mark.slow, pytest.mark.one_database]
SERVER = Path(__file__).with_name("certified_provider.mjs")
REDIRECT_URI = "http://localhost/openid/callback"


@pytest.fixture(scope="module")
def app(make_app):
    """An application that signs in with the package."""
    node_package("oidc-provider")
    port = free_port()
    command = [program("node"), SERVER, str(port), REDIRECT_URI, CLIENT_ID, CLIENT_SECRET]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: process.poll() is not None or connects(port))
        issuer = {"OPENID_ISSUER": f"http://127.0.0.1:{port}", "OPENID_CREATE_ACCOUNTS": True}
        roles = {"OPENID_ROLES_CLAIM": "groups", "OPENID_ROLES": "bosses=admin"}
        yield make_app(**SETTINGS, **issuer, **roles)
        process.kill()


def sign_in_at_provider(url, name):
    """Fill in the forms of the provider, as a person does; return the address of the callback."""
    with httpx.Client() as web:
        response = web.get(url)
        while True:
            if response.is_redirect:
                url = urljoin(url, response.headers["Location"])
                if url.startswith(REDIRECT_URI):
                    return url
                response = web.get(url)
                continue
            prompt = re.search(r'name="prompt" value="(\w+)"', response.text)[1]
            url = urljoin(url, re.search(r'action="([^"]+)"', response.text)[1])
            person = {"login": name, "password": "x"} if prompt == "login" else {}
            response = web.post(url, data={"prompt": prompt, **person})


@pytest.mark.parametrize("reauthenticate", ["false", "true"])
def test_sign_in_with_a_certified_provider(app, reauthenticate):
    name = f"grace-{secrets.token_hex(4)}"
    browser = Browser(app)
    address = sign_in_at_provider(browser.start(reauthenticate=reauthenticate).location, name)
    code = fragment_of(browser.open(address))["openid_code"]
    response = app.test_client().post(EXCHANGE, json={"code": code, "verifier": browser.verifier})
    claims = decode_token(response.json["access_token"])[1]
    assert (claims["roles"], claims["fresh"]) == (["admin"], reauthenticate == "true")
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['access_token']}"
    account = client.get("/api/v1/me").json
    assert (account["username"], account["name"]) == (name, "Grace")
    assert client.get(LINK).json["linked"] is True
