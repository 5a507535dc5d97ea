"""Behind a path prefix, by SCRIPT_NAME or by BASE_PATH: every URL that leaves the service carries it."""

import re
from threading import Thread

import pytest
from conftest import PASSWORD
from playwright.sync_api import expect
from surface import needs
from web_client import add, row, saved
from werkzeug.serving import make_server

from taskapi.config import SettingsError

PREFIX = "/team/tasks"


@pytest.fixture(scope="module")
def based(make_app):
    """An application with the setting BASE_PATH."""
    return make_app(BASE_PATH=PREFIX)


@pytest.fixture(params=["script_name", "base_path", "base_path, stripped by the proxy"])
def send(request, app, based):
    """Send a request as a proxy forwards it; return the response."""
    client = (app if request.param == "script_name" else based).test_client()

    def send(method, path, **options):
        if request.param == "script_name":
            options["environ_overrides"] = {"SCRIPT_NAME": PREFIX, "PATH_INFO": path.partition("?")[0]}
        elif request.param == "base_path":
            path = PREFIX + path
        return client.open(path, method=method, **options)

    return send


@pytest.fixture
def bearer(send, new_user):
    """The Authorization header of a user."""
    response = send("POST", "/api/v1/auth/login", json={"username": new_user("admin"), "password": PASSWORD})
    return {"Authorization": f"Bearer {response.json['access_token']}"}


@pytest.mark.parametrize(
    ("path", "body"),
    [("tasks", {"title": "Milk"}), ("projects", {"name": "Garden"}), ("labels", {"name": "home"})],
)
def test_location_and_link_carry_the_prefix(send, bearer, path, body):
    made = [send("POST", f"/api/v1/{path}", headers=bearer, json={**body, name: f"{i}"})
            for name in body for i in range(3)]  # fmt: skip
    for response in made:
        assert response.headers["Location"] == f"{PREFIX}/api/v1/{path}/{response.json['id']}"
        assert send("GET", response.headers["Location"].removeprefix(PREFIX), headers=bearer).json == response.json
    page = send("GET", f"/api/v1/{path}?limit=2", headers=bearer)
    link = re.fullmatch(r'<(.*)>; rel="next"', page.headers["Link"])[1]
    assert link.startswith(f"http://localhost{PREFIX}/api/v1/{path}?limit=2&cursor=")
    rest = send("GET", link.removeprefix(f"http://localhost{PREFIX}"), headers=bearer)
    assert len(rest.json["items"]) == 1


def test_replayed_location_carries_the_prefix(send, bearer):
    key = bearer | {"Idempotency-Key": "a"}
    first, again = (send("POST", "/api/v1/tasks", headers=key, json={"title": "Milk"}) for _ in range(2))
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"] == f"{PREFIX}/api/v1/tasks/{first.json['id']}"


def test_type_of_every_problem_carries_the_prefix(send, bearer):
    for response in (
        send("GET", "/nowhere"),
        send("GET", "/api/v1/tasks"),
        send("PUT", "/api/v1/tasks"),
        send("POST", "/api/v1/tasks", headers=bearer, json={}),
        send("POST", "/api/v1/tasks", headers=bearer, data=b"{", content_type="application/json"),
    ):
        assert response.json["type"] == f"{PREFIX}/problems/{response.json['code']}"
        assert send("GET", response.json["type"].removeprefix(PREFIX)).status_code == 200


def test_openapi_document_carries_the_prefix(send):
    response = send("GET", "/openapi.json")
    assert response.json["servers"] == [{"url": f"http://localhost{PREFIX}"}]
    links = set(re.findall(r"\]\((/[^)]*)\)", response.text))
    assert links
    assert all(link.startswith(f"{PREFIX}/problems/") for link in links)


@needs("web")
def test_pages_have_no_path_from_the_root_of_the_host(send):
    for path in ("/", "/docs/"):
        page = send("GET", path)
        assert page.status_code == 200
        assert re.findall(r'(?:href|src)="(/[^"]*)"', page.text) == []
    assert send("GET", "/docs").headers["Location"] == "docs/"


def test_no_prefix_adds_nothing(client, owner):
    assert client.get("/openapi.json").json["servers"] == [{"url": "http://localhost"}]
    response = owner.post("/api/v1/tasks", json={"title": "Milk"})
    assert response.headers["Location"] == f"/api/v1/tasks/{response.json['id']}"
    assert client.get("/nowhere").json["type"] == "/problems/not_found"


def test_prefix_without_slash_redirects_to_the_page(based):
    response = based.test_client().get(PREFIX)
    assert (response.status_code, response.headers["Location"]) == (308, f"{PREFIX}/")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_health_is_found_with_and_without_the_base_path(based):
    client = based.test_client()
    assert client.get("/healthz").status_code == client.get(f"{PREFIX}/healthz").status_code == 200
    assert client.get(f"{PREFIX}x/healthz").status_code == 404


@pytest.fixture
def based_site(based):
    """The application on a port of its own; returns the address of the browser client, without its last slash."""
    server = make_server("127.0.0.1", 0, based, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    server.shutdown()
    thread.join()
    server.server_close()


@needs("web")
def test_browser_client_works_below_the_prefix(based_site, context, new_user):
    page = context.new_page()
    outside = []
    page.on("request", lambda request: outside.append(request.url) if f"{PREFIX}/" not in request.url else None)
    page.goto(based_site)
    page.get_by_label("Username", exact=True).fill(new_user())
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("main h1").wait_for()
    add(page, "Water the plants")
    expect(row(page, "Water the plants")).to_have_count(1)
    saved(page)
    page.reload()
    expect(row(page, "Water the plants")).to_have_count(1)
    assert {cookie["path"] for cookie in context.cookies()} == {PREFIX}
    assert outside == [based_site]


@pytest.mark.parametrize("path", ["tasks", "/tasks/", "/", "//", "/a//b", "/api", "/docs/x", "/a b", "/a?b", "/é"])
def test_invalid_base_path_is_refused(make_app, path):
    with pytest.raises(SettingsError, match="BASE_PATH"):
        make_app(BASE_PATH=path)


def test_link_is_absolute_and_names_the_host_and_scheme(owner):
    for i in range(2):
        owner.post("/api/v1/tasks", json={"title": f"{i}"})
    url = "https://tasks.example:8443/api/v1/tasks?limit=1"
    assert owner.get(url).headers["Link"].startswith("<https://tasks.example:8443/api/v1/tasks?limit=1&cursor=")
    url = "http://[::1]:8000/api/v1/tasks?limit=1"
    assert owner.get(url).headers["Link"].startswith("<http://[::1]:8000/api/v1/tasks?limit=1&cursor=")


@pytest.mark.parametrize("host", ["", "task_api"])
def test_link_is_relative_without_a_valid_host(owner, host):
    for i in range(2):
        owner.post("/api/v1/tasks", json={"title": f"{i}"})
    response = owner.get("/api/v1/tasks?limit=1", headers={"Host": host})
    assert response.headers["Link"].startswith("</api/v1/tasks?limit=1&cursor=")


@pytest.mark.parametrize("listed", ["[::1]", "[::1]:8000"])
def test_ipv6_host_can_be_trusted(make_app, listed):
    client = make_app(TRUSTED_HOSTS=f"tasks.example,{listed}").test_client()
    for host in ("[::1]", "[::1]:8000", "tasks.example:1"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 200
    for host in ("[::2]", "[", "::1", "[::1]x", "[::1", "x[::1]", ":1]", "", "[::1]@tasks.example"):
        response = client.get("/healthz", headers={"Host": host})
        assert (response.status_code, response.json["code"]) == (400, "malformed_request")
