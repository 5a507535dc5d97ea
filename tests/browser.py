"""A Chromium for browser tests: one for each test session, with a new context for each test."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from conftest import program
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

CHROMIUM_ARGS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
LOCAL_HOSTS = {"127.0.0.1", "localhost"}
TIMEOUT_MS = 30_000  # for busy machines
ANIMATIONS_END = """() => Promise.allSettled(document.getAnimations()
  .filter(({ effect }) => effect.getComputedTiming().endTime !== Infinity).map(({ finished }) => finished))"""
REPORT_VIOLATIONS = (
    "addEventListener('securitypolicyviolation', e => console.error('CSP', e.effectiveDirective, e.blockedURI))"
)


class PageMonitor:
    """Records script errors, policy violations and requests to other hosts."""

    def __init__(self, context: BrowserContext) -> None:
        self.problems: list[str] = []
        self.expected: tuple[str, ...] = ("Failed to load resource",)  # Chromium logs this for a 4xx response
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._check_console)
        context.on("weberror", lambda error: self.problems.append(f"error: {error.error}"))
        context.on("request", lambda request: self._check_request(request.url))

    def _check_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(self.expected):
            self.problems.append(f"console: {message.text}")

    def _check_request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob", "about"} and parts.hostname not in LOCAL_HOSTS:
            self.problems.append(f"request: {url}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of the system."""
    path = program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*CHROMIUM_ARGS])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A new browser context. The test fails on script errors, policy violations and requests to other hosts."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)
    monitor = PageMonitor(context)
    yield context
    context.close()
    assert monitor.problems == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of the context."""
    return context.new_page()


def violations(page: Page, rules: list[str] | None = None) -> list[tuple[str, list[str]]]:
    """Return the accessibility errors that axe finds; a script of the context has loaded axe."""
    only = {"runOnly": {"type": "rule", "values": rules}} if rules else {}
    page.evaluate(ANIMATIONS_END)  # while a dialog appears, its text has less contrast
    result = page.evaluate("options => axe.run(document, options)", {"resultTypes": ["violations"], **only})
    return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in result["violations"]]
