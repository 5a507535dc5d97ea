"""Following a page of commands as its reader would: all ```bash blocks in one shell, against a server."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
FOLDERS = ("docs", "examples", "deploy", "postman", "benchmarks")
PAGES = [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))]
ADDRESS = "http://127.0.0.1:8000"
BIN = ".venv/bin/"
BLOCK = re.compile(r"^```bash\n(.*?)^```$(?:\n+^```(?:json|text)\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)
END = "\N{END OF TRANSMISSION}"


class Step(NamedTuple):
    """Commands, and what the page says that they print."""

    commands: str
    printed: str


def steps_of(page: Path) -> list[Step]:
    """Return the steps of a page, in order."""
    return [Step(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def follow(page: Path, address: str, environment: dict[str, str]) -> list[str]:
    """Run a page's steps against a server at `address`; return what each printed."""
    steps = steps_of(page)
    script = "\n".join(f"{step.commands}\nprintf '{END}'" for step in steps)
    script = script.replace(ADDRESS, address).replace(BIN, f"{Path(sys.executable).parent}/")
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("TASKAPI_", "FLASK_"))}
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=ROOT,
        env=outside | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    *answers, rest = done.stdout.split(END)
    assert (done.returncode, done.stderr) == (0, ""), f"{steps[len(answers) :][:1]}\n{rest}\n{done.stderr}"
    return answers


def matches(printed: str, answer: str) -> bool:
    """Tell whether an answer is as the page prints it: wrapping aside, and with … for anything."""
    pattern = re.escape(_plain(printed)).replace("…", ".*")
    return re.fullmatch(pattern, _plain(answer), re.DOTALL) is not None


def changed(text: str, hunks: list[str]) -> str:
    """Return the text with hunks applied; one that is an addition alone goes to the end."""
    for hunk in hunks:
        lines = hunk.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        assert not before or text.count(before) == 1, f"the page shows lines that are not there: {before}"
        text = text.replace(before, after) if before else f"{text}\n\n{after}"
    return text


def _plain(text: str) -> str:
    return re.sub(r"\s", "", text)
