"""The clients for Python and TypeScript sign users with a second factor in."""

import sys
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from conftest import PASSWORD, program
from pyotp import TOTP
from python_package import PACKAGE, run
from typescript_package import compile_project, install, pack
from typescript_package import run as run_node

from tests.extensions.second_factor.people import FACTOR, KEY, LOGIN

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

PYTHON = """
import os, sys
from pyotp import TOTP
from taskapi_client import ProblemError, SecondFactorRequired, TaskApi
import time

password = "correct horse battery staple"
api = TaskApi(os.environ["ADDRESS"])
api.account.register(username="ruth", password=password)
api.login("ruth", password)
setup = api.second_factor.start(password=password)
code = lambda steps: TOTP(setup.secret).at(int(time.time()) + 30 * steps)
codes = api.confirm_second_factor(code(-1))
print(len(codes), api.second_factor.get().recovery_codes_left, "recovery_codes" in api.store.load())
api.logout()
try:
    api.login("ruth", password)
except SecondFactorRequired as required:
    print(required.code, api.is_signed_in)
    try:
        api.login_with_code(required.challenge, "000000")
    except ProblemError as error:
        print(error.code)
    api.login_with_code(required.challenge, code(0))
print(api.account.get().username)
api.verify_password(password)
print(len(api.second_factor.renew_recovery_codes(password=password, code=codes[0]).recovery_codes))
api.disable_second_factor(password, code(1))
print(api.second_factor.get().enabled)
api.login("ruth", password)
"""

TYPESCRIPT = """
import { ProblemError, SecondFactorRequired, createTaskApi, unwrap } from "taskapi-client";
declare const process: { env: Record<string, string> };
const { ADDRESS, CODE, NEXT } = process.env;
const api = createTaskApi({ baseUrl: ADDRESS! });
try {
  await api.login({ username: "annie", password: "correct horse battery staple" });
} catch (problem) {
  if (!(problem instanceof SecondFactorRequired)) throw problem;
  console.log(problem.code, api.isSignedIn());
  const { challenge } = problem;
  await api.loginWithCode({ challenge, code: "000000" }).catch((wrong: ProblemError) => console.log(wrong.code));
  await api.loginWithCode({ challenge, code: CODE! });
}
const state = await unwrap(api.GET("/api/v1/me/second-factor"));
console.log(api.isSignedIn(), state.enabled, state.recovery_codes_left);
const body = { password: "correct horse battery staple", code: NEXT! };
await unwrap(api.POST("/api/v1/me/second-factor/disable", { body }));
console.log((await unwrap(api.GET("/api/v1/me/second-factor"))).enabled);
"""


@pytest.fixture(scope="module")
def factor_address(start_server, tmp_path_factory):
    """A server with a second factor."""
    return start_server(
        TASKAPI_INSTANCE_PATH=str(tmp_path_factory.mktemp("instance")),
        TASKAPI_SECOND_FACTOR_KEYS=KEY,
        TASKAPI_BCRYPT_ROUNDS="4",
    )


def test_python_client_sets_up_signs_in_and_disables(factor_address, tmp_path):
    printed = run([sys.executable, "-c", PYTHON], tmp_path, PYTHONPATH=str(PACKAGE / "src"), ADDRESS=factor_address)
    assert printed.splitlines() == [
        "10 10 False", "second_factor_required False", "invalid_code", "ruth", "10", "False",
    ]  # fmt: skip


def enable(address, username):
    """Create a user with a second factor; return the application."""
    client = httpx.Client(base_url=address)
    account = {"username": username, "password": PASSWORD}
    client.post("/api/v1/auth/register", json=account).raise_for_status()
    client.headers["Authorization"] = f"Bearer {client.post(LOGIN, json=account).json()['access_token']}"
    application = TOTP(client.post(FACTOR, json={"password": PASSWORD}).json()["secret"])
    code = application.at(datetime.now(UTC) - timedelta(seconds=30))
    client.post(f"{FACTOR}/confirm", json={"code": code}).raise_for_status()
    return application


def test_typescript_client_signs_in_and_disables(factor_address, tmp_path):
    (archives := tmp_path / "archives").mkdir()
    (project := tmp_path / "project").mkdir()
    install(pack(archives), project)
    (project / "factor.ts").write_text(TYPESCRIPT)
    compile_project(project)
    application = enable(factor_address, "annie")
    now = datetime.now(UTC)
    codes = {"CODE": application.at(now), "NEXT": application.at(now + timedelta(seconds=30))}
    printed = run_node([program("node"), "factor.js"], project, ADDRESS=factor_address, **codes)
    assert printed.splitlines() == ["second_factor_required false", "invalid_code", "true true 10", "false"]
