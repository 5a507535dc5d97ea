"""Run the commands of a page as a reader would: all ```bash blocks in one shell, against a server."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
FOLDERS = ("docs", "examples", "clients", "deploy", "postman", "benchmarks")
PAGES = [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))]
API = "API=${API:-http://127.0.0.1:8000/api/v1}"  # the first line of a page, so that a reader can choose another server
BIN = ".venv/bin/"
BLOCK = re.compile(r"^```bash\n(.*?)^```$(?:\n+^```(json|text)\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)
END = "\N{END OF TRANSMISSION}"


class Step(NamedTuple):
    """Commands, and the output that the page shows for them."""

    commands: str
    language: str
    printed: str


def steps_of(page: Path) -> list[Step]:
    """Return the steps of a page, in order."""
    return [Step(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def follow(pages: list[Path], address: str, environment: dict[str, str]) -> list[str]:
    """Run the steps of pages in one shell, against the server at `address`; return the output of each step."""
    steps = [step for page in pages for step in steps_of(page)]
    script = "\n".join(f"{step.commands}\nprintf '{END}'" for step in steps)
    script = script.replace(BIN, f"{Path(sys.executable).parent}/")
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("TASKAPI_", "FLASK_"))}
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=ROOT,
        env=outside | environment | {"API": f"{address}/api/v1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    *outputs, rest = done.stdout.split(END)
    assert (done.returncode, done.stderr) == (0, ""), f"{steps[len(outputs) :][:1]}\n{rest}\n{done.stderr}"
    return outputs


def matches(step: Step, output: str) -> bool:
    """Return whether an output is as printed on the page. JSON may have other spaces.

    `…` stands for any text, and for the spaces beside it: it replaces long values in the columns of a table.
    """
    printed, output = (re.sub(r"\s", "", text) if step.language == "json" else text for text in (step.printed, output))
    pattern = re.sub(r"(\\ )*…(\\ )*", ".*", re.escape(printed))
    return re.fullmatch(pattern, output, re.DOTALL) is not None


def apply_hunks(text: str, hunks: list[str]) -> str:
    """Return the text with the hunks of a diff applied. A hunk that only adds lines is appended."""
    for hunk in hunks:
        lines = hunk.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        assert not before or text.count(before) == 1, f"the file does not have these lines of the page: {before}"
        text = text.replace(before, after) if before else f"{text}\n\n{after}"
    return text
