"""examples/http: every request of the tour gets the status in its title, in both dialects of .http files."""

import json
import re
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest
from conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

FILES = sorted((ROOT / "examples" / "http").glob("*.http"))
REQUEST = re.compile(
    r"### (?P<title>.+) \((?P<status>\d{3})\)\n(?:# @name (?P<name>\w+)\n)?"
    r"(?P<method>[A-Z]+) (?P<url>\S+)(?P<rest>.*)",
    re.DOTALL,
)
KEPT = re.compile(r'client\.global\.set\("(\w+)", response\.(?:body\.(\w+)|headers\.valueOf\("([\w-]+)"\))\);')


class Step(NamedTuple):
    """A request of a file with its variables, and the values that are stored from its response."""

    title: str
    status: int
    name: str | None
    method: str
    url: str
    headers: dict[str, str]
    body: str | None
    kept: list[tuple[str, str, str]]

    @classmethod
    def read(cls, text: str) -> "Step":
        """Parse the text between two lines of ###."""
        found = REQUEST.fullmatch(text)
        assert found, text
        request, _, script = found["rest"].partition("\n> {%")
        head, _, body = request.partition("\n\n")
        headers = dict(line.split(": ", 1) for line in head.strip().splitlines())
        start = [found["title"], int(found["status"]), found["name"], found["method"], found["url"]]
        return cls(*start, headers, body.strip() or None, KEPT.findall(script))


def read(path):
    """Return the variables of a file, and its steps."""
    top, *steps = re.split(r"(?m)^(?=### )", path.read_text(encoding="utf-8"))
    return dict(re.findall(r"(?m)^@(\w+) = (.+)$", top)), [Step.read(step) for step in steps]


def send(step, fill):
    """Send a request; returns the status, headers and body of the response."""
    headers = {name: fill(value) for name, value in step.headers.items()}
    data = fill(step.body).encode() if step.body else None
    request = Request(fill(step.url), data, headers, method=step.method)
    try:
        with urlopen(request, timeout=10) as response:
            return response.status, response.headers, response.read()
    except HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def keep(step, headers: Any, body: bytes):
    """Yield the variables that later requests can use from a response, in both dialects."""
    shown = json.loads(body) if body else {}
    for variable, field, header in step.kept:
        yield variable, shown[field] if field else headers[header]
    if step.name:
        yield f"{step.name}.response.headers.ETag", headers["ETag"]
        yield from ((f"{step.name}.response.body.$.{field}", value) for field, value in shown.items())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_request_answers_as_its_title_says(start_server, tmp_path, path):
    known, steps = read(path)
    known["host"] = start_server(TASKAPI_INSTANCE_PATH=str(tmp_path), TASKAPI_BCRYPT_ROUNDS="4")

    def fill(text):
        filled = re.sub(
            r"\{\{(.+?)\}\}", lambda found: str(uuid4()) if found[1][0] == "$" else str(known[found[1]]), text
        )
        return fill(filled) if "{{" in filled else filled

    for step in steps:
        status, headers, body = send(step, fill)
        assert status == step.status, f"{step.title}: {body.decode()}"
        known |= keep(step, headers, body)


def test_both_dialects_tell_the_same_tour():
    tours = [[(step.title, step.status, step.method) for step in read(path)[1]] for path in FILES]
    assert len(FILES) == 2
    assert tours[0] == tours[1]
    assert len(tours[0]) > 15
