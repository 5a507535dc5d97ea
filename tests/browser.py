"""A Chromium for browser tests: one for each test session, with a new context for each test."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from conftest import program
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

QUIET = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
HOME = {"127.0.0.1", "localhost"}
PATIENCE = 30_000  # milliseconds, on machines that do much else
REPORT = "addEventListener('securitypolicyviolation', e => console.error('CSP', e.effectiveDirective, e.blockedURI))"


class Watch:
    """Records script errors, policy violations and requests to other hosts."""

    def __init__(self, context: BrowserContext) -> None:
        self.complaints: list[str] = []
        self.expected: tuple[str, ...] = ("Failed to load resource",)  # the browser's word for an answer of 4xx
        context.add_init_script(REPORT)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(f"error: {error.error}"))
        context.on("request", lambda request: self._see(request.url))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(self.expected):
            self.complaints.append(f"console: {message.text}")

    def _see(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob", "about"} and parts.hostname not in HOME:
            self.complaints.append(f"request: {url}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of the system."""
    path = program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*QUIET])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A new browser context. The test fails on script errors, policy violations and requests to other hosts."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    watch = Watch(context)
    yield context
    context.close()
    assert watch.complaints == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of the context."""
    return context.new_page()
