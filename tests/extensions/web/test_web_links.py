"""The web client: links in notes can be clicked, and nothing but links."""

import pytest
from playwright.sync_api import expect
from web_client import saved

from taskapi.extensions.web.routes import RELEASE

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

LINKS = {  # a text, and the URLs of its links
    "See https://example.org/a?b=1&c=2#d.": ["https://example.org/a?b=1&c=2#d"],
    "(https://example.org/a_(b))": ["https://example.org/a_(b)"],
    "HTTP://EXAMPLE.ORG, mailto:ada@example.org!": ["http://example.org/", "mailto:ada@example.org"],
    "https://example.org/ü": ["https://example.org/%C3%BC"],
    'https://example.org/"onmouseover="hit()"': ["https://example.org/"],
    "“https://example.org/'onclick='hit()”": ["https://example.org/'onclick='hit()"],
    "<a href=https://example.org/>x</a>": ["https://example.org/"],
    "javascript:hit() JaVaScRiPt:hit() java\nscript:hit() vbscript:hit()": [],
    "data:text/html,hit ftp://example.org file:///etc/passwd blob:https": [],
    "https:// http://[ https://?": [],
    "example.org ada@example.org xhttps://example.org": [],
}
HREFS = "m.splitLinks(text).filter(part => part.href).map(part => part.href)"
JOINED = "m.splitLinks(text).map(part => part.text).join('')"


def test_only_safe_schemes_become_links(page, site, subtests):
    page.goto(site)
    for text, hrefs in LINKS.items():
        with subtests.test(text=text):
            script = f"async text => {{ const m = await import('/static/{RELEASE}/text/links.js'); return X; }}"
            assert page.evaluate(script.replace("X", HREFS), text) == hrefs
            assert page.evaluate(script.replace("X", JOINED), text) == text


def test_links_in_a_description_can_be_clicked(user, visit, context, site):
    text = f'Ideas: {site}/docs/ and javascript:hit() and {site}/"onclick="hit()'
    task = user.post("/api/v1/tasks", json={"title": "Plan", "description": text}).json
    page = visit(f"all?task={task['id']}")
    links = page.get_by_role("group", name="Links").get_by_role("link")
    expect(links).to_have_count(2)
    expect(links.last).to_have_attribute("href", f"{site}/")
    expect(links.first).to_have_attribute("rel", "noopener noreferrer")
    assert page.locator("[onclick]").count() == 0
    with context.expect_page() as opened:
        links.first.click()
    assert opened.value.url == f"{site}/docs/"
    assert opened.value.evaluate("window.opener") is None
    description = page.get_by_label("Description", exact=True)
    description.focus()
    page.keyboard.press("Tab")
    expect(links.first).to_be_focused()  # by keyboard, too
    description.fill("No link any more")
    expect(links).to_have_count(0)
    description.blur()
    saved(page)
    assert user.get(f"/api/v1/tasks/{task['id']}").json["description"] == "No link any more"


def test_words_beside_links_stay_editable_and_in_place(user, visit):
    task = user.post("/api/v1/tasks", json={"title": "Plan", "description": "One two\nhttps://example.org/ three"}).json
    page = visit(f"all?task={task['id']}")
    box, layer = (page.locator(part).bounding_box() for part in (".linked-field textarea", ".link-layer"))
    assert box == layer
    page.get_by_text("One two").last.click(force=True)
    expect(page.get_by_label("Description", exact=True)).to_be_focused()


def test_links_in_a_project_note_can_be_clicked(user, visit):
    project = user.post(
        "/api/v1/projects", json={"name": "Home", "description": "Plan: https://example.org/plan."}
    ).json
    page = visit(f"project/{project['id']}")
    expect(page.get_by_role("link", name="https://example.org/plan", exact=True)).to_have_attribute("target", "_blank")
    expect(page.locator(".note")).to_have_text("Plan: https://example.org/plan.")
