"""`flask dev`: the demo users, the switches and the page; and that no other server has them."""

import json
import re
import subprocess
import urllib.request
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.error import HTTPError

import pytest
from conftest import flask_process
from playwright.sync_api import expect

from taskapi.extensions.dev.command import PORTS
from tests.servers import ROOT, free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

ORIGIN = {"Origin": "http://localhost:5173"}
TASKS = "/api/v1/tasks"


def send(url, body=None, method=None, **headers):
    """Return the status, the body and the headers of a response."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()} | ORIGIN
    data = None if body is None else json.dumps(body).encode()
    if data:
        headers["Content-Type"] = "application/json"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as response:
            return response.status, json.loads(response.read() or "null"), response.headers
    except HTTPError as error:
        return error.code, json.loads(error.read() or "null"), error.headers


@pytest.fixture(scope="module")
def start_dev(tmp_path_factory):
    """Start `flask dev`; returns its address and the file of its output."""
    started = []

    def start(*options, folder=None):
        folder = folder or tmp_path_factory.mktemp("instance")
        port, log = free_port(), folder / "log"
        with log.open("w") as output:
            words = ("dev", "--port", str(port), *options)
            started.append(flask_process(*words, stdout=output, stderr=output, TASKAPI_INSTANCE_PATH=str(folder)))
        wait_until(lambda: "Running on" in log.read_text() or started[-1].poll() is not None)
        return f"http://127.0.0.1:{port}", log

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def server(start_dev):
    return start_dev()


@pytest.fixture
def address(server):
    yield server[0]
    send(f"{server[0]}/dev/switches", {"delay": 0, "fail": ""}, "PUT")


def sign_in(address, username="demo"):
    credentials = {"username": username, "password": "demo-password"}
    status, body, _ = send(f"{address}/api/v1/auth/login", credentials)
    assert status == 200, body
    return body


def bearer(address, username="demo"):
    return {"Authorization": f"Bearer {sign_in(address, username)['access_token']}"}


@pytest.mark.parametrize(("username", "role"), [("demo", "editor"), ("viewer", "viewer"), ("admin", "admin")])
def test_demo_user_has_role_and_lifelike_data(address, username, role):
    auth = bearer(address, username)
    assert send(f"{address}/api/v1/me", **auth)[1]["roles"] == [role]
    items = send(f"{address}{TASKS}?limit=100", **auth)[1]["items"]
    for name in ("project_id", "parent_id", "labels", "due_date", "due_at", "completed_at"):
        assert [task for task in items if task[name]], name
    assert send(f"{address}{TASKS}?overdue=true", **auth)[1]["items"]


def test_output_names_users_and_password(server):
    assert "Users: demo, viewer, admin. Password: demo-password" in server[1].read_text()


def test_header_fails_one_request_readably_for_another_origin(address):
    auth = bearer(address)
    status, body, headers = send(f"{address}{TASKS}", X_Dev_Fail="503", **auth)
    assert (status, body["code"]) == (503, "unavailable")
    assert headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
    assert send(f"{address}{TASKS}", X_Dev_Fail="version_mismatch", **auth)[1]["code"] == "version_mismatch"
    assert send(f"{address}{TASKS}", X_Dev_Fail="503:0%", **auth)[0] == 200
    assert send(f"{address}{TASKS}", **auth)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [{"X_Dev_Fail": "200"}, {"X_Dev_Fail": "503:101%"}, {"X_Dev_Fail": "nothing"}, {"X_Dev_Delay": "30001"},
     {"X_Dev_Delay": "-1"}, {"X_Dev_Delay": "nan"}],
)  # fmt: skip
def test_invalid_header_is_rejected(address, headers):
    assert send(f"{address}{TASKS}", **headers, **bearer(address))[0] == 400


def test_preflight_allows_the_headers(address):
    asked = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "X-Dev-Delay, X-Dev-Fail"}
    headers = send(f"{address}{TASKS}", method="OPTIONS", X_Dev_Fail="503", **asked)[2]
    assert {"x-dev-delay", "x-dev-fail"} <= set(re.split(", ?", headers["Access-Control-Allow-Headers"].lower()))


def test_delay_is_recorded_with_its_request(address):
    send(f"{address}{TASKS}", X_Dev_Delay="120", **bearer(address))
    entry = send(f"{address}/dev/requests/0")[1]["items"][-1]
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", TASKS, 200)
    assert entry["milliseconds"] >= 120


def test_switch_applies_to_all_requests(address):
    auth = bearer(address)
    assert send(f"{address}/dev/switches", {"delay": 0, "fail": "500"}, "PUT")[0] == 200
    assert send(f"{address}{TASKS}", **auth)[0] == 500
    for wrong in ({"delay": -1, "fail": ""}, {"delay": 0}, [], {"delay": 0, "fail": "x"}):
        assert send(f"{address}/dev/switches", wrong, "PUT")[0] == 400
    assert send(f"{address}{TASKS}", **auth)[0] == 500


def test_other_origin_cannot_set_switches(address):
    asked = {"Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "content-type"}
    assert "Access-Control-Allow-Origin" not in send(f"{address}/dev/switches", method="OPTIONS", **asked)[2]


def test_page_sets_switches_and_shows_requests(address, context):
    page = context.new_page()
    page.goto(f"{address}/dev/")
    page.get_by_label("Fail").fill("503")
    page.get_by_role("button", name="Set").click()
    expect(page.get_by_role("status")).to_have_text("Set.")
    assert send(f"{address}/api/v1/auth/login", {"username": "demo", "password": "x"})[0] == 503
    expect(page.get_by_role("row", name="POST /api/v1/auth/login 503").first).to_be_visible()


@pytest.fixture
def front(tmp_path):
    """The address of a folder, tmp_path, on a port that `flask dev` allows."""
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    for port in PORTS:
        with suppress(OSError), ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
            Thread(target=server.serve_forever).start()
            yield f"http://localhost:{port}/"
            server.shutdown()
            return
    pytest.fail("All ports that `flask dev` allows are in use")


def test_page_of_guide_runs_on_another_origin(address, front, context, tmp_path):
    guide = (ROOT / "docs" / "frontend.md").read_text(encoding="utf-8")
    html, script = (
        "".join(re.findall(rf"^```{language}\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE))
        for language in ("html", "js")
    )
    (tmp_path / "index.html").write_text(html)
    (tmp_path / "page.js").write_text(script.replace("http://127.0.0.1:8000", address))
    page = context.new_page()
    printed = []
    page.on("console", lambda message: printed.append(message.text))
    with page.expect_console_message(lambda message: "refresh" in message.text):
        page.goto(front)
    assert [line for line in printed if "Failed to load" not in line] == [
        "version_mismatch true",
        "seconds until the next refresh: 900",
    ]
    assert page.get_by_role("paragraph").count() > 40


def test_options_set_expiry_limits_and_failures(start_dev):
    address, _ = start_dev("--expire", "20s", "--limit", "--delay", "5", "--fail", "503:0%")
    assert sign_in(address)["expires_in"] == 20
    assert send(f"{address}/dev/switches")[1] == {"delay": 5, "fail": "503:0%"}
    auth = bearer(address)
    assert 429 in {send(f"{address}{TASKS}", **auth)[0] for _ in range(25)}


def test_data_stays_until_reset(start_dev, tmp_path):
    address, _ = start_dev(folder=tmp_path)
    send(f"{address}{TASKS}", {"title": "Marker of this run"}, **bearer(address))
    found = f"{TASKS}?q=marker"
    address, _ = start_dev(folder=tmp_path)
    assert len(send(f"{address}{found}", **bearer(address))[1]["items"]) == 1
    address, _ = start_dev("--reset", folder=tmp_path)
    assert send(f"{address}{found}", **bearer(address))[1]["items"] == []


def test_production_refuses_to_start(tmp_path):
    production = {
        "TASKAPI_ENV": "production",
        "TASKAPI_JWT_SECRET_KEY": "f3b1c49e07d25a86e9147cb03d5fa26819e7c0b4",
        "TASKAPI_TRUSTED_HOSTS": "localhost",
        "TASKAPI_RATELIMIT_ENABLED": "false",
        "TASKAPI_INSTANCE_PATH": str(tmp_path),
    }
    process = flask_process("dev", stdout=subprocess.PIPE, stderr=subprocess.PIPE, **production)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "does not start with TASKAPI_ENV=production" in error


def test_no_other_server_has_routes_or_headers(make_app, app, signed_in):
    assert not [rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/dev")]
    assert signed_in().get(TASKS, headers={"X-Dev-Fail": "503", "X-Dev-Delay": "30000"}).status_code == 200
    front = make_app(CORS_ORIGINS=ORIGIN["Origin"]).test_client()
    asked = {**ORIGIN, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "X-Dev-Fail"}
    assert (
        "x-dev-fail" not in front.options(TASKS, headers=asked).headers.get("Access-Control-Allow-Headers", "").lower()
    )
