"""The TypeScript client in a browser: it adds a passkey and signs in with it."""

import pytest
from typescript_package import install, pack

from tests.conftest import PASSWORD
from tests.extensions.passkeys.test_passkey_pages import device, passkey_site

__all__ = ["device", "passkey_site"]  # fixtures
pytestmark = [pytest.mark.slow, pytest.mark.one_database]

PAGE = """<!doctype html><meta charset="utf-8"><title>Front end</title>
<script type="importmap">{"imports": {
  "taskapi-client": "/front/node_modules/taskapi-client/dist/index.js",
  "openapi-fetch": "/front/node_modules/openapi-fetch/dist/index.mjs"
}}</script>
<script type="module">
import { createTaskApi, unwrap } from "taskapi-client";
window.api = createTaskApi();
window.list = async () => (await unwrap(api.GET("/api/v1/me/passkeys"))).items.map(({ name }) => name);
</script>"""


@pytest.fixture
def front(passkey_site, page, tmp_path):
    """A page of the site that has installed the client."""
    (archives := tmp_path / "archives").mkdir()
    (files := tmp_path / "files").mkdir()
    install(pack(archives), files)
    (files / "index.html").write_text(PAGE)

    def respond(route):
        file = files / route.request.url.removeprefix(f"{passkey_site}/front/")
        kind = "text/html" if file.suffix == ".html" else "text/javascript"
        route.fulfill(body=file.read_bytes(), content_type=kind)

    page.route(f"{passkey_site}/front/**", respond)
    page.goto(f"{passkey_site}/front/index.html")
    page.wait_for_function("() => Boolean(window.list)")
    return page


def test_typescript_client_adds_a_passkey_and_signs_in(front, device, new_user):
    front.evaluate("body => api.login(body)", {"username": new_user(), "password": PASSWORD})
    front.evaluate("() => api.addPasskey('Laptop')")
    assert front.evaluate("list()") == ["Laptop"]
    front.evaluate("api.logout()")
    assert front.evaluate("api.isSignedIn()") is False
    front.evaluate("api.loginWithPasskey()")
    assert front.evaluate("list()") == ["Laptop"]
    device("removeCredential", credentialId=device("getCredentials")["credentials"][0]["credentialId"])
    error = front.evaluate("api.loginWithPasskey().catch((problem) => problem.name)")
    assert error == "NotAllowedError"
