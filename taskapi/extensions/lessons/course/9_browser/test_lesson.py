"""The tests of lesson 9. The docstring of each test says what the service must do."""

import pytest
from app import app

ADA = {"username": "ada", "password": "analytical engine"}
EVIL = "https://evil.example"
FRONT_END = "http://127.0.0.1:5173"


def log_in(client):
    """Return the response to a login."""
    return client.post("/login", json=ADA)


@pytest.fixture(scope="module")
def browser():
    """Return a client that keeps cookies, as a browser does, and has logged in."""
    client = app.test_client()
    client.login = log_in(client)
    return client


@pytest.fixture(scope="module")
def cookie(browser):
    """Return the header that sets the cookie."""
    return browser.login.headers["Set-Cookie"]


@pytest.fixture(scope="module")
def csrf(browser):
    """Return the CSRF value of the login."""
    assert browser.login.json.get("csrf"), "POST /login must return a member csrf"
    return browser.login.json["csrf"]


def test_script_cannot_read_cookie(cookie):
    """The cookie is HttpOnly, so that scripts cannot read it."""
    assert "HttpOnly" in cookie


def test_script_cannot_read_token_in_body(browser):
    """The body of POST /login does not contain the token, because a script could read it there."""
    assert browser.get_cookie("token").value not in browser.login.text


def test_other_sites_do_not_send_cookie(cookie):
    """The cookie has SameSite=Strict or SameSite=Lax, so that browsers do not send it with a POST of another site."""
    assert "SameSite=Strict" in cookie or "SameSite=Lax" in cookie


def test_cookie_is_secure_in_production(monkeypatch):
    """The cookie is Secure if app.config["COOKIE_SECURE"] is true, so that browsers send it by HTTPS only."""
    monkeypatch.setitem(app.config, "COOKIE_SECURE", True)
    assert "; Secure" in log_in(app.test_client()).headers["Set-Cookie"]


def test_login_returns_csrf_value(browser):
    """POST /login returns a random text, the CSRF value, as the member csrf of its body. Each login has another one."""
    values = browser.login.json.get("csrf"), log_in(app.test_client()).json.get("csrf")
    assert all(isinstance(value, str) and len(value) >= 16 for value in values)
    assert len(set(values)) == 2


def test_post_without_csrf_value_is_403(browser):
    """POST /tasks responds 403 if the token is in the cookie and the header X-CSRF-Token is missing."""
    assert browser.post("/tasks", data={"title": "Forged"}, headers={"Origin": EVIL}).status_code == 403
    assert browser.post("/tasks", json={"title": "Forged"}).status_code == 403


def test_post_with_csrf_value_is_accepted(browser, csrf):
    """POST /tasks responds 201 if the header X-CSRF-Token has the CSRF value of the login."""
    assert browser.post("/tasks", json={"title": "Learn"}, headers={"X-CSRF-Token": csrf}).status_code == 201


def test_csrf_value_belongs_to_token(browser):
    """POST /tasks responds 403 to a CSRF value of another login: an attacker has an account too."""
    other = log_in(app.test_client()).json["csrf"]
    for value in (other, "", "x", "\u00e9"):
        headers = {"X-CSRF-Token": value}
        assert browser.post("/tasks", json={"title": "Forged"}, headers=headers).status_code == 403


def test_header_needs_no_csrf_value(browser):
    """POST /tasks needs no CSRF value if the token is in the header Authorization, which browsers do not add."""
    headers = {"Authorization": f"Bearer {browser.get_cookie('token').value}"}
    assert app.test_client().post("/tasks", json={"title": "Learn"}, headers=headers).status_code == 201


def test_get_needs_no_csrf_value(browser):
    """GET / needs no CSRF value, and responds 401 without a token."""
    assert browser.get("/").status_code == 200
    assert app.test_client().get("/").status_code == 401


@pytest.mark.parametrize("origin", [EVIL, "null", f"{FRONT_END}.evil.example", "http://127.0.0.1:51730"])
def test_other_origin_cannot_read(browser, origin):
    """A response has no header Access-Control-Allow-Origin if the request is from an origin that is not listed."""
    headers = browser.get("/", headers={"Origin": origin}).headers
    assert "Access-Control-Allow-Origin" not in headers
    assert "Access-Control-Allow-Credentials" not in headers


def test_listed_origin_can_read(browser):
    """The origin http://127.0.0.1:5173 is allowed, with credentials, and X-CSRF-Token is an allowed header."""
    headers = browser.get("/", headers={"Origin": FRONT_END}).headers
    assert headers["Access-Control-Allow-Origin"] == FRONT_END
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert "x-csrf-token" in headers["Access-Control-Allow-Headers"].lower()


def test_caches_tell_origins_apart(browser):
    """Each response has the header `Vary: Origin`, so that no cache returns the response for another origin."""
    assert "Origin" in browser.get("/").headers.get("Vary", "")


def test_title_is_text_and_not_markup(browser, csrf):
    """GET / shows the title of a task as text: `<script>` is written as `&lt;script&gt;`."""
    browser.post("/tasks", json={"title": "<script>alert(1)</script>"}, headers={"X-CSRF-Token": csrf})
    page = browser.get("/").text
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_browser_runs_no_script_in_page(browser):
    """GET / has a Content-Security-Policy of `default-src 'self'` or `'none'`, without 'unsafe-inline'."""
    policy = browser.get("/").headers.get("Content-Security-Policy", "")
    assert policy.startswith(("default-src 'self'", "default-src 'none'"))
    assert "unsafe-inline" not in policy
