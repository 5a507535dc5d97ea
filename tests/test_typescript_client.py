"""The TypeScript client: packed, installed, compiled, and used under Node.js."""

import re
import shutil

import pytest
from conftest import node_package, program
from typescript_package import ROOT, compile_project, install, pack, run

from docs import postman, typescript
from tests.forging import SECRET

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

README = ROOT / "clients" / "typescript" / "README.md"
FOLDER = ROOT / "tests" / "typescript"
BLOCK = re.compile(r"^```ts\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PRINTED = re.compile(r"^(?!const other).*(?:console\.log\(.*\);|\.GET\(\"/api/v1/me\"\);) // (.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project that has installed the packed client."""
    project = tmp_path_factory.mktemp("project")
    install(pack(tmp_path_factory.mktemp("archives")), project)
    return project


def test_generated_types_are_up_to_date():
    node_package("openapi-typescript")
    for path, text in typescript.documents(postman.openapi()).items():
        assert path.read_text(encoding="utf-8") == text, "run `make docs`"


def test_package_contains_code_types_and_license(project):
    package = project / "node_modules" / "taskapi-client"
    names = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    assert {
        "README.md",
        "package.json",
        "dist/index.js",
        "dist/index.d.ts",
        "dist/schema.d.ts",
        "src/index.ts",
    } <= names
    assert not any("node_modules" in name for name in names)


def test_callers_compile_under_strict(project):
    shutil.copy(FOLDER / "consumer.ts", project)
    compile_project(project)


def test_readme_blocks_print_what_their_comments_say(project, address):
    program_text = "".join(BLOCK.findall(README.read_text(encoding="utf-8")))
    (project / "readme.ts").write_text(program_text.replace("http://localhost:8000", address))
    compile_project(project)
    printed = run([program("node"), "readme.js"], project)
    assert printed.splitlines() == PRINTED.findall(program_text)


def test_flows_work_under_node(project, address):
    shutil.copy(ROOT / "tests" / "recipes" / "support.js", project)
    file = shutil.copy(FOLDER / "flows.test.js", project)
    command = [program("node"), "--test", "--test-reporter=spec", file]
    output = run(command, project, ADDRESS=address, SECRET=SECRET)
    flows = (FOLDER / "flows.test.js").read_text(encoding="utf-8").count('\ntest("')
    assert f" pass {flows}\n" in output, output
