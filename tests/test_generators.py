"""Clients that generators make from the OpenAPI document work against a server, and are generated without warnings."""

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copy, which
from typing import NamedTuple

import httpx
import pytest
from conftest import PASSWORD, node_package, program, unavailable

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

PROGRAMS = Path(__file__).parent / "generators"
SCRIPTS = Path(sys.executable).parent


class Generator(NamedTuple):
    """The command of a generator, which reads openapi.json and writes `client`; the program that uses the client."""

    program: str
    command: tuple[str, ...]


OPENAPI_GENERATOR = ("openapi-generator-cli", "generate", "--input-spec", "openapi.json", "--output", "generated")
GENERATORS = {
    "openapi-typescript": Generator(
        "openapi_typescript.ts", ("openapi-typescript", "openapi.json", "--output", "client/schema.ts")
    ),
    "orval": Generator("orval.ts", ("orval", "--config", "orval.config.cjs")),
    "hey-api": Generator("hey_api.ts", ("openapi-ts", "--input", "openapi.json", "--output", "client")),
    "swagger-typescript-api": Generator(
        "swagger_typescript_api.ts",
        ("swagger-typescript-api", "generate", "--path", "openapi.json", "--output", "client", "--name", "api.ts"),
    ),
    "openapi-generator for TypeScript": Generator(
        "openapi_generator.ts", (*OPENAPI_GENERATOR[:-1], "client", "--generator-name", "typescript-fetch")
    ),
    "openapi-generator for Python": Generator(
        "openapi_generator.py",
        (*OPENAPI_GENERATOR[:-1], ".", "--generator-name", "python", "--package-name", "client"),
    ),
    "openapi-generator for Java": Generator("", (*OPENAPI_GENERATOR, "--generator-name", "java")),
    "openapi-generator for Go": Generator("", (*OPENAPI_GENERATOR, "--generator-name", "go")),
    "openapi-python-client": Generator(
        "openapi_python_client.py",
        (
            "openapi-python-client", "generate", "--path", "openapi.json", "--meta", "none",
            "--output-path", "client", "--overwrite",
        ),
    ),
    "datamodel-code-generator": Generator(
        "datamodel_code_generator.py",
        (
            "datamodel-codegen", "--input", "openapi.json", "--input-file-type", "openapi",
            "--output", "client/models.py", "--output-model-type", "pydantic_v2.BaseModel", "--formatters", "builtin",
            "--type-mappings", "string+email=string", "string+password=string",
        ),
    ),
}  # fmt: skip
# Warnings that no change of the document avoids
EXCEPTIONS = (
    "OpenAPI 3.1 support is still in beta",  # openapi-generator says so about every document of version 3.1
    "Failed to get the schema name: null",  # and this about every one with an object that has a member
    "TemplateManager - writing file",  # names a file, such as RowWarning.md
    "Ignoring complex example on request body",  # of Java, about every body that has an example
)
WARNING = re.compile("warn|deprecated|skipping|unsupported", re.IGNORECASE)
INLINE = re.compile(r"InlineObject|Inline schema created|_inner\b|Inner\b|OneOf\d|AnyOf\b")
TSCONFIG = {
    "compilerOptions": {
        "strict": True, "skipLibCheck": True, "target": "es2022", "module": "commonjs", "moduleResolution": "node10",
        "lib": ["es2022", "dom", "dom.iterable"], "types": [],
    },
    "files": ["program.ts"],
}  # fmt: skip
# orval's own function for requests knows neither an address nor a token, and parses every response as JSON
ORVAL = """module.exports = { api: { input: "openapi.json", output: {
  target: "client/api.ts", client: "fetch", override: { mutator: { path: "request.ts", name: "request" } },
} } };
"""
EXPECTED = {
    "titles": ["Feed the cat", "Water the plants"],
    "filtered": ["Water the plants"],
    "patched": [None, "high", ["home"]],
    "conflict": "Water the plants",
    "invalid": ["validation_failed", ["project_id"]],
    "imported": 1,
    "exported": [["id", "title"], 3],
    "batch": ["Call Ada", "delete"],
}


@pytest.fixture
def project(address: str, tmp_path: Path) -> Path:
    """A folder with the OpenAPI document of a server, for a generated client and a program."""
    (tmp_path / "openapi.json").write_bytes(httpx.get(f"{address}/openapi.json").content)
    (tmp_path / "tsconfig.json").write_text(json.dumps(TSCONFIG))
    (tmp_path / "orval.config.cjs").write_text(ORVAL)
    copy(PROGRAMS / "orval.request.ts", tmp_path / "request.ts")
    (tmp_path / "client").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", GENERATORS)
def test_generated_client_works_against_the_server(address: str, project: Path, name: str) -> None:
    source, command = GENERATORS[name]
    if source.endswith(".ts"):
        (project / "node_modules").symlink_to(node_package("typescript").parent)
    if command[0] == OPENAPI_GENERATOR[0]:
        program("java")
    if which(command[0], path=search_path(project)) is None:
        unavailable(f"{command[0]}, which `make node` or `make test-slow` installs,")
    output = run(project, *command)
    assert [*warnings(output)] == []
    assert INLINE.findall(output) == []
    assert [path.name for path in project.rglob("*") if INLINE.search(path.stem)] == []
    if not source:
        return
    copy(PROGRAMS / source, project / f"program{Path(source).suffix}")
    environment = {"ADDRESS": address, "NEW_USER": f"user-{secrets.token_hex(6)}", "PASSWORD": PASSWORD}
    if source.endswith(".ts"):
        run(project, "tsc")
        printed = run(project, program("node"), "program.js", **environment)
    else:
        printed = run(project, sys.executable, "program.py", **environment)
    assert json.loads(printed) == EXPECTED


def warnings(output: str) -> Iterator[str]:
    """Yield the lines of a generator's output that are warnings, except those that no document avoids."""
    for line in output.splitlines():
        if WARNING.search(line) and not any(exception in line for exception in EXCEPTIONS):
            yield line


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run a program, which may be one of an npm or PyPI package; return what it prints. Fails if the program fails."""
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": search_path(folder)} | environment, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def search_path(folder: Path) -> str:
    """Return a PATH with the programs of npm and PyPI packages."""
    return os.pathsep.join([str(folder / "node_modules" / ".bin"), str(SCRIPTS), os.environ["PATH"]])
