"""The guides: each command runs, in order, against a real server, and prints what the guide shows below it."""

import re

import pytest
from guides import API, PAGES, ROOT, Step, follow, matches, steps_of
from surface import needs

from taskapi.extensions import NAMES
from taskapi.security.keys import ALGORITHMS
from tests.conftest import TEST_DATABASE_URL

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

GUIDES = [
    "README.md",
    "docs/jwt.md",
    "docs/keys.md",
    "docs/import_export.md",
    "docs/calendars.md",
    "docs/personal_tokens.md",
    "docs/bulk_changes.md",
    "docs/recurrence.md",
    "docs/reminders.md",
    "docs/tutorial_mistakes.md",
    "docs/jwt_or_sessions.md",
    "docs/mail.md",
    "docs/second_factor.md",
    "docs/passkeys.md",
    "docs/live_updates.md",
    "docs/openid.md",
]
ELSEWHERE = {"docs/operations.md": "test_operations_doc.py"}  # beside what each of its commands needs
USED = {
    "docs/jwt.md": ["admin"],
    "docs/import_export.md": ["exports", "imports", "csv_imports", "csv_applications", "ics_imports"],
    "docs/calendars.md": ["calendars"],
    "docs/personal_tokens.md": ["personal_tokens"],
    "docs/bulk_changes.md": ["bulk"],
    "docs/recurrence.md": ["recurrence"],
    "docs/reminders.md": ["reminders", "exports"],
    "docs/tutorial_mistakes.md": ["admin"],
    "docs/mail.md": ["mail", "account_mail"],
    "docs/second_factor.md": ["second_factor"],
    "docs/passkeys.md": ["passkeys"],
    "docs/live_updates.md": ["live_updates"],
    "docs/openid.md": ["openid", "openid_accounts"],
}  # extensions
NEEDS_NO_SERVER = "docs/keys.md"
LONG = {"docs/jwt.md", "docs/keys.md", "docs/tutorial_mistakes.md"}  # they wait for tokens to expire and keys to change
# A reader takes more than a minute for a page
SERVER = {"TASKAPI_BCRYPT_ROUNDS": "4", "TASKAPI_RATELIMIT_LOGIN": "100/minute"}
if "mail" in NAMES:
    SERVER["TASKAPI_MAIL_URL"] = "console:"
if "second_factor" in NAMES:
    SERVER["TASKAPI_SECOND_FACTOR_KEYS"] = "EJnJ0oL5n3mK2bq0m0yJw7dGk4uJ3cQ0m1n8o2Xv5hE="
if "passkeys" in NAMES:
    SERVER |= {"TASKAPI_PASSKEY_RP_ID": "localhost", "TASKAPI_PASSKEY_ORIGINS": "http://localhost:8000"}
OPENID = {
    "TASKAPI_OPENID_CLIENT_ID": "tasks",
    "TASKAPI_OPENID_CLIENT_SECRET": "a secret: 100 % & more",
    "TASKAPI_OPENID_CREATE_ACCOUNTS": "true",
}
# The words that a page explains where it first uses them, and a part of the explanation
WORDS = {
    "HMAC": "hash-based message authentication code",
    "JWK": "JSON Web Key",
    "thumbprint": "a hash of the key",
    "CSRF": "cross-site request forgery",
    "CSP": "Content-Security-Policy",
    "XSS": "cross-site scripting",
}
SECTION = re.compile(r"^### (.+?)$(.*?)(?=^##)", re.DOTALL | re.MULTILINE)
EXPLAINING = [*GUIDES, "docs/sessions.md", "examples/README.md"]


@pytest.fixture(scope="module", params=[pytest.param(page, marks=needs(*USED.get(page, []))) for page in GUIDES])
def guide(request):
    return ROOT / request.param


@pytest.fixture(scope="module")
def settings():
    """The settings of the server that the guides use, with an OpenID provider that runs."""
    if "openid_accounts" not in NAMES:
        yield SERVER
        return
    from tests.extensions.openid.signing_in import run_provider  # noqa: PLC0415

    with run_provider() as provider:
        yield {**SERVER, **OPENID, "TASKAPI_OPENID_ISSUER": provider.url}


@pytest.fixture(scope="module")
def responses(guide, settings, start_server, tmp_path_factory):
    """The output of each step of the guide, run in one shell against a new server."""
    environment = {**settings, "TASKAPI_INSTANCE_PATH": str(tmp_path_factory.mktemp("instance"))}
    return follow([guide], start_server(**environment), environment)


def test_every_step_answers_as_printed(guide, responses):
    steps = steps_of(guide)
    assert len(responses) == len(steps) > 0
    for step, response in zip(steps, responses, strict=True):
        assert matches(step, response), f"{step.commands}\nprints:\n{response}\nnot:\n{step.printed}"


@pytest.mark.skipif(TEST_DATABASE_URL is not None, reason="the guides use SQLite in any case")
def test_guides_can_be_walked_in_one_shell_and_again(settings, start_server, tmp_path):
    """Pages share no names, and leave nothing that the next one finds. Only the tour does not delete its account."""
    pages = [page for page in GUIDES if set(USED.get(page, [])) <= set(NAMES)]
    walk = [ROOT / page for page in (*reversed(pages), *(page for page in pages if page not in LONG))]
    environment = {**settings, "TASKAPI_INSTANCE_PATH": str(tmp_path)}
    responses = iter(follow(walk, start_server(**environment), environment))
    different = [
        (page.name, step.commands, response)
        for page in walk
        for step, response in zip(steps_of(page), responses, strict=False)
        if not matches(step, response)
    ]
    assert [found for found in different if '"code":"username_taken"' not in found[2]] == []
    assert len(different) == 1


def test_every_response_ends_its_line(responses):
    assert [response for response in responses if response and not response.endswith("\n")] == []


@pytest.mark.parametrize("page", GUIDES)
def test_guide_changes_no_setting_of_the_shell_and_has_no_fixed_port(page):
    commands = [line for step in steps_of(ROOT / page) for line in step.commands.splitlines()]
    assert (API in commands) is (page != NEEDS_NO_SERVER)
    assert [
        line for line in commands if line != API and re.search(r"\bexport [A-Z]|TASKAPI_\w+=\S*$|\b8000\b", line)
    ] == []
    assert "PORT ?= 8000" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page_calls_flask_by_its_path(page):
    """Only a container has `flask` on its path: there, it is `flask --app wsgi`."""
    blocks = re.findall(r"^```(?:console|bash)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert [
        line for block in blocks for line in block.splitlines() if re.search(r"(?<![\w/.-])flask (?!--app wsgi)", line)
    ] == []


@pytest.mark.parametrize("page", EXPLAINING)
@pytest.mark.parametrize("word", WORDS)
def test_page_explains_word_where_it_first_uses_it(page, word):
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if not part.startswith("#")]
    first = next((part for part in paragraphs if re.search(rf"\b{word}\b(?!-TOKEN)", part)), None)
    assert first is None or WORDS[word] in first


def test_different_response_is_reported():
    assert matches(Step("", "json", '{"id":"…",\n "a":1}\n'), '{"id":"x", "a":1}')
    assert not matches(Step("", "json", '{"id":"…","a":1}'), '{"id":"x","a":2}')
    assert matches(Step("", "text", "created …\n"), "created x\n")
    assert not matches(Step("", "text", "created …\n"), "  created x\n")
    assert not matches(Step("", "", ""), "more than was printed")


def test_no_page_has_commands_that_are_not_run():
    pages = {page.relative_to(ROOT).as_posix() for page in PAGES if steps_of(page)}
    assert pages == {*GUIDES, *ELSEWHERE}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_code_block_has_a_language(page):
    """Commands that a test cannot run, for example on another machine, are `console`."""
    fences = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("```")]
    assert [line for line in fences[::2] if line == "```"] == []


def test_each_attack_succeeds_on_the_naive_verifier():
    """The section of the attack shows it. Three rows of the table are not about verifiers."""
    page = (ROOT / "docs" / "jwt.md").read_text(encoding="utf-8")
    attacks = re.findall(r"^\| \[.+?\]\(#([\w-]+)\).* \| .* \| \[test_", page, re.MULTILINE)
    sections = {heading.replace("`", "").replace(" ", "-").lower(): text for heading, text in SECTION.findall(page)}
    naive = {name for name, text in sections.items() if re.search(r"^( *|NAIVE_KEY=\S+ )naive ", text, re.MULTILINE)}
    assert len(attacks) > 15
    assert {*attacks} - naive == {"data-in-the-payload", "storage-in-browsers", "tokens-in-the-log"}


def test_jwt_page_measures_every_algorithm():
    rows = re.findall(r"^\| `(\w+)` \| \d+ \|", (ROOT / "docs" / "jwt.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(ALGORITHMS)
