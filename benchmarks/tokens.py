"""Measure tokens of each algorithm: the time to sign and verify, the length, and a look-up in the denylist.

python -m benchmarks.tokens --database postgresql://dev:dev@127.0.0.1/dev
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

from flask import Flask

from taskapi import create_app
from taskapi.auth.sessions import subject_of
from taskapi.database import db
from taskapi.security.keys import ALGORITHMS, current_key_set
from taskapi.security.tokens import TokenSubject, is_revoked, issue_token, verify_token
from taskapi.users.models import create_user

SUBJECT = TokenSubject(UUID(int=1), "Ada Lovelace", ["editor"], 0, ["pwd"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--database", default="", help="postgresql://… (migrated); the default is SQLite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        apps = {alg: create_app_for(alg, Path(folder) / alg) for alg in ALGORITHMS}
        times: dict[str, list[tuple[float, float, float]]] = {alg: [] for alg in apps}
        for _ in range(options.rounds):
            for alg in random.sample([*apps], len(apps)):  # CPU caches are cold for the first one
                times[alg].append(measure_once(apps[alg]))
        report(apps, times)
        measure_denylist(options.rounds, Path(folder) / "table", DATABASE_URL=options.database)


def create_app_for(alg: str, folder: Path, **settings: str) -> Flask:
    return create_app({"INSTANCE_PATH": str(folder), "JWT_ALGORITHM": alg, "LOG_LEVEL": "error", **settings})


def measure_once(app: Flask) -> tuple[float, float, float]:
    """Return the microseconds to sign a token, to verify it, and to verify it again from the cache."""
    with app.app_context():
        token = ""

        def sign() -> None:
            nonlocal token
            token = issue_token(SUBJECT, uuid4(), fresh=False)

        current_key_set().verified.clear()
        return timed(sign), timed(lambda: verify_token(token)), timed(lambda: verify_token(token))


def measure_denylist(rounds: int, folder: Path, **settings: str) -> None:
    """Measure look-ups in the denylist on one open connection."""
    with create_app_for("HS256", folder, **settings).app_context():
        user = create_user(f"bench-{uuid4()}", "correct horse battery staple")
        db.session.commit()
        caller = verify_token(issue_token(subject_of(user, ["pwd"]), uuid4(), fresh=False))
        times = [timed(lambda: is_revoked(caller)) for _ in range(rounds)]
    print(f"a look-up in the denylist: {statistics.median(times):,.0f} µs")


def timed(call: Callable[[], object]) -> float:
    """Return the microseconds of a call."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e6


def report(apps: dict[str, Flask], times: dict[str, list[tuple[float, float, float]]]) -> None:
    print("| `alg` | sign | verify | verify again | characters |\n| --- | --- | --- | --- | --- |")
    for alg, app in apps.items():
        with app.app_context():
            length = len(issue_token(SUBJECT, uuid4(), fresh=False))
        medians = " | ".join(f"{statistics.median(column):,.0f}" for column in zip(*times[alg], strict=True))
        print(f"| `{alg}` | {medians} | {length} |")


if __name__ == "__main__":
    main()
