"""Profile list, get and create with pyinstrument. The call trees are stored in benchmarks/profiles/.

python -m benchmarks.profiles
"""

import re
from pathlib import Path

from pyinstrument import Profiler

from benchmarks import subject
from benchmarks.in_process import Call, discard_log, requests_of

FOLDER = Path(__file__).parent / "profiles"
CALLS = 3000
MIN_SHARE = 0.03  # of the total time; lines with less are omitted


def main() -> None:
    print(report())


def report() -> str:
    """Write the trees, and return links to them as Markdown."""
    FOLDER.mkdir(exist_ok=True)
    with subject.environment() as settings, discard_log():
        calls = requests_of(subject.application(settings, BCRYPT_ROUNDS=4))
        for name in ("list", "get", "create"):
            (FOLDER / f"{name}.txt").write_text(tree(calls[name]))
    links = ", ".join(f"[{path.stem}](../benchmarks/profiles/{path.name})" for path in sorted(FOLDER.glob("*.txt")))
    return f"The trees of {CALLS:,} calls each, on SQLite, in process: {links}."


def tree(run: Call) -> str:
    """Return the call tree of a call, with the share of each function in the time."""
    for _ in range(200):
        run()
    profiler = Profiler(interval=0.0001)
    with profiler:
        for _ in range(CALLS):
            run()
    output = profiler.output_text(show_all=True, time="percent_of_total", short_mode=True, unicode=True)
    return "\n".join(line[3:].rstrip() for line in output.splitlines() if is_significant(line)) + "\n"


def is_significant(line: str) -> bool:
    """Return whether a line of the tree has at least MIN_SHARE of the time."""
    share = re.match(r"[ .│├└─]*([\d.]+)% ", line)
    return share is not None and float(share[1]) >= MIN_SHARE * 100


if __name__ == "__main__":
    main()
