"""The web client: user input is never executed, and all views are accessible on all screens."""

import pytest
from browser import violations
from conftest import PASSWORD, node_package
from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

ATTACKS = (
    "<img src=x onerror=hit()>",
    "<script>hit()</script>",
    '"><svg onload=hit()>',
    "javascript:hit()",
    "{{hit()}}${hit()}",
)
VIEWS = (
    "today", "inbox", "overdue", "upcoming", "all", "all?task={task}", "project/{project}", "label/{label}",
    "search/hit", "completed", "trash", "account", "admin/users", "admin/audit", "admin/statistics",
)  # fmt: skip

REPEATED_IDS = """() => {
    const ids = [...document.querySelectorAll('[id]')].map(element => element.id);
    return ids.filter((id, place) => ids.indexOf(id) < place);
}"""
GO = """place => new Promise(arrived => {
    addEventListener('hashchange', arrived, {once: true});
    location.hash = place;
})"""


@pytest.fixture
def filled(signed_in):
    """A user with every kind of resource, and an attack in each text; `places` has the parameters of the views."""
    user = signed_in("admin", name=ATTACKS[0])
    projects = [
        user.post("/api/v1/projects", json={"name": text, "description": text, "color": "#cc3366"}).json
        for text in ATTACKS
    ]
    tasks = [
        {
            "title": ATTACKS[0],
            "description": "\n".join(ATTACKS),
            "labels": list(ATTACKS),
            "project_id": projects[0]["id"],
        },
        {"title": ATTACKS[1], "due_date": "2020-01-01", "priority": "urgent"},
        {"title": ATTACKS[2], "due_date": "2031-01-01", "priority": "high", "status": "in_progress"},
        {"title": ATTACKS[3], "due_date": user.get("/api/v1/me").json["created_at"][:10], "priority": "low"},
        {"title": ATTACKS[4], "status": "done"},
        {"title": f"{ATTACKS[0]} gone"},
    ]
    created = [user.post("/api/v1/tasks", json=task).json for task in tasks]
    user.post("/api/v1/tasks", json={"title": ATTACKS[2], "parent_id": created[0]["id"]})
    user.delete(f"/api/v1/tasks/{created[5]['id']}")
    user.places = {"task": created[0]["id"], "project": projects[0]["id"], "label": "%3Cimg%20src=x%20onerror=hit()%3E"}
    return user


def go_through(page, places):
    """Open each view and wait until it is loaded."""
    for view in VIEWS:
        page.evaluate(GO, f"#/{view.format(**places)}")
        page.locator("main h1").wait_for()
        expect(page.locator("main [aria-busy=true], main .hint[role=status]")).to_have_count(0)
        yield view


def test_user_input_is_never_executed(browser, visit, filled, subtests):
    """The content security policy is off here; the next test has it on and fails on a violation."""
    attacked = browser.new_context(bypass_csp=True, user_agent=ATTACKS[0])
    attacked.add_init_script("window.hits = 0; window.hit = () => { hits += 1; }")
    page = visit("search/nothing", who=filled, within=attacked)
    for view in go_through(page, filled.places):
        with subtests.test(view=view):
            assert page.locator("img[src=x], script:not([src]), svg[onload], a[href^=javascript]").count() == 0
            assert page.evaluate("hits") == 0
    expect(page.get_by_role("navigation", name="Lists")).to_contain_text(ATTACKS[0])
    attacked.close()


def test_views_are_accessible_and_fit_all_screens(context, visit, filled, subtests):
    """Check with axe, in the light and the dark theme; no page is wider than the screen."""
    context.add_init_script(path=node_package("axe-core") / "axe.min.js")
    page = visit("search/nothing", who=filled)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    for view in go_through(page, filled.places):
        with subtests.test(view=view):
            assert violations(page) == []
            page.emulate_media(color_scheme="dark")
            assert violations(page, ["color-contrast"]) == []
            page.emulate_media(color_scheme="light")
            assert page.evaluate(REPEATED_IDS) == []
        for width in (390, 1280):
            with subtests.test(view=view, width=width):
                page.set_viewport_size({"width": width, "height": 844})
                assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_sign_in_is_accessible(context, page, site):
    context.add_init_script(path=node_package("axe-core") / "axe.min.js")
    page.goto(site)
    for mode in ("Create an account", "Sign in"):
        page.get_by_role("button", name=mode, exact=True).last.click()
        assert violations(page) == []


def test_dialog_is_accessible(context, visit):
    context.add_init_script(path=node_package("axe-core") / "axe.min.js")
    page = visit("all")
    page.emulate_media(reduced_motion="reduce")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    assert violations(page) == []


def test_first_page_and_samples_are_accessible(context, page, site, visit):
    context.add_init_script(path=node_package("axe-core") / "axe.min.js")
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(site)
    page.get_by_role("button", name="Try the demo").click()
    page.get_by_role("dialog", name="Your demo account").wait_for()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.clear_cookies()
    page = visit("all")
    page.get_by_role("region", name="Three things to try").wait_for()
    assert violations(page) == []


def test_filters_and_selection_are_accessible(context, visit, filled):
    context.add_init_script(path=node_package("axe-core") / "axe.min.js")
    page = visit("all?priority=urgent&priority=none&sort=title", who=filled)
    page.get_by_role("button", name="Sort and filter").click()
    page.get_by_role("button", name="Select tasks").click()
    page.get_by_role("button", name="Select all").click()
    for scheme, width in (("light", 360), ("dark", 1280)):
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(REPEATED_IDS) == []


def test_quick_add_is_accessible(context, visit):
    context.add_init_script(path=node_package("axe-core") / "axe.min.js")
    page = visit("all")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_label("Add a task").fill("Order bulbs !urgent @home #Garden tomorrow 18:00")
    expect(page.get_by_role("group", name="Recognized").get_by_role("button")).to_have_count(4)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Recognized").get_by_role("button")).to_have_count(3)


def test_dialog_over_a_form_repeats_no_id(context, visit, filled):
    page = visit("admin/users", who=filled)
    page.get_by_role("button", name="New user").click()
    page.get_by_label("Username").fill("another-user")
    page.get_by_label("Password").fill(PASSWORD)
    filled.delete("/api/v1/auth/sessions?include_current=true")
    # The stream of changes may open the dialog before this click, and then covers the button
    page.get_by_role("button", name="Create account").dispatch_event("click")
    page.get_by_role("dialog", name="Sign in again").wait_for()
    assert page.evaluate(REPEATED_IDS) == []
