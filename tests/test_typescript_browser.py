"""The TypeScript client in a browser, on another origin than the API: several tabs, cookies and tokens."""

import secrets

import pytest
from conftest import PASSWORD
from front_ends import Servers, expire_cookie
from typescript_package import install, pack

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

PAGE = """<!doctype html><meta charset="utf-8"><title>Front end</title><link rel="icon" href="data:,">
<script type="importmap">{"imports": {
  "taskapi-client": "/node_modules/taskapi-client/dist/index.js",
  "openapi-fetch": "/node_modules/openapi-fetch/dist/index.mjs"
}}</script>
<script type="module">
import * as TaskApi from "taskapi-client";
const { createTaskApi, unwrap } = (window.TaskApi = TaskApi);
window.signedOut = 0;
window.start = (baseUrl, mode) => {
  const storage = mode === "bearer" ? localStorage : undefined;
  window.api = createTaskApi({ baseUrl, mode, storage, onSignedOut: () => signedOut++ });
};
window.create = (title) => unwrap(api.POST("/api/v1/tasks", { body: { title } }));
window.list = async () => (await unwrap(api.GET("/api/v1/tasks"))).items.map(({ title }) => title);
</script>"""
MODES = ["bearer", "cookies"]


@pytest.fixture(scope="module")
def servers(make_app, tmp_path_factory):
    """A page that has installed the client, and the API."""
    files = tmp_path_factory.mktemp("front")
    install(pack(tmp_path_factory.mktemp("archives")), files)
    (files / "index.html").write_text(PAGE)
    servers = Servers(make_app, tmp_path_factory.mktemp("ports"), files)
    yield servers
    servers.stop()


def open_tab(context, servers, mode):
    """Open the page in a new tab."""
    tab = context.new_page()
    tab.goto(servers.page)
    tab.wait_for_function("() => Boolean(window.start)")
    tab.evaluate("([base, mode]) => start(base, mode)", [servers.api, mode])
    return tab


@pytest.fixture(params=MODES)
def mode(request):
    """Either mode of the client."""
    return request.param


@pytest.fixture
def tab(context, servers, mode):
    """A tab with a user who has just signed in."""
    tab = open_tab(context, servers, mode)
    account = {"username": f"user-{secrets.token_hex(6)}", "password": PASSWORD}
    tab.evaluate("body => api.POST('/api/v1/auth/register', { body })", account)
    tab.evaluate("account => api.login(account)", account)
    return tab


def expire(context, servers, tab, mode):
    """Replace the access token by an expired one, for all tabs."""
    if mode == "cookies":
        expire_cookie(context, servers.api)
    else:
        tab.evaluate("""() => {
            const [key] = Object.keys(localStorage);
            const tokens = JSON.parse(localStorage[key]);
            localStorage[key] = JSON.stringify({ ...tokens, access_token: `${tokens.access_token.slice(0, -4)}AAAA` });
        }""")


def test_two_tabs_refresh_once(context, servers, tab, mode):
    """One of three rounds is enough, because browsers show a tab the storage of another tab with a delay."""
    other = open_tab(context, servers, mode)
    refreshes = []
    context.on("request", lambda sent: refreshes.append(sent.method) if sent.url.endswith("/auth/refresh") else None)
    calls = (
        "window.result = Promise.all([create('Milk'), list(), create('Bread'), list()]).then(() => list()); undefined"
    )
    rounds = []
    for _ in range(3):
        expire(context, servers, tab, mode)
        refreshes.clear()
        tab.evaluate(calls)
        other.evaluate(calls)
        assert len(tab.evaluate("result")) >= 2
        assert len(other.evaluate("result")) >= 2
        assert tab.evaluate("list()") == other.evaluate("list()")
        rounds.append(refreshes.count("POST"))
    assert max(rounds) <= 2  # both get the same successor
    assert 1 in rounds


@pytest.mark.parametrize("mode", ["cookies"])
def test_tab_waits_for_the_csrf_values_of_another_tab(context, servers, tab, mode):
    other = open_tab(context, servers, mode)
    other.evaluate("""(baseUrl) => {
        window.seen = { ...localStorage };
        const storage = { getItem: (key) => seen[key] ?? null, setItem: (key, value) => (seen[key] = value) };
        window.api = TaskApi.createTaskApi({ baseUrl, mode: "cookies", storage });
    }""", servers.api)  # fmt: skip
    expire(context, servers, tab, mode)
    tab.evaluate("list()")  # refreshes
    other.evaluate("setTimeout(() => Object.assign(seen, localStorage), 300), create('Milk')")
    assert tab.evaluate("list()") == ["Milk"]


def test_new_tab_is_signed_in_and_every_tab_can_sign_out(context, servers, tab, mode):
    other = open_tab(context, servers, mode)
    assert other.evaluate("api.isSignedIn()")
    other.evaluate("create('Milk')")
    assert tab.evaluate("list()") == ["Milk"]
    other.evaluate("api.logout()")
    tab.wait_for_function("() => !api.isSignedIn()")  # browsers show a tab the storage of another tab with a delay
    assert tab.evaluate("list().catch((error) => error.code)") == "token_missing"
    assert tab.evaluate("signedOut") == 1


def test_session_that_ended_elsewhere_signs_out(context, servers, tab, mode):
    other = open_tab(context, servers, mode)
    stored = tab.evaluate("JSON.stringify(localStorage)")
    other.evaluate("api.logoutEverywhere()")
    tab.evaluate("stored => Object.assign(localStorage, JSON.parse(stored))", stored)  # as on another device
    assert tab.evaluate("list().catch((error) => error.status)") == 401
    assert tab.evaluate("[signedOut, api.isSignedIn()]") == [1, False]


@pytest.mark.parametrize("mode", ["cookies"])
def test_no_script_can_read_the_tokens_with_cookies(context, servers, tab):
    readable = tab.evaluate("document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    tokens = [cookie["value"] for cookie in context.cookies(servers.api) if cookie["httpOnly"]]
    assert len(tokens) >= 2
    assert not any(token in readable for token in tokens)


@pytest.mark.parametrize("mode", ["cookies"])
def test_reload_keeps_the_sign_in_with_cookies(servers, tab):
    tab.reload()
    tab.wait_for_function("() => Boolean(window.start)")
    tab.evaluate("([base, mode]) => start(base, mode)", [servers.api, "cookies"])
    tab.evaluate("create('Milk')")
    assert tab.evaluate("list()") == ["Milk"]
