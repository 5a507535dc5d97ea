"""Tokens in cookies, and CSRF protection."""

from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
import time_machine
from conftest import PASSWORD
from surface import needs

from taskapi.config import SettingsError
from taskapi.database import now

LOGIN, REFRESH, LOGOUT = "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/logout"
TASKS = "/api/v1/tasks"
SESSIONS, PASSWORDS = "/api/v1/auth/sessions", "/api/v1/me/password"
CHANGE = {"current_password": PASSWORD, "new_password": "another long and odd sentence"}
NAMES = {"access_token", "refresh_token", "csrf_access_token", "csrf_refresh_token"}
HTTPS = {"wsgi.url_scheme": "https"}


class Browser:
    """A browser without scripts: a cookie jar, and the two values that a page can read."""

    def __init__(self, app):
        self.client = app.test_client()

    def cookie(self, name):
        found = self.client.get_cookie(name)
        return found.value if found else None

    def send(self, method, url, csrf="csrf_access_token", **options):
        headers = {"X-CSRF-TOKEN": self.cookie(csrf)} if csrf and self.cookie(csrf) else {}
        return self.client.open(url, method=method, headers=headers, **options)


@pytest.fixture
def browser(app, new_user):
    """A user who has signed in with a browser."""
    browser = Browser(app)
    browser.username = new_user()
    credentials = {"username": browser.username, "password": PASSWORD, "cookies": True}
    browser.login = browser.client.post(LOGIN, json=credentials)
    assert browser.login.status_code == 200
    return browser


def cookies_of(response):
    """Return the token cookies that a response sets, by name."""
    found = {}
    for line in response.headers.getlist("Set-Cookie"):
        found |= SimpleCookie(line) if "device=" not in line else {}
    return found


def assert_signed_out(response, browser):
    """Assert that the response deletes all cookies and the browser's cache."""
    assert {name: cookie["max-age"] for name, cookie in cookies_of(response).items()} == dict.fromkeys(NAMES, "0")
    assert {browser.cookie(name) for name in NAMES} == {None}
    assert response.headers["Clear-Site-Data"] == '"cache"'


def test_login_with_cookies_returns_csrf_values_and_no_token(browser):
    said = browser.login.json
    assert said.keys() == {
        "token_type", "expires_in", "refresh_expires_in", "session_id", "csrf_access_token", "csrf_refresh_token",
    }  # fmt: skip
    assert said["token_type"] == "Cookie"
    assert [said[name] for name in ("csrf_access_token", "csrf_refresh_token")] == [
        browser.cookie("csrf_access_token"),
        browser.cookie("csrf_refresh_token"),
    ]


def test_csrf_values_of_the_body_suffice_for_another_origin(browser):
    said = browser.login.json
    proof = {"X-CSRF-TOKEN": said["csrf_access_token"]}
    assert browser.client.post(TASKS, json={"title": "Milk"}, headers=proof).status_code == 201
    refreshed = browser.client.post(REFRESH, headers={"X-CSRF-TOKEN": said["csrf_refresh_token"]}).json
    assert refreshed.keys() == said.keys()
    assert browser.client.post(TASKS, json={"title": "Bread"}, headers=proof).json["code"] == "csrf_failed"
    proof = {"X-CSRF-TOKEN": refreshed["csrf_access_token"]}
    assert browser.client.post(TASKS, json={"title": "Bread"}, headers=proof).status_code == 201
    response = browser.client.post(LOGOUT, headers={"X-CSRF-TOKEN": refreshed["csrf_refresh_token"]})
    assert response.status_code == 204


@pytest.mark.parametrize(
    ("settings", "scheme", "secure"),
    [
        ({}, "http", False),
        ({}, "https", True),
        ({"COOKIE_SECURE": True}, "http", True),
        ({"COOKIE_SECURE": False}, "https", False),
        ({"ENV": "production"}, "https", True),
        ({"ENV": "production", "COOKIE_SECURE": False}, "https", False),
    ],
)
def test_cookies_have_protective_attributes(make_app, new_user, settings, scheme, secure):
    settings = {"JWT_SECRET_KEY": "fT5yXq8Zr2Nw7Ks4Vb9Hm3Jc6Pd1Lg0A", "TRUSTED_HOSTS": "localhost", **settings}
    client = make_app(**settings).test_client()
    credentials = {"username": new_user(), "password": PASSWORD, "cookies": True}
    response = client.post(LOGIN, json=credentials, environ_overrides={"wsgi.url_scheme": scheme})
    cookies = cookies_of(response)
    prefix = "__Host-" if secure else ""
    assert cookies.keys() == {prefix + name for name in NAMES}
    readable = {prefix + "csrf_access_token", prefix + "csrf_refresh_token"}
    assert {name for name, cookie in cookies.items() if not cookie["httponly"]} == readable
    for cookie in cookies.values():
        assert (bool(cookie["secure"]), cookie["path"], cookie["domain"]) == (secure, "/", "")
        assert cookie["samesite"] == "Strict"
        assert 604790 <= int(cookie["max-age"]) <= 604800


def test_samesite_is_a_setting(make_app, browser):
    client = make_app(COOKIE_SAMESITE="Lax").test_client()
    credentials = {"username": browser.username, "password": PASSWORD, "cookies": True}
    assert {each["samesite"] for each in cookies_of(client.post(LOGIN, json=credentials)).values()} == {"Lax"}


def test_samesite_none_requires_secure_cookies(make_app):
    with pytest.raises(SettingsError, match="COOKIE_SAMESITE: None needs COOKIE_SECURE=true"):
        make_app(COOKIE_SAMESITE="None")
    with pytest.raises(SettingsError, match="COOKIE_SAMESITE"):
        make_app(COOKIE_SAMESITE="None", COOKIE_SECURE=False)
    make_app(COOKIE_SAMESITE="None", COOKIE_SECURE=True)


def test_cookie_path_is_the_path_prefix(app, browser):
    credentials = {"username": browser.username, "password": PASSWORD, "cookies": True}

    def paths(**environ):
        client = app.test_client()
        response = client.post(LOGIN, json=credentials, environ_overrides={"SCRIPT_NAME": "/tasks", **environ})
        return {name: cookie["path"] for name, cookie in cookies_of(response).items()}

    assert paths() == dict.fromkeys(NAMES, "/tasks")
    assert paths(**HTTPS) == {f"__Host-{name}": "/" for name in NAMES}


def test_cookie_without_host_prefix_is_ignored_over_https(browser):
    cookie = f"access_token={browser.cookie('access_token')}"
    bare = browser.client.application.test_client(use_cookies=False)
    assert bare.get(TASKS, headers={"Cookie": cookie}).status_code == 200
    assert bare.get(TASKS, headers={"Cookie": cookie}, environ_overrides=HTTPS).json["code"] == "token_missing"


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("method", "url"), [("GET", TASKS), ("POST", TASKS), ("POST", REFRESH), ("POST", LOGOUT)])
def test_two_cookies_of_one_name_are_refused(browser, new_user, order, method, url):
    attacker = Browser(browser.client.application)
    attacker.client.post(LOGIN, json={"username": new_user(), "password": PASSWORD, "cookies": True})
    name = "access_token" if url == TASKS else "refresh_token"
    both = "; ".join(f"{name}={each.cookie(name)}" for each in (browser, attacker)[::order])
    bare = browser.client.application.test_client(use_cookies=False)
    for proof in (browser, attacker):
        headers = {"Cookie": both, "X-CSRF-TOKEN": proof.cookie(f"csrf_{name}")}
        response = bare.open(url, method=method, headers=headers, json={"title": "Tossed"} if url == TASKS else None)
        assert (response.status_code, response.json["code"]) == (400, "malformed_request")
        assert name in response.json["detail"]
    assert browser.send("GET", TASKS).json["items"] == attacker.send("GET", TASKS).json["items"] == []


def test_same_cookie_twice_is_accepted(browser):
    bare = browser.client.application.test_client(use_cookies=False)
    cookie = f"access_token={browser.cookie('access_token')}"
    assert bare.get(TASKS, headers={"Cookie": f"{cookie}; {cookie}"}).status_code == 200


def test_browser_signs_in_refreshes_and_signs_out_with_cookies(browser):
    assert browser.send("POST", TASKS, json={"title": "Milk"}).status_code == 201
    with time_machine.travel(now() + timedelta(minutes=20)):
        assert browser.send("GET", TASKS).json["code"] == "token_expired"
        assert browser.send("POST", REFRESH, csrf="csrf_refresh_token").json["token_type"] == "Cookie"
        assert [task["title"] for task in browser.send("GET", TASKS).json["items"]] == ["Milk"]
        assert browser.send("POST", TASKS, json={"title": "Bread"}).status_code == 201
        response = browser.send("POST", LOGOUT, csrf="csrf_refresh_token")
        assert response.status_code == 204
        assert_signed_out(response, browser)
        assert browser.send("GET", TASKS).json["code"] == "token_missing"


def test_two_tabs_that_refresh_together_stay_signed_in(browser):
    tab = Browser(browser.client.application)
    for line in browser.login.headers.getlist("Set-Cookie"):
        for name, cookie in SimpleCookie(line).items():
            tab.client.set_cookie(name, cookie.value, path=cookie["path"])
    with time_machine.travel(now() + timedelta(minutes=20)):
        assert browser.send("POST", REFRESH, csrf="csrf_refresh_token").status_code == 200
        assert tab.send("POST", REFRESH, csrf="csrf_refresh_token").status_code == 200
        assert browser.cookie("refresh_token") == tab.cookie("refresh_token")
        assert browser.send("GET", TASKS).status_code == tab.send("GET", TASKS).status_code == 200


@pytest.mark.parametrize("csrf", [None, "csrf_refresh_token"])
@pytest.mark.parametrize(
    ("method", "url", "body"),
    [("POST", TASKS, {"title": "Forged"}), ("POST", "/api/v1/auth/verify-password", {"password": PASSWORD})],
)
def test_unsafe_method_requires_the_csrf_value_of_the_access_token(browser, csrf, method, url, body):
    response = browser.send(method, url, csrf=csrf, json=body)
    assert (response.status_code, response.json["code"]) == (403, "csrf_failed")


@pytest.mark.parametrize("csrf", [None, "csrf_access_token"])
@pytest.mark.parametrize("url", [REFRESH, LOGOUT])
def test_refresh_and_logout_require_their_csrf_value(browser, url, csrf):
    response = browser.send("POST", url, csrf=csrf)
    assert (response.status_code, response.json["code"]) == (403, "csrf_failed")
    assert browser.send("GET", TASKS).status_code == 200


@pytest.mark.parametrize("value", ["é", "", "null", "x" * 5000])
def test_wrong_csrf_value_is_refused(browser, value):
    response = browser.client.post(
        TASKS, json={"title": "Forged"}, headers={"X-CSRF-TOKEN": value.encode().decode("latin-1")}
    )
    assert (response.status_code, response.json["code"]) == (403, "csrf_failed")


def test_safe_method_requires_no_csrf_value(browser):
    assert browser.send("GET", TASKS, csrf=None).status_code == 200
    assert browser.send("HEAD", TASKS, csrf=None).status_code == 200


def test_header_takes_precedence_over_the_cookie(browser, signed_in):
    other = signed_in()
    headers = {"Authorization": f"Bearer {other.token}"}
    assert browser.client.get("/api/v1/me", headers=headers).json["username"] == other.username
    assert browser.client.post(TASKS, json={"title": "Mine"}, headers=headers).status_code == 201
    broken = browser.client.get("/api/v1/me", headers={"Authorization": "Bearer broken"})
    assert broken.json["code"] == "token_malformed"


def test_header_token_without_csrf_is_refused_as_a_cookie(browser, signed_in):
    browser.client.set_cookie("access_token", signed_in().token)
    response = browser.send("POST", TASKS, json={"title": "Forged"})
    assert (response.status_code, response.json["code"]) == (403, "csrf_failed")


def test_refused_refresh_clears_the_cookies(browser):
    other = Browser(browser.client.application)
    credentials = {"username": browser.username, "password": PASSWORD, "cookies": True}
    other.client.post(LOGIN, json=credentials)
    assert other.send("DELETE", SESSIONS).status_code == 200
    response = browser.send("POST", REFRESH, csrf="csrf_refresh_token")
    assert (response.status_code, response.json["code"]) == (401, "invalid_refresh_token")
    assert_signed_out(response, browser)


def test_verify_password_returns_a_cookie_to_a_cookie_client(browser):
    browser.send("POST", REFRESH, csrf="csrf_refresh_token")
    before = browser.cookie("access_token")
    response = browser.send("POST", "/api/v1/auth/verify-password", json={"password": PASSWORD})
    assert response.json["token_type"] == "Cookie"
    assert "access_token" not in response.json
    assert browser.cookie("access_token") != before
    assert browser.send("POST", TASKS, json={"title": "Milk"}).status_code == 201


@pytest.mark.parametrize(("method", "url", "body"), [("PUT", PASSWORDS, CHANGE), ("DELETE", SESSIONS, None)])
def test_new_session_replaces_the_cookies_of_the_old_one(browser, method, url, body):
    """Copied cookies of the old session are refused, and the browser continues with new ones."""
    before = {name: browser.cookie(name) for name in NAMES}
    response = browser.send(method, url, json=body)
    assert response.status_code == 200
    assert response.json.keys() == browser.login.json.keys()
    assert response.json["session_id"] != browser.login.json["session_id"]
    assert not before.items() & {name: browser.cookie(name) for name in NAMES}.items()
    assert browser.send("POST", TASKS, json={"title": "Milk"}).status_code == 201
    assert browser.send("POST", REFRESH, csrf="csrf_refresh_token").status_code == 200
    thief = browser.client.application.test_client(use_cookies=False)
    stolen = {"Cookie": f"access_token={before['access_token']}"}
    assert thief.get(TASKS, headers=stolen).json["code"] == "token_revoked"
    stolen = {"Cookie": f"refresh_token={before['refresh_token']}", "X-CSRF-TOKEN": before["csrf_refresh_token"]}
    assert thief.post(REFRESH, headers=stolen).json["code"] == "invalid_refresh_token"


def test_ending_the_own_session_clears_its_cookies(browser):
    session = browser.login.json["session_id"]
    response = browser.send("DELETE", f"{SESSIONS}/{session}")
    assert response.status_code == 204
    assert_signed_out(response, browser)


def test_ending_all_sessions_clears_the_cookies(browser):
    response = browser.send("DELETE", f"{SESSIONS}?include_current=true")
    assert response.status_code == 204
    assert_signed_out(response, browser)


def test_ending_another_session_keeps_the_cookies(browser):
    credentials = {"username": browser.username, "password": PASSWORD}
    other = browser.client.application.test_client().post(LOGIN, json=credentials).json["session_id"]
    response = browser.send("DELETE", f"{SESSIONS}/{other}")
    assert response.status_code == 204
    assert not response.headers.getlist("Set-Cookie")
    assert "Clear-Site-Data" not in response.headers


def test_deleting_the_account_clears_the_cookies(browser):
    response = browser.send("DELETE", "/api/v1/me")
    assert response.status_code == 204
    assert_signed_out(response, browser)


@needs("admin")
@pytest.mark.parametrize(
    ("method", "path", "body"), [("POST", "/sign-out", None), ("PATCH", "", {"active": False}), ("DELETE", "", None)]
)
def test_admin_who_ends_their_own_session_loses_its_cookies(app, new_user, method, path, body):
    new_user("admin")  # another admin must remain
    admin = Browser(app)
    username = new_user("admin")
    admin.client.post(LOGIN, json={"username": username, "password": PASSWORD, "cookies": True})
    user_id = admin.send("GET", "/api/v1/me").json["id"]
    response = admin.send(method, f"/api/v1/admin/users/{user_id}{path}", json=body)
    assert response.status_code in {200, 204}
    assert_signed_out(response, admin)


def test_logout_by_header_keeps_cookies_of_another_session(browser, signed_in):
    headers = {"Authorization": f"Bearer {signed_in().token}"}
    for method, url in [("DELETE", f"{SESSIONS}?include_current=true"), ("POST", LOGOUT)]:
        response = browser.client.open(url, method=method, headers=headers)
        assert not response.headers.getlist("Set-Cookie")
    assert browser.send("GET", TASKS).status_code == 200


def test_cross_site_form_cannot_sign_in(client, new_user):
    form = {"username": new_user(), "password": PASSWORD, "cookies": "true"}
    response = client.post(LOGIN, data=form)
    assert response.status_code == 415
    assert "Set-Cookie" not in response.headers
