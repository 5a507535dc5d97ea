"""/docs/: Swagger UI in a browser, under a strict Content-Security-Policy."""

import json
import re
import secrets

import pytest
from conftest import PASSWORD
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

PAGE = "/docs/"
FILES = {
    "": "text/html; charset=utf-8",
    "docs.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}


@pytest.mark.parametrize("name", FILES)
def test_page_and_its_files_are_public(client, name):
    response = client.get(PAGE + name)
    assert (response.status_code, response.content_type) == (200, FILES[name])
    assert client.head(PAGE + name).headers["Content-Length"] == response.headers["Content-Length"]


def test_page_loads_no_other_files_and_has_no_inline_script(client):
    text = client.get(PAGE).text
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) == FILES.keys() - {""}
    assert not re.search(r"<style|style=|<script>|\son\w+=|javascript:", text)


@pytest.mark.parametrize("name", FILES)
def test_files_support_conditional_requests(client, name):
    response = client.get(PAGE + name)
    again = client.get(PAGE + name, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert ("max-age=3600" in response.headers["Cache-Control"]) == bool(name)
    assert "no-store" not in response.headers["Cache-Control"]
    assert "Content-Security-Policy" not in again.headers, "it would replace the one that the file came with"


def test_url_without_slash_redirects_to_the_page(client):
    for method in ("get", "head"):
        response = getattr(client, method)("/docs", headers={"Host": "attacker.invalid"})
        assert (response.status_code, response.headers["Location"]) == (308, "docs/")


@pytest.mark.parametrize(
    "name",
    ["nothing.js", "index.html", "VERSION", "../docs.py", "..%2fdocs.py", "%2e%2e/index.html", "//etc/passwd", "\0"],
)
def test_other_files_are_404(client, name):
    response = client.get(PAGE + name)
    assert (response.status_code, response.json["code"]) == (404, "not_found")


def test_other_methods_than_get_are_405(client):
    for path in ("/docs", PAGE, f"{PAGE}docs.js"):
        assert client.post(path).status_code == 405


@pytest.fixture(scope="module")
def address(start_server, tmp_path_factory):
    """A server with its own database."""
    folder = tmp_path_factory.mktemp("instance")
    return start_server(TASKAPI_INSTANCE_PATH=str(folder), TASKAPI_BCRYPT_ROUNDS="4", TASKAPI_COOKIE_SECURE="false")


def try_out(page, operation, body):
    """Send an operation on the page; returns the status that the page shows."""
    block = page.locator(f"[id^=operations-][id$=-{operation}]")
    if "is-open" not in (block.get_attribute("class") or ""):
        block.locator(".opblock-summary-control").click()
    block.locator("textarea").first.fill(json.dumps(body) if body else "")
    with page.expect_response(re.compile("/api/v1/")) as response:
        block.get_by_role("button", name="Execute").click()
    shown_status = block.locator(".live-responses-table .response .response-col_status")
    expect(shown_status).to_have_text(re.compile(f"^{response.value.status}"))
    return response.value.status


def shown(page, operation):
    """Return the response that the page shows for an operation."""
    text = page.locator(f"[id^=operations-][id$=-{operation}] .live-responses-table .highlight-code").first.inner_text()
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


@pytest.fixture
def docs(page, address):
    """The page, opened in the browser."""
    page.goto(address + PAGE)
    page.locator(".opblock").first.wait_for()
    return page


@pytest.fixture
def credentials(page, address):
    """The credentials of a new user."""
    account = {"username": f"user-{secrets.token_hex(6)}", "password": PASSWORD}
    assert page.request.post(f"{address}/api/v1/auth/register", data=account).status == 201
    return account


def test_login_on_the_page_authorizes_requests(docs, credentials):
    assert try_out(docs, "create_task", {"title": "Too early"}) == 401
    assert shown(docs, "create_task")["code"] == "token_missing"
    assert try_out(docs, "login", credentials) == 200
    assert try_out(docs, "create_task", {"title": "Water the plants"}) == 201
    assert shown(docs, "create_task")["title"] == "Water the plants"


def test_existing_token_can_be_used(docs, credentials, address):
    response = docs.request.post(f"{address}/api/v1/auth/login", data=credentials)
    docs.get_by_role("button", name="Authorize").click()
    docs.get_by_role("textbox", name="auth-bearer-value").fill(response.json()["access_token"])
    docs.get_by_role("button", name="Apply credentials").click()
    docs.get_by_role("button", name="Close").click()
    assert try_out(docs, "create_task", {"title": "Water the plants"}) == 201


def test_cookie_login_and_logout_on_the_page(docs, credentials):
    assert try_out(docs, "login", {**credentials, "cookies": True}) == 200
    assert shown(docs, "login")["token_type"] == "Cookie"
    assert try_out(docs, "create_task", {"title": "Water the plants"}) == 201
    assert try_out(docs, "refresh", "") == 200
    assert try_out(docs, "create_task", {"title": "Feed the cat"}) == 201
    assert try_out(docs, "logout", "") == 204
    assert try_out(docs, "create_task", {"title": "Too late"}) == 401


def test_page_does_not_store_tokens(docs, credentials):
    assert try_out(docs, "login", credentials) == 200
    assert docs.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    docs.reload()
    assert try_out(docs, "create_task", {"title": "Too late"}) == 401
