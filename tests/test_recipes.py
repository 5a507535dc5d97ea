"""The recipes of examples/: what a client does with tokens, run by Node.js against a real server."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import node_package, program
from tests.forging import SECRET

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

ROOT = Path(__file__).parent.parent
SCENARIOS = sorted((ROOT / "tests" / "recipes").glob("*.test.js"))


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.name)
def test_recipe_runs_in_node(address, file):
    node_package("axios")
    command = [program("node"), "--test", "--test-reporter=spec", str(file)]
    environment = {**os.environ, "ADDRESS": address, "SECRET": SECRET}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    scenarios = file.read_text(encoding="utf-8").count('\ntest("')
    assert f" pass {scenarios}\n" in done.stdout, done.stdout


@pytest.mark.parametrize("number", range(3))
def test_framework_recipes_are_valid_javascript(number, tmp_path):
    pieces = re.findall(r"```js\n(.*?)```", (ROOT / "examples" / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "piece.mjs").write_text(pieces[number], encoding="utf-8")
    done = subprocess.run([program("node"), "--check", "piece.mjs"], cwd=tmp_path, capture_output=True, check=False)
    assert (len(pieces), done.returncode, done.stderr) == (3, 0, b"")
