"""The browser client at work: served for real, and a person who is at it in a browser."""

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from conftest import PASSWORD, POOLS, AppFactory, SignIn
from flask.testing import FlaskClient
from playwright.sync_api import BrowserContext, Locator, Page, expect
from servers import wait_until
from werkzeug.serving import make_server

from taskapi.database import db
from tests.forging import SECRET, opened, sign

Visit = Callable[..., Page]
expect.set_options(timeout=10_000)  # machines that test on all their cores are slow to draw


@pytest.fixture(scope="session")
def site(make_app: AppFactory) -> Iterator[str]:
    """The application on a port of its own, its key known; returns its address."""
    app = make_app(JWT_SECRET_KEY=SECRET)
    with app.app_context():
        own = {*db.engines.values()}
    POOLS[:] = [pool for pool in POOLS if pool not in own]  # a tab may still ask for something as its test ends
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def person(signed_in: SignIn) -> FlaskClient:
    """Somebody who has the client open, and this API client on another device."""
    return signed_in(name="Ada")


@pytest.fixture
def visit(site: str, context: BrowserContext, person: FlaskClient) -> Visit:
    """Open a place of the client in a tab, signed in."""

    def open_tab(place: str = "today", *, who: Any = person, within: BrowserContext = context) -> Page:
        if not within.cookies():
            sign_in_by_cookies(within, site, who.username)
        page = within.new_page()
        page.goto(f"{site}/#/{place}")
        page.locator("main h1").wait_for()
        expect(page.locator("main [aria-busy=true]")).to_have_count(0)
        return page

    return open_tab


def saved(page: Page) -> None:
    """Wait until the server has everything that was done here."""
    waiting = "Object.keys(localStorage).some(key => key.startsWith('taskapi.outbox'))"
    wait_until(lambda: not page.evaluate(waiting), 10)


def row(page: Page, title: str) -> Locator:
    """The row of a task."""
    return page.locator(".row", has=page.get_by_role("link", name=title, exact=True))


def add(page: Page, line: str) -> None:
    """Write a line into quick add."""
    page.get_by_label("Add a task").fill(line)
    page.keyboard.press("Enter")


def expire(context: BrowserContext) -> None:
    """Let the access token of a browser be an hour older than it is."""
    cookie = next(each for each in context.cookies() if each["name"] == "access_token")
    header, claims = opened(cookie["value"])
    older = {name: claims[name] - 3600 for name in ("iat", "nbf", "exp")}
    context.add_cookies([{**cookie, "value": sign(header, {**claims, **older})}])


def sign_in_by_cookies(context: BrowserContext, site: str, username: str) -> None:
    """Sign a browser in without the page."""
    credentials = {"username": username, "password": PASSWORD, "cookies": True}
    answer = context.request.post(f"{site}/api/v1/auth/login", data=credentials)
    assert answer.ok, answer.text()
