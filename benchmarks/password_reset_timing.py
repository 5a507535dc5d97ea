"""Compare the times of POST /auth/password-reset for names with and without an account, in process and interleaved.

python -m benchmarks.password_reset_timing
"""

import argparse
import random
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from flask_migrate import upgrade

from taskapi import create_app
from taskapi.database import db
from taskapi.extensions.account_mail.models import VerifiedEmail
from taskapi.extensions.mail.service import send_due
from taskapi.users.models import create_user

URL = "/api/v1/auth/password-reset"
NAMES = {
    "verified": "ada@example.org",
    "username": "ada",
    "unverified": "bob@example.org",
    "unknown": "eve@example.org",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200, help="for each name")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        times = measure(Path(folder), options.calls)
    for kind, found in times.items():
        middle = [1000 * value for value in sorted(found)[len(found) // 4 : -len(found) // 4]]
        print(f"{kind:10}  median {1000 * median(found):.2f} ms, middle half {middle[0]:.2f} to {middle[-1]:.2f} ms")


def measure(folder: Path, calls: int) -> dict[str, list[float]]:
    """Return the seconds of each call. The sender runs between the calls, as it would beside them."""
    mail = {"MAIL_URL": "smtp://127.0.0.1:9", "MAIL_FROM": "tasks@example.org"}
    database = {"DATABASE_URL": f"sqlite:///{folder / 'timing.db'}", "INSTANCE_PATH": str(folder)}
    app = create_app({"RATELIMIT_ENABLED": False, "LOG_LEVEL": "error", "BCRYPT_ROUNDS": 4, **mail, **database})
    with app.app_context():
        upgrade(revision="heads")
        _add("ada", verified=True)
        _add("bob", verified=False)
    client = app.test_client()
    times: dict[str, list[float]] = {kind: [] for kind in NAMES}
    for number in range(calls):
        for kind in random.sample([*NAMES], len(NAMES)):
            started = time.perf_counter()
            assert client.post(URL, json={"login": NAMES[kind]}).status_code == 202
            times[kind].append(time.perf_counter() - started)
        if number % 10 == 0:
            with app.app_context():
                send_due()
    return times


def _add(username: str, *, verified: bool) -> None:
    email = f"{username}@example.org"
    user = create_user(username, "correct horse battery staple", email=email)
    if verified:
        db.session.flush()
        db.session.add(VerifiedEmail(user_id=user.id, email=email, lookup=email))
    db.session.commit()


if __name__ == "__main__":
    main()
