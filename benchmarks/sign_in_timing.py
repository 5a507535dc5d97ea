"""Does the time of a refused sign-in tell whether the name exists? Interleaved samples over HTTP, at the default cost.

python -m benchmarks.sign_in_timing [ROUNDS]

With ROUNDS, the account is made at the default cost and the server is then restarted with that one.
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
        for name, taken in times.items():
            start = time.perf_counter()
            status, _ = post(address, "login", {"username": name, "password": "wrong"})
            taken.append((time.perf_counter() - start) * 1000)
            assert status == 401
    for name, taken in times.items():
        low, middle, high = statistics.quantiles(taken, n=4)
        print(f"{name:>16}: median {middle:.2f} ms, quartiles {low:.2f} to {high:.2f}")
    pairs = [a - b for a, b in zip(*times.values(), strict=True)]
    middle, error = statistics.median(pairs), 1.2533 * statistics.stdev(pairs) / len(pairs) ** 0.5
    print(f"known minus unknown, pair by pair: median {middle:+.3f} ms, standard error {error:.3f} ms")


if __name__ == "__main__":
    main()
