"""Fixtures for the web client: a server, a user, and pages that are signed in."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from conftest import PASSWORD, AppFactory, SignIn, keep_connections
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect
from servers import wait_until
from werkzeug.serving import make_server

from tests.forging import SECRET, decode_token, sign

Visit = Callable[..., Page]
# A toast with an undo button disappears after 8 seconds, which is too short for a busy machine
KEEP_TOASTS = """
const originalSetTimeout = setTimeout;
window.setTimeout = (run, delay, ...values) => originalSetTimeout(run, delay === 8000 ? 2 ** 31 - 1 : delay, ...values);
"""


@pytest.fixture(scope="session")
def site(make_app: AppFactory) -> Iterator[str]:
    """Serve the application with a known key on a free port; returns its URL."""
    with serve(make_app(JWT_SECRET_KEY=SECRET)) as url:
        yield url


@contextmanager
def serve(app: Flask, port: int = 0) -> Iterator[str]:
    """Serve an application on a free port, or on a given one; yields its URL."""
    keep_connections(app)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def user(signed_in: SignIn) -> FlaskClient:
    """The user of the web client, as an API client on another device."""
    return signed_in(name="Ada")


@pytest.fixture
def visit(site: str, context: BrowserContext, user: FlaskClient) -> Visit:
    """Return a function that opens a route in a new tab, signed in."""

    def open_tab(place: str = "today", *, who: Any = user, within: BrowserContext = context) -> Page:
        if not within.cookies():
            sign_in_by_cookies(within, site, who.username)
        page = within.new_page()
        page.add_init_script(KEEP_TOASTS)
        page.goto(f"{site}/#/{place}")
        page.locator("main h1").wait_for()
        expect(page.locator("main [aria-busy=true]")).to_have_count(0)
        return page

    return open_tab


@pytest.fixture
def busy(context: BrowserContext) -> Callable[[Page], None]:
    """Let the server refuse new tasks. Returns a function that ends this and makes a tab send again."""
    response = {"status": 503, "headers": {"Retry-After": "600"}, "json": {"code": "unavailable"}}
    context.route("**/api/v1/tasks", lambda route: route.fulfill(**response))

    def end(page: Page) -> None:
        context.unroute("**/api/v1/tasks")
        page.evaluate("window.dispatchEvent(new Event('online'))")

    return end


@pytest.fixture
def stable_day() -> None:
    """Wait for the next hour if it begins within a minute: in some time zone a new day begins with it."""
    if (left := 3600 - time.time() % 3600) < 60:
        time.sleep(left)


def saved(page: Page) -> None:
    """Wait until the outbox is empty."""
    waiting = "Object.keys(localStorage).some(key => key.startsWith('taskapi.outbox'))"
    wait_until(lambda: not page.evaluate(waiting), 30)


def row(page: Page, title: str) -> Locator:
    """Return the row of a task."""
    return page.locator(".row", has=page.get_by_role("link", name=title, exact=True))


def add(page: Page, line: str) -> None:
    """Add a task by quick add."""
    page.get_by_label("Add a task").fill(line)
    page.keyboard.press("Enter")


def expire(context: BrowserContext) -> None:
    """Replace the access token of a browser by one that expired."""
    cookie = next(each for each in context.cookies() if each["name"] == "access_token")
    header, claims = decode_token(cookie["value"])
    older = {name: claims[name] - 3600 for name in ("iat", "nbf", "exp")}
    context.add_cookies([{**cookie, "value": sign(header, {**claims, **older})}])


def hide_route(context: BrowserContext, site: str, path: str) -> None:
    """Serve the page as if the server had no such route."""

    def change_page(route: Route) -> None:
        response = route.fetch()
        text = response.text()
        assert path in text
        route.fulfill(response=response, body=text.replace(path, "/none"))

    context.route(f"{site}/", change_page)


def sign_in_by_cookies(context: BrowserContext, site: str, username: str) -> None:
    """Sign in a browser without the sign-in page."""
    credentials = {"username": username, "password": PASSWORD, "cookies": True}
    response = context.request.post(f"{site}/api/v1/auth/login", data=credentials)
    assert response.ok, response.text()
