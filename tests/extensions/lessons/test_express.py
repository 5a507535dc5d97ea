"""The service of lesson 1 in Express, run by Node."""

import os
import secrets
import subprocess
import time

import httpx
import jwt
import pytest
from conftest import node_package, program

from taskapi.extensions.lessons.lesson_files import COURSE, LESSONS

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

FILE = COURSE / LESSONS[1] / "express.mjs"
ADA = {"username": "ada", "password": "analytical engine"}
KEY = secrets.token_hex(32)


def start(key):
    node_package("express")
    node_package("jsonwebtoken")
    environment = os.environ | {"KEY": key, "PORT": "0"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([program("node"), FILE], env=environment, **pipes)


@pytest.fixture(scope="module")
def client():
    """A client of a running service."""
    with start(KEY) as process:
        with httpx.Client(base_url=process.stdout.readline().strip(), timeout=30) as client:
            yield client
        process.terminate()


@pytest.fixture(scope="module")
def token(client):
    """A token of ada."""
    return client.post("/login", json=ADA).json()["token"]


def me(client, token):
    return client.get("/me", headers={"Authorization": f"Bearer {token}"}).status_code


def test_me_shows_user_of_token(client, token):
    response = client.get("/me", headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()) == (200, {"username": "ada", "role": "editor"})


@pytest.mark.parametrize("changed", [{"password": "?"}, {"username": "charles"}])
def test_login_rejects_wrong_account(client, changed):
    response = client.post("/login", json=ADA | changed)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_login_rejects_malformed_body(client):
    assert [client.post("/login", json=body).status_code for body in ({}, [], {"username": 1})] == [400, 400, 400]


def test_me_rejects_missing_token_and_token_in_url(client, token):
    assert (client.get("/me").status_code, client.get(f"/me?token={token}").status_code) == (401, 401)
    assert client.get("/me", headers={"Authorization": f"Basic {token}"}).status_code == 401


def test_me_rejects_tokens_that_are_not_its_own(client, token):
    claims = jwt.decode(token, options={"verify_signature": False})
    now = int(time.time())
    assert me(client, jwt.encode(claims, KEY, algorithm="HS256")) == 200
    forged = [
        "x",
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode(claims, secrets.token_hex(32), algorithm="HS256"),
        jwt.encode(claims, KEY, algorithm="HS512"),
        jwt.encode(claims | {"aud": "newsletter"}, KEY, algorithm="HS256"),
        jwt.encode(claims | {"iss": "newsletter"}, KEY, algorithm="HS256"),
        jwt.encode(claims | {"iat": now - 1000, "exp": now - 100}, KEY, algorithm="HS256"),
        jwt.encode(claims | {"iat": now - 1000, "exp": now + 1000}, KEY, algorithm="HS256"),
    ]
    assert [me(client, token) for token in forged] == [401] * len(forged)


def test_service_does_not_start_with_short_key():
    with start("secret") as process:
        assert (process.wait(30), "KEY must have" in process.stderr.read()) == (1, True)
