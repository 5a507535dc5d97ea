"""Rotate the signing key from ES256 to EdDSA, HS512 and RS256 while clients send requests to two workers.

After a 401, a client refreshes once and repeats the request. A request that gets no 200 after that has failed.

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
ALGORITHMS = ("EdDSA", "HS512", "RS256")
TOKEN_SECONDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = settings(folder)
        with servers.serving(environment, Path(folder), workers=2, threads=8) as address:
            clients = [Client(address, f"user-{number}") for number in range(options.clients)]
            for client in clients:
                client.start()
            rotate(environment)
            for client in clients:
                client.stop()
    report(clients)


def settings(folder: str) -> dict[str, str]:
    key_set = f"{folder}/keys.json"
    environment = {
        "TASKAPI_INSTANCE_PATH": folder,
        "TASKAPI_RATELIMIT_ENABLED": "false",
        "TASKAPI_BCRYPT_ROUNDS": "4",
        "TASKAPI_ACCESS_TOKEN_SECONDS": str(TOKEN_SECONDS),
        "TASKAPI_JWT_KEYS_RELOAD_SECONDS": "1",
    }
    run_keys_command(environment, "generate", "--alg", "ES256", key_set)
    return {**environment, "TASKAPI_JWT_KEYS": key_set}


def rotate(environment: dict[str, str]) -> None:
    """Stage and promote one key after the other, and retire the key before it.

    `--now` skips the wait for other services that cache the public keys.
    """
    time.sleep(3)
    for alg in ALGORITHMS:
        lines = run_keys_command(environment, "list").splitlines()
        old = next(line for line in lines if " sig " in line and " signing " in line)
        kid = run_keys_command(environment, "stage", "--alg", alg).split()[0]
        time.sleep(2)
        print(run_keys_command(environment, "promote", kid, "--now").strip())
        time.sleep(TOKEN_SECONDS + 5 + 2)
        print(run_keys_command(environment, "retire", old.split()[0]).strip())
    time.sleep(3)


def run_keys_command(environment: dict[str, str], *arguments: str) -> str:
    """Run `flask keys …`, and return its output."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "keys", *arguments]
    result = subprocess.run(
        command, env=os.environ | environment, cwd=servers.ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return result.stdout


class Client(threading.Thread):
    """A client that reads the account of its user repeatedly."""

    def __init__(self, address: str, username: str) -> None:
        super().__init__(daemon=True)
        self.address = address
        self.is_running = True
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        credentials = {"username": username, "password": PASSWORD}
        self.call("auth/register", credentials)
        self.tokens = self.call("auth/login", credentials)[1]

    def run(self) -> None:
        """Send requests until `stop` is called."""
        while self.is_running:
            self.read_account()
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop sending requests, and wait for the last response."""
        self.is_running = False
        self.join()

    def read_account(self) -> None:
        """Read the account, refresh the token if necessary, and count the result."""
        status, body = self.call("me")
        if status == 401:
            self.counts[f"401 {body['code']}, then refreshed"] += 1
            status, body = self.call("auth/refresh", {"refresh_token": self.tokens["refresh_token"]})
            if status == 200:
                self.tokens = body
                status, body = self.call("me")
        self.counts["requests"] += 1
        self.counts[f"200 with a token of {algorithm(self.tokens['access_token'])}"] += status == 200
        if status != 200:
            self.failures.append(f"{status} {body}")

    def call(self, path: str, body: dict[str, str] | None = None) -> tuple[int, dict[str, str]]:
        """Send a request; return the status and the body of the response."""
        headers = {"Content-Type": "application/json"}
        if body is None:
            headers["Authorization"] = f"Bearer {self.tokens['access_token']}"
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"{self.address}/api/v1/{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError as error:
            return 0, {"code": str(error)}


def algorithm(token: str) -> str:
    """Return the algorithm of a token."""
    header = token.split(".", 1)[0]
    return str(json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["alg"])


def report(clients: list[Client]) -> None:
    counts = sum((client.counts for client in clients), Counter())
    failures = [failure for client in clients for failure in client.failures]
    for result, count in sorted(counts.items()):
        print(f"{count:7}  {result}")
    print(f"{len(failures):7}  failed")
    for failure in failures[:5]:
        print(failure)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
