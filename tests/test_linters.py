"""Linters find nothing in the OpenAPI document by their recommended rules, but for two of Spectral."""

import json
import os
import subprocess

import pytest
from conftest import node_package
from slow_programs import slow_program

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

RULES = {
    "extends": ["spectral:oas"],
    "rules": {
        # Knows scopes of OAuth only. OpenAPI 3.1 lets the schemes `http` and `apiKey` list roles too: our permissions
        "oas3-operation-security-defined": "off",
        "info-contact": "off",  # nobody but the operator of a service can name one
    },
}
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def lint(folder, document):
    """Return what Redocly finds in a document: the numbers by severity, and the messages."""
    path = folder / "openapi.json"
    path.write_text(json.dumps(document))
    program = node_package("@redocly/cli") / "bin" / "cli.js"
    command = ["node", program, "lint", "--extends", "recommended", "--format", "json", path]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | QUIET, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    return found["totals"], [problem["message"] for problem in found["problems"]]


@pytest.mark.parametrize("prefix", ["", "/tasks-service"])
def test_redocly_finds_nothing(client, tmp_path, prefix):
    address = f"https://tasks.example.org{prefix}"
    document = client.get("/openapi.json", base_url=address).json
    assert document["servers"] == [{"url": address}]
    assert lint(tmp_path, document) == ({"errors": 0, "warnings": 0, "ignored": 0}, [])


def test_redocly_finds_an_example_that_does_not_match_its_schema(client, tmp_path):
    document = client.get("/openapi.json").json
    document["components"]["examples"]["not_found"]["value"]["status"] = "404"
    totals, messages = lint(tmp_path, document)
    assert totals["warnings"] > 0
    assert any("status" in message for message in messages)


def test_spectral_finds_nothing_but_what_we_break(client, tmp_path):
    document = client.get("/openapi.json", base_url="https://tasks.example.org").json
    assert lint_by_spectral(tmp_path, document) == []
    document["paths"]["/api/v1/tasks"]["get"]["operationId"] = "create_task"
    assert lint_by_spectral(tmp_path, document) == ["operation-operationId-unique"]


def lint_by_spectral(folder, document):
    """Return the rules that the document breaks."""
    program = node_package("@stoplight/spectral-cli") / "dist" / "index.js"
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "rules.json").write_text(json.dumps(RULES))
    command = ["node", program, "lint", "openapi.json", "--ruleset", "rules.json", "--format", "json", "--quiet"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=120)
    assert done.stdout, done.stderr
    return [found["code"] for found in json.loads(done.stdout)]


def test_openapi_spec_validator_accepts_the_document(client, tmp_path):
    document = client.get("/openapi.json").json
    command = [slow_program("openapi-spec-validator"), tmp_path / "openapi.json"]
    for paths, status in ((document["paths"], 0), ([], 1)):
        command[1].write_text(json.dumps(document | {"paths": paths}))
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, done.stdout + done.stderr
