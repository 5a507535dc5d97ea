"""The package of the Python client: build it, and install it into an environment without the repository."""

import subprocess
import sys
import venv
from pathlib import Path
from shutil import copytree, ignore_patterns

from conftest import unavailable

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "clients" / "python"
EXTRA = ("pytest", "trio")  # for the flows


def run(command: list[str | Path], folder: Path, stdin: str = "", **environment: str) -> str:
    """Run a program with an input, and return its output. Fails with the output if the program fails.

    It has no terminal, so that getpass reads the input.
    """
    done = subprocess.run(
        ["env", "-u", "PYTHONPATH", *(f"{name}={value}" for name, value in environment.items()), *command],
        cwd=folder, input=stdin, capture_output=True, text=True, timeout=300, check=False,
        start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def build(folder: Path) -> Path:
    """Build the wheel from a copy of the package; returns its path."""
    source = copytree(PACKAGE, folder / "source", ignore=ignore_patterns("build", "*.egg-info", "__pycache__"))
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source], folder)
    [wheel] = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel and its dependencies into a new environment; returns its interpreter."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    uv = Path(sys.executable).parent / "uv"
    command = [uv, "pip", "install", "--quiet", "--python", python, "-c", ROOT / "requirements-dev.txt"]
    done = subprocess.run([*command, wheel, *EXTRA], capture_output=True, text=True, check=False)
    if done.returncode:
        unavailable(f"a package index ({done.stderr.strip()})")
    return python
