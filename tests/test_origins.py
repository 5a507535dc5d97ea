"""Front ends on other ports and sibling hosts in a real browser, with the example client."""

import secrets
from pathlib import Path

import pytest
from browser import CHROMIUM_ARGS
from conftest import PASSWORD, program
from front_ends import Servers, expire_cookie
from playwright.sync_api import Error, expect

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parent.parent / "examples"
PAGE = """<!doctype html><meta charset="utf-8"><title>Front end</title>
<script type="module">
import { TaskApi, SignInRequired } from "/fetch/client.js";
import { Bearer, Cookies, otherOrigin } from "/fetch/session.js";
window.begin = (base, mode) => {
  const session = mode === "Bearer" ? new Bearer() : new Cookies(otherOrigin());
  window.api = new TaskApi(base, session);
  window.SignInRequired = SignInRequired;
};
</script>"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of a front end: one page and the example client."""
    folder = tmp_path_factory.mktemp("front")
    (folder / "index.html").write_text(PAGE)
    (folder / "fetch").symlink_to(EXAMPLES / "fetch")
    return folder


@pytest.fixture(scope="module")
def ports(make_app, files, tmp_path_factory):
    """Two ports of localhost over plain HTTP, as in development."""
    servers = Servers(make_app, tmp_path_factory.mktemp("ports"), files)
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def siblings(make_app, files, tmp_path_factory):
    """Two hosts of one domain over HTTPS, as in production."""
    settings = {"ENV": "production", "TRUSTED_HOSTS": "api.taskapi.test"}
    hosts = ("app.taskapi.test", "api.taskapi.test")
    servers = Servers(make_app, tmp_path_factory.mktemp("siblings"), files, hosts, "https", **settings)
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def sites(make_app, files, tmp_path_factory):
    """Two sites over HTTPS: this browser, as most, sends no cookies from one to the other."""
    hosts = ("app.taskapi.test", "api.other.test")
    servers = Servers(make_app, tmp_path_factory.mktemp("sites"), files, hosts, "https")
    yield servers
    servers.stop()


@pytest.fixture(params=["ports", "siblings"])
def servers(request):
    """Either of them."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def chromium(browser):
    """A browser that resolves the test hosts to this machine and has a back-forward cache."""
    args = [*CHROMIUM_ARGS, "--host-resolver-rules=MAP *.test 127.0.0.1"]
    path = program("chromium", "chromium-browser", "google-chrome")
    started = browser.browser_type.launch(
        executable_path=path, args=args, ignore_default_args=["--disable-back-forward-cache"]
    )
    yield started
    started.close()


@pytest.fixture
def context(chromium):
    """A new browser profile."""
    context = chromium.new_context(ignore_https_errors=True)
    context.set_default_timeout(30_000)
    yield context
    context.close()


def front_end(context, servers, mode, page=None):
    """Open the front end in a tab."""
    tab = context.new_page()
    tab.goto(page or servers.page)
    tab.wait_for_function("() => Boolean(window.begin)")
    tab.evaluate("([base, mode]) => begin(base, mode)", [f"{servers.api}/api/v1", mode])
    return tab


def post(tab, servers, path, body):
    """Send something from the page, without cookies."""
    return tab.evaluate(
        """([url, body]) => fetch(url, {
            method: "POST",
            credentials: "omit",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify(body),
        }).then((answer) => answer.json())""",
        [f"{servers.api}/api/v1{path}", body],
    )


def sign_in(tab, servers):
    """Open an account and sign in with it, on the page."""
    username = f"user-{secrets.token_hex(6)}"
    assert "id" in post(tab, servers, "/auth/register", {"username": username, "password": PASSWORD})
    tab.evaluate("([name, password]) => api.signIn(name, password)", [username, PASSWORD])
    return username


def session_cookies(context, servers):
    """Return the names of the session's cookies; the device cookie stays after signing out, and lets nobody in."""
    return {cookie["name"] for cookie in context.cookies(servers.api) if not cookie["name"].endswith("device")}


def create(tab, title):
    return tab.evaluate("title => api.create('/tasks', { title }).then((task) => task.title)", title)


SIGNED_OUT = "api.get('/tasks').then(() => false, (error) => error instanceof SignInRequired)"


def test_front_end_on_another_origin_works_with_cookies(context, servers):
    tab = front_end(context, servers, "Cookies")
    sign_in(tab, servers)
    assert create(tab, "Milk") == "Milk"
    if "localhost" not in servers.page:  # ports share the cookies of their host
        assert tab.evaluate("document.cookie") == ""
    prefix = "__Host-" if servers.api.startswith("https") else ""
    assert session_cookies(context, servers) == {
        prefix + name for name in ("access_token", "refresh_token", "csrf_access_token", "csrf_refresh_token")
    }
    expire_cookie(context, servers.api)
    tab = front_end(context, servers, "Cookies")  # a new tab uses the cookies that the browser kept
    with tab.expect_response(lambda response: response.url.endswith("/auth/refresh")) as refreshed:
        assert create(tab, "Bread") == "Bread"
    assert refreshed.value.status == 200
    new = "another long and odd sentence"
    tab.evaluate("([old, wanted]) => api.changePassword(old, wanted)", [PASSWORD, new])
    assert create(tab, "Salt") == "Salt"
    tab.evaluate("api.delete('/auth/sessions')")
    assert tab.evaluate("api.get('/tasks').then((page) => page.items.length)") == 3
    tab.evaluate("api.signOut()")
    assert session_cookies(context, servers) == set()
    assert tab.evaluate(SIGNED_OUT)


@pytest.mark.parametrize("servers", ["ports", "siblings", "sites"], indirect=True)
def test_front_end_on_another_origin_works_with_tokens(context, servers):
    tab = front_end(context, servers, "Bearer")
    sign_in(tab, servers)
    assert create(tab, "Milk") == "Milk"
    assert context.cookies() == []
    read = """url => fetch(url, { headers: { traceparent: "00-1-1-01" } }).then((answer) =>
        ["X-Request-ID", "WWW-Authenticate"].map((name) => answer.headers.get(name)))"""
    request_id, challenge = tab.evaluate(read, f"{servers.api}/api/v1/tasks")
    assert (len(request_id), challenge) == (32, "Bearer")
    tab.evaluate("api.delete('/auth/sessions')")
    assert create(tab, "Bread") == "Bread"
    tab.evaluate("api.signOut()")
    assert tab.evaluate(SIGNED_OUT)


def test_unlisted_front_end_can_read_nothing(context, servers):
    tab = front_end(context, servers, "Cookies")
    sign_in(tab, servers)
    stranger = front_end(context, servers, "Cookies", servers.unlisted)
    with pytest.raises(Error, match="Failed to fetch"):
        stranger.evaluate("url => fetch(url, { credentials: 'include' })", f"{servers.api}/api/v1/tasks")
    keys = "url => fetch(url).then((answer) => answer.json()).then(({ keys }) => Array.isArray(keys))"
    assert stranger.evaluate(keys, f"{servers.api}/.well-known/jwks.json")


def test_sibling_host_cannot_plant_a_cookie(context, siblings):
    """A script on a sibling host sets the attacker's token; the victim's task stays the victim's."""
    tab = front_end(context, siblings, "Cookies")
    attacker = {"username": f"user-{secrets.token_hex(6)}", "password": PASSWORD}
    post(tab, siblings, "/auth/register", attacker)
    token = post(tab, siblings, "/auth/login", attacker)["access_token"]
    sign_in(tab, siblings)
    for name in ("access_token", "__Host-access_token", "__host-access_token"):
        for path in ("/", "/api", "/api/v1/tasks"):
            tab.evaluate(
                "cookie => { document.cookie = cookie }", f"{name}={token}; Domain=taskapi.test; Path={path}; Secure"
            )
    assert "access_token" in tab.evaluate("document.cookie")  # the unprefixed ones are there, and count for nothing
    assert create(tab, "Milk") == "Milk"
    mine = "api.get('/tasks').then((page) => page.items.length)"
    assert tab.evaluate(mine) == 1
    other = front_end(context, siblings, "Bearer")
    other.evaluate("([name, password]) => api.signIn(name, password)", [*attacker.values()])
    assert other.evaluate(mine) == 0


@pytest.mark.parametrize("path", ["/api/v1/tasks", "/api/v1/me"])
def test_back_button_shows_nothing_after_sign_out(context, servers, path):
    tab = front_end(context, servers, "Cookies")
    username = sign_in(tab, servers)
    create(tab, "My secret plan")
    shown = username if path.endswith("me") else "My secret plan"
    tab.goto(servers.api + path)
    assert shown in tab.content()
    tab.goto(f"{servers.page}/")
    tab.wait_for_function("() => Boolean(window.begin)")
    tab.evaluate("([base, mode]) => begin(base, mode)", [f"{servers.api}/api/v1", "Cookies"])
    tab.evaluate("api.signOut()")
    tab.go_back(wait_until="commit")
    expect(tab.locator("body")).to_contain_text("token_missing")
    assert shown not in tab.content()
