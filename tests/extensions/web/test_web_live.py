"""The web client and the stream of changes: changes made elsewhere appear at once, without a stream by polling."""

import pytest
from playwright.sync_api import expect
from servers import wait_until
from web_client import row

from tests.surface import needs

pytestmark = [pytest.mark.slow, needs("live_updates")]

TASKS = "/api/v1/tasks"
STREAM = "**/changes/stream*"
NO_POLLING = """
const originalSetInterval = setInterval;
window.setInterval = (run, delay) => originalSetInterval(run, delay === 10000 ? 2 ** 31 - 1 : delay);
"""


@pytest.fixture
def streams(context):
    """The statuses of the responses to streams."""
    found = []
    context.on("response", lambda response: found.append(response.status) if "/stream" in response.url else None)
    return found


def test_change_made_elsewhere_appears_without_polling(user, other, context, visit, streams):
    context.add_init_script(NO_POLLING)
    page = visit("all")
    wait_until(lambda: page.evaluate("true") and streams == [200])
    for title in ("Rake the leaves", "Sweep the path", "Oil the gate"):
        other.post(TASKS, json={"title": f"{title} of somebody else"})
        user.post(TASKS, json={"title": title})
        expect(row(page, title)).to_have_count(1, timeout=5000)
    expect(row(page, "of somebody else")).to_have_count(0)
    assert streams == [200]


def test_page_polls_while_the_stream_is_refused(user, context, visit, streams):
    context.route(STREAM, lambda route: route.fulfill(status=503, content_type="application/problem+json", body="{}"))
    page = visit("all")
    user.post(TASKS, json={"title": "Rake the leaves"})
    expect(row(page, "Rake the leaves")).to_have_count(1)
    assert set(streams) == {503}
    assert len(streams) <= 3


def test_stream_opens_again_after_its_session_has_a_new_token(user, context, visit, streams):
    """A refused stream means that the token may have expired: a poll refreshes it."""
    context.add_init_script(NO_POLLING)
    context.route(STREAM, lambda route: route.fulfill(status=401, body="{}"), times=1)
    page = visit("all")
    wait_until(lambda: page.evaluate("true") and streams == [401, 200])
    user.post(TASKS, json={"title": "Rake the leaves"})
    expect(row(page, "Rake the leaves")).to_have_count(1, timeout=5000)
