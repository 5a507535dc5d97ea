"""Programs of requirements-slow.txt."""

import sys
from pathlib import Path

from conftest import unavailable


def slow_program(name: str) -> Path:
    """Return where the program is that `make test-slow` installs; without it, as `unavailable`."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        unavailable(f"{name}, which `make test-slow` installs,")
    return path
