"""Turn the signing key from ES256 by EdDSA and HS512 to RS256 while clients work, on two worker processes.

The clients do as they may rely on: on a 401 they refresh once and ask again. What has no 200 after that has failed.

python -m benchmarks.rotate_under_load
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from base64 import urlsafe_b64decode
from collections import Counter
from pathlib import Path

from tests import servers

PASSWORD = "correct horse battery staple"
WALK = ("EdDSA", "HS512", "RS256")
LIFE = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = settings(folder)
        with servers.serving(environment, Path(folder), workers=2, threads=8) as address:
            clients = [Client(address, f"person-{number}") for number in range(options.clients)]
            for client in clients:
                client.start()
            walk(environment)
            for client in clients:
                client.stop()
    report(clients)


def settings(folder: str) -> dict[str, str]:
    key_set = f"{folder}/keys.json"
    environment = {
        "TASKAPI_INSTANCE_PATH": folder,
        "TASKAPI_RATELIMIT_ENABLED": "false",
        "TASKAPI_BCRYPT_ROUNDS": "4",
        "TASKAPI_ACCESS_TOKEN_SECONDS": str(LIFE),
        "TASKAPI_JWT_KEYS_RELOAD_SECONDS": "1",
    }
    keys(environment, "generate", "--alg", "ES256", key_set)
    return {**environment, "TASKAPI_JWT_KEYS": key_set}


def walk(environment: dict[str, str]) -> None:
    """Bring in one key after the other, and take out the one before; `--now` spares the wait for outside caches."""
    time.sleep(3)
    for alg in WALK:
        old = next(line for line in keys(environment, "list").splitlines() if " sig " in line and " signing " in line)
        kid = keys(environment, "stage", "--alg", alg).split()[0]
        time.sleep(2)
        print(keys(environment, "promote", kid, "--now").strip())
        time.sleep(LIFE + 5 + 2)
        print(keys(environment, "retire", old.split()[0]).strip())
    time.sleep(3)


def keys(environment: dict[str, str], *words: str) -> str:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "keys", *words]
    result = subprocess.run(
        command, env=os.environ | environment, cwd=servers.ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return result.stdout


class Client(threading.Thread):
    """Somebody who asks for their account, over and over."""

    def __init__(self, address: str, username: str) -> None:
        super().__init__(daemon=True)
        self.address = address
        self.working = True
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        credentials = {"username": username, "password": PASSWORD}
        self.call("auth/register", credentials)
        self.tokens = self.call("auth/login", credentials)[1]

    def run(self) -> None:
        """Ask until it is enough."""
        while self.working:
            self.ask()
            time.sleep(0.01)

    def stop(self) -> None:
        """Say that it is enough, and wait for the last answer."""
        self.working = False
        self.join()

    def ask(self) -> None:
        """Ask once, refreshing where that is needed, and count what came of it."""
        status, answer = self.call("me")
        if status == 401:
            self.counts[f"401 {answer['code']}, then refreshed"] += 1
            status, answer = self.call("auth/refresh", {"refresh_token": self.tokens["refresh_token"]})
            if status == 200:
                self.tokens = answer
                status, answer = self.call("me")
        self.counts["requests"] += 1
        self.counts[f"200 by a token of {algorithm(self.tokens['access_token'])}"] += status == 200
        if status != 200:
            self.failures.append(f"{status} {answer}")

    def call(self, path: str, body: dict[str, str] | None = None) -> tuple[int, dict[str, str]]:
        """Send a request; return its status and its answer."""
        headers = {"Content-Type": "application/json"}
        if body is None:
            headers["Authorization"] = f"Bearer {self.tokens['access_token']}"
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"{self.address}/api/v1/{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError as error:
            return 0, {"code": str(error)}


def algorithm(token: str) -> str:
    header = token.split(".", 1)[0]
    return str(json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["alg"])


def report(clients: list[Client]) -> None:
    counts = sum((client.counts for client in clients), Counter())
    failures = [failure for client in clients for failure in client.failures]
    for what, count in sorted(counts.items()):
        print(f"{count:7}  {what}")
    print(f"{len(failures):7}  failed")
    for failure in failures[:5]:
        print(failure)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
