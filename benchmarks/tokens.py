"""What a token costs: to sign and verify by each algorithm, in characters, and to ask the denylist of. Medians in µs.

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
from taskapi.security.denylist import is_revoked
from taskapi.security.keys import ALGORITHMS, current_key_set
from taskapi.security.tokens import TokenSubject, issue_token, verify_token
from taskapi.users.models import create_user

SUBJECT = TokenSubject(UUID(int=1), "Ada Lovelace", ["editor"], 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--database", default="", help="postgresql://… (migrated); SQLite without")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        apps = {alg: app_of(alg, Path(folder) / alg) for alg in ALGORITHMS}
        taken: dict[str, list[tuple[float, float, float]]] = {alg: [] for alg in apps}
        for _ in range(options.rounds):
            for alg in random.sample([*apps], len(apps)):  # the first of a round finds the caches cold
                taken[alg].append(once(apps[alg]))
        report(apps, taken)
        look_up(options.rounds, Path(folder) / "table", DATABASE_URL=options.database)


def app_of(alg: str, folder: Path, **settings: str) -> Flask:
    return create_app({"INSTANCE_PATH": str(folder), "JWT_ALGORITHM": alg, "LOG_LEVEL": "error", **settings})


def once(app: Flask) -> tuple[float, float, float]:
    with app.app_context():
        token = ""

        def sign() -> None:
            nonlocal token
            token = issue_token(SUBJECT, uuid4(), fresh=False)

        current_key_set().verified.clear()
        return timed(sign), timed(lambda: verify_token(token)), timed(lambda: verify_token(token))


def look_up(rounds: int, folder: Path, **settings: str) -> None:
    """Ask the denylist on a connection that is open, as a request has it open for its own question."""
    with app_of("HS256", folder, **settings).app_context():
        user = create_user(f"bench-{uuid4()}", "correct horse battery staple")
        db.session.commit()
        caller = verify_token(issue_token(subject_of(user), uuid4(), fresh=False))
        taken = [timed(lambda: is_revoked(caller)) for _ in range(rounds)]
    print(f"a look-up in the denylist: {statistics.median(taken):,.0f} µs")


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e6


def report(apps: dict[str, Flask], taken: dict[str, list[tuple[float, float, float]]]) -> None:
    print("| `alg` | sign | verify | verify again | characters |\n| --- | --- | --- | --- | --- |")
    for alg, app in apps.items():
        with app.app_context():
            length = len(issue_token(SUBJECT, uuid4(), fresh=False))
        medians = " | ".join(f"{statistics.median(column):,.0f}" for column in zip(*taken[alg], strict=True))
        print(f"| `{alg}` | {medians} | {length} |")


if __name__ == "__main__":
    main()
