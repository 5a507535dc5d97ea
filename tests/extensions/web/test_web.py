"""The files of the web client: the page, its modules, and their headers."""

import re

import pytest
from conftest import ROOT

from taskapi.extensions.web.routes import FILES, FOLDER, RELEASE

CODE = {name: text.decode() for name, text in FILES.items() if name.endswith(".js")}
ONE_YEAR = "public, max-age=31536000, immutable"


def test_page_is_public_and_revalidated(client):
    response = client.get("/")
    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")
    assert response.headers["Cache-Control"] == "no-cache"
    assert client.head("/").headers["Content-Length"] == response.headers["Content-Length"]


def test_page_policy_allows_only_own_files(client):
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy


def test_page_preloads_modules_and_has_no_inline_code(client):
    text = client.get("/").text
    assert set(re.findall(r'modulepreload" href="static/\w+/([^"]+)"', text)) == CODE.keys()
    assert not re.search(r"<style|\sstyle=|<script>|\son\w+=|javascript:", text)


def test_file_is_cached_for_a_year(client, subtests):
    for name in FILES:
        with subtests.test(name=name):
            response = client.get(f"/static/{RELEASE}/{name}")
            assert response.status_code == 200
            assert response.data == (FOLDER / name).read_bytes()
            assert response.headers["Cache-Control"] == ONE_YEAR


@pytest.mark.parametrize(
    ("name", "kind"), [("main.js", "text/javascript"), ("icon.svg", "image/svg+xml"), ("styles/base.css", "text/css")]
)
def test_file_has_its_content_type(client, name, kind):
    assert client.get(f"/static/{RELEASE}/{name}").mimetype == kind


@pytest.mark.parametrize("path", ["/", f"/static/{RELEASE}/main.js"])
def test_file_returns_304_for_a_cached_copy(client, path):
    tag = client.get(path).headers["ETag"]
    again = client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert "Content-Security-Policy" not in again.headers  # it would replace that of the page


@pytest.mark.parametrize(
    "path",
    [
        f"/static/{RELEASE}/nothing.js",
        f"/static/{RELEASE}/index.html",
        f"/static/{RELEASE}/../routes.py",
        f"/static/{RELEASE}/%2e%2e/routes.py",
        f"/static/{RELEASE}//main.js",
        f"/static/{RELEASE}/",
        "/static/0123456789abcdef/main.js",
        "/static/main.js",
        "/index.html",
        "/today",
    ],
)
def test_unknown_file_returns_404(client, path):
    response = client.get(path)
    assert (response.status_code, response.json["code"]) == (404, "not_found")


def test_modules_never_parse_html_or_store_tokens(subtests):
    forbidden = r"(inn|out)erHTML|insertAdjacent|document\.write|\beval|Function\(|DOMParser|srcdoc"
    forbidden += r"|(?<!csrf_)(access|refresh)_token\b"
    for name, code in CODE.items():
        with subtests.test(name=name):
            assert not re.search(forbidden, code)


def test_modules_import_only_from_lower_folders(subtests):
    """text formats and parses; api sends requests; data holds the state; ui renders it."""
    order = ["text", "api", "data", "ui"]
    for name, code in CODE.items():
        with subtests.test(name=name):
            used = set(re.findall(r'from "\.\./(\w+)/', code))
            assert name == "main.js" or used <= set(order[: order.index(name.split("/")[0])])


def test_modules_are_short(subtests):
    for name, code in CODE.items():
        with subtests.test(name=name):
            assert code.count("\n") <= 300
            assert max(map(len, code.splitlines())) <= 120


@pytest.mark.parametrize("image", sorted((ROOT / "docs" / "images").glob("*.png")), ids=lambda path: path.name)
def test_screenshots_are_small(image):
    assert image.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert image.stat().st_size < 150_000
