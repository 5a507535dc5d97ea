"""Compare two revisions: how long list, get and create take in B, divided by the time in A, in alternating rounds.

python -m benchmarks.compare main~10 main                           # SQLite
python -m benchmarks.compare A B --database postgresql:///name      # its role may create databases

The benchmark is that of this checkout; the package `taskapi` is that of each revision. `.` is the working tree.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
ROUNDS = 6
RUN = (
    "import sys; folder, root = sys.argv.pop(1), sys.argv.pop(1); sys.path[:0] = [folder]; import taskapi; "
    "sys.path[:0] = [root]; from benchmarks import in_process; in_process.main()"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a", metavar="A")
    parser.add_argument("b", metavar="B")
    parser.add_argument("--database", default="", help="postgresql://…; the default is SQLite")
    options = parser.parse_args()
    with checkout(options.a) as a, checkout(options.b) as b:
        rounds = [(run(a, options.database), run(b, options.database)) for _ in range(ROUNDS)]
    print(f"| | {options.a}, µs | {options.b}, µs | B / A |\n| --- | --- | --- | --- |")
    for name in rounds[0][0]:
        before, after = ([times[revision][name] for times in rounds] for revision in (0, 1))
        ratio = statistics.median(new / old for old, new in zip(before, after, strict=True))
        print(f"| {name} | {statistics.median(before):.0f} | {statistics.median(after):.0f} | {ratio:.2f} |")


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """Yield a folder with the files of a revision."""
    if revision == ".":
        yield ROOT
        return
    with TemporaryDirectory() as folder:
        git("worktree", "add", "--quiet", "--detach", folder, revision)
        yield Path(folder)
        git("worktree", "remove", "--force", folder)


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True)


def run(folder: Path, database: str) -> dict[str, float]:
    """Return the median microseconds of each call with the code in a folder."""
    command = [sys.executable, "-c", RUN, str(folder), str(ROOT), "--json", "--rounds", "30", "--database", database]
    environment = {**os.environ, "PYTHONPATH": str(folder)}  # for the migrations, which run as a command
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return {name: statistics.median(times) for name, times in json.loads(result.stdout).items()}


if __name__ == "__main__":
    main()
