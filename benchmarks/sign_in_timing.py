"""Measure whether the time of a refused sign-in reveals that a username exists, by interleaved requests over HTTP.

python -m benchmarks.sign_in_timing [ROUNDS]

With ROUNDS, the account is created at the default bcrypt cost, and the server is then restarted with this cost.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.refresh_race import PASSWORD, post
from tests import servers

SAMPLES = 200


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = {"TASKAPI_INSTANCE_PATH": folder, "TASKAPI_RATELIMIT_ENABLED": "false"}
        known, unknown = f"known-{os.getpid()}", f"nobody-{os.getpid()}"
        with servers.serving(settings, Path(folder), workers=1) as address:
            post(address, "register", {"username": known, "password": PASSWORD})
        if sys.argv[1:]:
            settings["TASKAPI_BCRYPT_ROUNDS"] = sys.argv[1]
        with servers.serving(settings, Path(folder), workers=1) as address:
            measure(address, known, unknown)


def measure(address: str, known: str, unknown: str) -> None:
    times: dict[str, list[float]] = {known: [], unknown: []}
    for _ in range(SAMPLES):
        for name, milliseconds in times.items():
            start = time.perf_counter()
            status, _ = post(address, "login", {"username": name, "password": "wrong"})
            milliseconds.append((time.perf_counter() - start) * 1000)
            assert status == 401
    for name, milliseconds in times.items():
        low, median, high = statistics.quantiles(milliseconds, n=4)
        print(f"{name:>16}: median {median:.2f} ms, quartiles {low:.2f} to {high:.2f}")
    differences = [a - b for a, b in zip(*times.values(), strict=True)]
    median, error = statistics.median(differences), 1.2533 * statistics.stdev(differences) / len(differences) ** 0.5
    print(f"known minus unknown, pair by pair: median {median:+.3f} ms, standard error {error:.3f} ms")


if __name__ == "__main__":
    main()
