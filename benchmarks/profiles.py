"""Where the time of list, get and create goes: pyinstrument's trees, kept in benchmarks/profiles/.

python -m benchmarks.profiles
"""

import re
from pathlib import Path

from pyinstrument import Profiler

from benchmarks import subject
from benchmarks.in_process import Call, quietly, requests_of

FOLDER = Path(__file__).parent / "profiles"
CALLS = 3000
LEAST = 0.03  # of the whole; what takes less is left out


def main() -> None:
    print(report())


def report() -> str:
    """Write the trees, and return where they are."""
    FOLDER.mkdir(exist_ok=True)
    with subject.environment() as settings, quietly():
        calls = requests_of(subject.application(settings, BCRYPT_ROUNDS=4))
        for name in ("list", "get", "create"):
            (FOLDER / f"{name}.txt").write_text(tree(calls[name]))
    links = ", ".join(f"[{path.stem}](../benchmarks/profiles/{path.name})" for path in sorted(FOLDER.glob("*.txt")))
    return f"The trees of {CALLS:,} calls each, on SQLite, in process: {links}."


def tree(run: Call) -> str:
    """Return how the time of a call is spent, as shares."""
    for _ in range(200):
        run()
    profiler = Profiler(interval=0.0001)
    with profiler:
        for _ in range(CALLS):
            run()
    said = profiler.output_text(show_all=True, time="percent_of_total", short_mode=True, unicode=True)
    return "\n".join(line[3:].rstrip() for line in said.splitlines() if kept(line)) + "\n"


def kept(line: str) -> bool:
    """Tell a line of weight from the rest."""
    share = re.match(r"[ .│├└─]*([\d.]+)% ", line)
    return share is not None and float(share[1]) >= LEAST * 100


if __name__ == "__main__":
    main()
