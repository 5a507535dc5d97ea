"""Browsers: tokens in cookies, CSRF values beside them, and other sites kept out."""

from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
import time_machine
from conftest import PASSWORD

from taskapi.database import now

LOGIN, REFRESH, LOGOUT = "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/logout"
TASKS = "/api/v1/tasks"
NAMES = {"access_token_cookie", "refresh_token_cookie", "csrf_access_token", "csrf_refresh_token"}


class Browser:
    """A browser without scripts: a cookie jar that keeps to paths, and the two values that a page can read."""

    def __init__(self, app):
        self.client = app.test_client()

    def cookie(self, name):
        path = {"access_token_cookie": "/api", "refresh_token_cookie": "/api/v1/auth"}.get(name, "/")
        found = self.client.get_cookie(name, path=path)
        return found.value if found else None

    def send(self, method, url, csrf="csrf_access_token", **options):
        headers = {"X-CSRF-TOKEN": self.cookie(csrf)} if csrf and self.cookie(csrf) else {}
        return self.client.open(url, method=method, headers=headers, **options)


@pytest.fixture
def browser(app, new_person):
    """Somebody who has signed in with a browser."""
    browser = Browser(app)
    browser.username = new_person()
    credentials = {"username": browser.username, "password": PASSWORD, "cookies": True}
    browser.login = browser.client.post(LOGIN, json=credentials)
    assert browser.login.status_code == 200
    return browser


def test_a_login_with_cookies_shows_no_token_to_scripts(browser):
    assert browser.login.json.keys() == {"token_type", "expires_in", "refresh_expires_in", "session_id"}
    assert browser.login.json["token_type"] == "Cookie"


def test_cookies_carry_the_flags_that_protect_them(browser):
    cookies = {}
    for line in browser.login.headers.getlist("Set-Cookie"):
        cookies |= SimpleCookie(line)
    assert cookies.keys() == NAMES
    assert {name: cookie["path"] for name, cookie in cookies.items()} == {
        "access_token_cookie": "/api",
        "refresh_token_cookie": "/api/v1/auth",
        "csrf_access_token": "/",
        "csrf_refresh_token": "/",
    }
    assert {name for name, cookie in cookies.items() if cookie["httponly"]} == {
        "access_token_cookie",
        "refresh_token_cookie",
    }
    assert all(cookie["secure"] and cookie["samesite"] == "Strict" for cookie in cookies.values())
    assert all(604790 <= int(cookie["max-age"]) <= 604800 for cookie in cookies.values())


def test_secure_is_switched_off_by_its_setting_alone(make_app, browser):
    client = make_app(COOKIE_SECURE=False, COOKIE_SAMESITE="Lax").test_client()
    credentials = {"username": browser.username, "password": PASSWORD, "cookies": True}
    lines = client.post(LOGIN, json=credentials).headers.getlist("Set-Cookie")
    assert len(lines) == 4
    assert not [line for line in lines if "Secure" in line or "SameSite=Lax" not in line]


def test_a_browser_goes_through_a_day(browser):
    assert browser.send("POST", TASKS, json={"title": "Milk"}).status_code == 201
    with time_machine.travel(now() + timedelta(minutes=20)):
        assert browser.send("GET", TASKS).json["code"] == "token_expired"
        assert browser.send("POST", REFRESH, csrf="csrf_refresh_token").json["token_type"] == "Cookie"
        assert [task["title"] for task in browser.send("GET", TASKS).json["items"]] == ["Milk"]
        assert browser.send("POST", TASKS, json={"title": "Bread"}).status_code == 201
        answer = browser.send("POST", LOGOUT, csrf="csrf_refresh_token")
        assert answer.status_code == 204
        assert {browser.cookie(name) for name in NAMES} == {None}
        assert browser.send("GET", TASKS).json["code"] == "token_missing"


def test_two_tabs_that_refresh_together_stay_signed_in(browser):
    tab = Browser(browser.client.application)
    for line in browser.login.headers.getlist("Set-Cookie"):
        for name, cookie in SimpleCookie(line).items():
            tab.client.set_cookie(name, cookie.value, path=cookie["path"])
    with time_machine.travel(now() + timedelta(minutes=20)):
        assert browser.send("POST", REFRESH, csrf="csrf_refresh_token").status_code == 200
        assert tab.send("POST", REFRESH, csrf="csrf_refresh_token").status_code == 200
        assert browser.cookie("refresh_token_cookie") == tab.cookie("refresh_token_cookie")
        assert browser.send("GET", TASKS).status_code == tab.send("GET", TASKS).status_code == 200


@pytest.mark.parametrize("csrf", [None, "csrf_refresh_token"])
@pytest.mark.parametrize(
    ("method", "url", "body"),
    [("POST", TASKS, {"title": "Forged"}), ("POST", "/api/v1/auth/verify-password", {"password": PASSWORD})],
)
def test_an_unsafe_method_needs_the_access_tokens_csrf_value(browser, csrf, method, url, body):
    answer = browser.send(method, url, csrf=csrf, json=body)
    assert (answer.status_code, answer.json["code"]) == (403, "csrf_failed")


@pytest.mark.parametrize("csrf", [None, "csrf_access_token"])
@pytest.mark.parametrize("url", [REFRESH, LOGOUT])
def test_refresh_and_logout_need_the_refresh_tokens_csrf_value(browser, url, csrf):
    answer = browser.send("POST", url, csrf=csrf)
    assert (answer.status_code, answer.json["code"]) == (403, "csrf_failed")
    assert browser.send("GET", TASKS).status_code == 200


@pytest.mark.parametrize("value", ["é", "", "null", "x" * 5000])
def test_a_wrong_csrf_value_is_refused_whatever_it_is(browser, value):
    answer = browser.client.post(
        TASKS, json={"title": "Forged"}, headers={"X-CSRF-TOKEN": value.encode().decode("latin-1")}
    )
    assert (answer.status_code, answer.json["code"]) == (403, "csrf_failed")


def test_safe_methods_need_no_csrf_value(browser):
    assert browser.send("GET", TASKS, csrf=None).status_code == 200
    assert browser.send("HEAD", TASKS, csrf=None).status_code == 200


def test_the_header_decides_where_there_is_also_a_cookie(browser, signed_in):
    other = signed_in()
    headers = {"Authorization": f"Bearer {other.token}"}
    assert browser.client.get("/api/v1/me", headers=headers).json["username"] == other.username
    assert browser.client.post(TASKS, json={"title": "Mine"}, headers=headers).status_code == 201
    broken = browser.client.get("/api/v1/me", headers={"Authorization": "Bearer broken"})
    assert broken.json["code"] == "token_malformed"


def test_a_header_token_serves_no_cookie(browser, signed_in):
    browser.client.set_cookie("access_token_cookie", signed_in().token, path="/api")
    answer = browser.send("POST", TASKS, json={"title": "Forged"})
    assert (answer.status_code, answer.json["code"]) == (403, "csrf_failed")


def test_dead_cookies_are_taken_back_with_the_refusal(browser):
    other = Browser(browser.client.application)
    credentials = {"username": browser.username, "password": PASSWORD, "cookies": True}
    other.client.post(LOGIN, json=credentials)
    assert other.send("DELETE", "/api/v1/auth/sessions").status_code == 204
    answer = browser.send("POST", REFRESH, csrf="csrf_refresh_token")
    assert (answer.status_code, answer.json["code"]) == (401, "invalid_refresh_token")
    assert {browser.cookie(name) for name in NAMES} == {None}


def test_a_fresh_token_comes_by_cookie_to_whom_came_by_cookie(browser):
    browser.send("POST", REFRESH, csrf="csrf_refresh_token")
    before = browser.cookie("access_token_cookie")
    answer = browser.send("POST", "/api/v1/auth/verify-password", json={"password": PASSWORD})
    assert answer.json["token_type"] == "Cookie"
    assert "access_token" not in answer.json
    assert browser.cookie("access_token_cookie") != before
    assert browser.send("POST", TASKS, json={"title": "Milk"}).status_code == 201


def test_a_password_change_keeps_this_browser_signed_in(browser):
    change = {"current_password": PASSWORD, "new_password": "another long and odd sentence"}
    assert browser.send("PUT", "/api/v1/me/password", json=change).status_code == 204
    assert browser.send("POST", REFRESH, csrf="csrf_refresh_token").status_code == 200


def test_no_cross_site_form_can_sign_somebody_in(client, new_person):
    form = {"username": new_person(), "password": PASSWORD, "cookies": "true"}
    answer = client.post(LOGIN, data=form)
    assert answer.status_code == 415
    assert "Set-Cookie" not in answer.headers


def test_no_other_site_may_read_answers_by_default(client):
    answer = client.get("/api/v1/me", headers={"Origin": "https://front.example"})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


@pytest.fixture(scope="module")
def front(make_app):
    """An application that one front end of another site may use."""
    return make_app(CORS_ORIGINS="https://front.example,http://localhost:5173").test_client()


def test_a_listed_origin_may_read_answers_with_credentials(front):
    answer = front.get("/api/v1/me", headers={"Origin": "https://front.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://front.example"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    assert "Origin" in answer.headers["Vary"]


def test_a_preflight_is_answered_for_a_listed_origin(front):
    asks = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "PATCH"}
    asks["Access-Control-Request-Headers"] = "authorization, if-match, x-csrf-token"
    answer = front.options(f"{TASKS}/01a209e7-f68b-741c-8a7b-ef565a5bd3fe", headers=asks)
    assert answer.status_code == 200
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert set(answer.headers["Access-Control-Allow-Headers"].lower().split(", ")) == {
        "authorization",
        "if-match",
        "x-csrf-token",
    }


@pytest.mark.parametrize(
    "origin",
    ["https://front.example.evil.org", "https://evil.org", "http://front.example", "https://front.example:444", "null",
     "https://xfront.example", "https://frontxexample"],
)  # fmt: skip
def test_an_origin_that_is_not_listed_reads_nothing(front, origin):
    for method in ("GET", "OPTIONS"):
        answer = front.open("/api/v1/me", method=method, headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers
