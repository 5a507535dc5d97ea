"""Count the statuses when forty clients use one refresh token at the same time, and how many successors remain valid.

python -m benchmarks.refresh_race                                # SQLite
python -m benchmarks.refresh_race --database postgresql:///name  # an empty database of your own, migrated first
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests import servers

PASSWORD = "correct horse battery staple"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://…; the default is SQLite")
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"TASKAPI_INSTANCE_PATH": folder, "TASKAPI_RATELIMIT_ENABLED": "false", "TASKAPI_BCRYPT_ROUNDS": "4"}
        settings["TASKAPI_DATABASE_URL"] = options.database
        if options.database:
            subprocess.run([sys.executable, "-m", "flask", "db", "upgrade"], env=os.environ | settings, check=True)
        with servers.serving(settings, Path(folder), workers=2, threads=20) as address:
            race(address, options.clients, options.rounds)


def race(address: str, clients: int, rounds: int) -> None:
    statuses: Counter[int] = Counter()
    valid: Counter[int] = Counter()
    credentials = {"username": f"racer-{os.getpid()}", "password": PASSWORD}
    post(address, "register", credentials)
    for _ in range(rounds):
        _, tokens = post(address, "login", credentials)
        responses = call_at_once(
            clients, lambda token=tokens["refresh_token"]: post(address, "refresh", {"refresh_token": token})
        )
        statuses.update(status for status, _ in responses)
        successors = {body["refresh_token"] for status, body in responses if status == 200}
        valid[sum(post(address, "refresh", {"refresh_token": token})[0] == 200 for token in successors)] += 1
    print(f"{rounds} rounds of {clients} clients: statuses {dict(statuses)}")
    print(f"valid successors after a round: {dict(valid)} (successors: rounds)")
    print(f"5xx: {sum(count for status, count in statuses.items() if status >= 500)}")


def call_at_once(clients, call):
    """Call a function in as many threads at the same time; return the results."""
    barrier = threading.Barrier(clients)

    def run(_):
        barrier.wait()
        return call()

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(run, range(clients)))


def post(address: str, path: str, body: dict[str, str]) -> tuple[int, dict[str, str]]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/api/v1/auth/{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


if __name__ == "__main__":
    main()
