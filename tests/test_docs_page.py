"""/docs/: the document to read and to try out, in a browser that holds it to the strictest of rules."""

import json
import re
import secrets

import pytest
from conftest import PASSWORD
from playwright.sync_api import expect

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
def test_the_page_and_what_it_loads_are_served_to_everyone(client, name):
    answer = client.get(PAGE + name)
    assert (answer.status_code, answer.content_type) == (200, FILES[name])
    assert client.head(PAGE + name).headers["Content-Length"] == answer.headers["Content-Length"]


def test_the_page_loads_nothing_else_and_runs_nothing_inline(client):
    text = client.get(PAGE).text
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) == FILES.keys() - {""}
    assert not re.search(r"<style|style=|<script>|\son\w+=|javascript:", text)


@pytest.mark.parametrize("name", FILES)
def test_a_browser_that_has_a_file_is_told_so(client, name):
    answer = client.get(PAGE + name)
    again = client.get(PAGE + name, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert ("max-age=3600" in answer.headers["Cache-Control"]) == bool(name)
    assert "no-store" not in answer.headers["Cache-Control"]
    assert "Content-Security-Policy" not in again.headers, "it would replace the one that the file came with"


def test_without_its_slash_it_leads_to_the_page(client):
    for method in ("get", "head"):
        answer = getattr(client, method)("/docs", headers={"Host": "attacker.invalid"})
        assert (answer.status_code, answer.headers["Location"]) == (308, "docs/")


@pytest.mark.parametrize(
    "name",
    ["nothing.js", "index.html", "VERSION", "../docs.py", "..%2fdocs.py", "%2e%2e/index.html", "//etc/passwd", "\0"],
)
def test_no_other_file_is_served(client, name):
    answer = client.get(PAGE + name)
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_what_is_not_asked_for_by_get_is_refused(client):
    for path in ("/docs", PAGE, f"{PAGE}docs.js"):
        assert client.post(path).status_code == 405


@pytest.fixture(scope="module")
def address(start_server, tmp_path_factory):
    """A server of its own, with its own database."""
    folder = tmp_path_factory.mktemp("instance")
    return start_server(TASKAPI_INSTANCE_PATH=str(folder), TASKAPI_BCRYPT_ROUNDS="4", TASKAPI_COOKIE_SECURE="false")


def try_out(page, operation, body):
    """Send an operation by the page, as somebody at it would; returns the status it shows."""
    block = page.locator(f"[id^=operations-][id$=-{operation}]")
    if "is-open" not in (block.get_attribute("class") or ""):
        block.locator(".opblock-summary-control").click()
    block.locator("textarea").first.fill(json.dumps(body) if body else "")
    with page.expect_response(re.compile("/api/v1/")) as answer:
        block.get_by_role("button", name="Execute").click()
    shown_status = block.locator(".live-responses-table .response .response-col_status")
    expect(shown_status).to_have_text(re.compile(f"^{answer.value.status}"))
    return answer.value.status


def shown(page, operation):
    """Return the answer that an operation shows."""
    text = page.locator(f"[id^=operations-][id$=-{operation}] .live-responses-table .highlight-code").first.inner_text()
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


@pytest.fixture
def docs(page, address):
    """The page, open."""
    page.goto(address + PAGE)
    page.locator(".opblock").first.wait_for()
    return page


@pytest.fixture
def credentials(page, address):
    """What signs somebody in."""
    account = {"username": f"person-{secrets.token_hex(6)}", "password": PASSWORD}
    assert page.request.post(f"{address}/api/v1/auth/register", data=account).status == 201
    return account


def test_whoever_signs_in_by_it_is_authorized_and_can_create_a_task(docs, credentials):
    assert try_out(docs, "create_task", {"title": "Too early"}) == 401
    assert shown(docs, "create_task")["code"] == "token_missing"
    assert try_out(docs, "login", credentials) == 200
    assert try_out(docs, "create_task", {"title": "Water the plants"}) == 201
    assert shown(docs, "create_task")["title"] == "Water the plants"


def test_a_token_can_be_brought_along(docs, credentials, address):
    answer = docs.request.post(f"{address}/api/v1/auth/login", data=credentials)
    docs.get_by_role("button", name="Authorize").click()
    docs.get_by_role("textbox", name="auth-bearer-value").fill(answer.json()["access_token"])
    docs.get_by_role("button", name="Apply credentials").click()
    docs.get_by_role("button", name="Close").click()
    assert try_out(docs, "create_task", {"title": "Water the plants"}) == 201


def test_whoever_signs_in_by_cookies_is_signed_in_and_can_sign_out(docs, credentials):
    assert try_out(docs, "login", {**credentials, "cookies": True}) == 200
    assert shown(docs, "login")["token_type"] == "Cookie"
    assert try_out(docs, "create_task", {"title": "Water the plants"}) == 201
    assert try_out(docs, "refresh", "") == 200
    assert try_out(docs, "create_task", {"title": "Feed the cat"}) == 201
    assert try_out(docs, "logout", "") == 204
    assert try_out(docs, "create_task", {"title": "Too late"}) == 401


def test_no_token_outlives_the_page(docs, credentials):
    assert try_out(docs, "login", credentials) == 200
    assert docs.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    docs.reload()
    assert try_out(docs, "create_task", {"title": "Too late"}) == 401
