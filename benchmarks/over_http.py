"""Measure list, get and create over HTTP with Granian and wrk, relative to a bare Flask route on the same server.

python -m benchmarks.over_http                                      # SQLite
python -m benchmarks.over_http --database postgresql:///name        # its role may create databases
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from benchmarks import subject
from benchmarks.in_process import share
from tests import servers

CLIENTS = 8
THREADS = 8
ROUNDS = 5
SECONDS = 3
BODY = '{"title": "Water the plants", "priority": "high", "due_date": "2030-06-01"}'
SCRIPT = """
local users = {%s}
local index = 0
request = function()
    index = index %% #users + 1
    local user = users[index]
    local headers = {["Authorization"] = "Bearer " .. user[1], ["Content-Type"] = "application/json"}
    return wrk.format(%s)
end
"""
REQUESTS = {
    "list": '"GET", "/api/v1/tasks", headers',
    "get": '"GET", "/api/v1/tasks/" .. user[2], headers',
    "create": f'"POST", "/api/v1/tasks", headers, \'{BODY}\'',
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://…; the default is SQLite")
    parser.add_argument("--redis", default="", help="redis://… for rate limits")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="duration of the load on each route in each round")
    options = parser.parse_args()
    print(table(measure(options.database, options.redis, options.rounds, options.seconds)))


def measure(
    database: str = "", redis: str = "", rounds: int = ROUNDS, seconds: int = SECONDS
) -> dict[str, list[float]]:
    """Return the microseconds of a request in each round, by the name of the request. There is one worker."""
    with subject.environment(database, redis) as settings, ExitStack() as started:
        users = subject.create_users(subject.application(settings, BCRYPT_ROUNDS=4, LOG_LEVEL="warning"))
        folder = Path(settings["TASKAPI_INSTANCE_PATH"])
        bare = started.enter_context(serving("benchmarks.subject:bare", {}, folder)).address
        service = started.enter_context(serving("wsgi:app", settings, folder)).address
        times: dict[str, list[float]] = {name: [] for name in ("bare", *REQUESTS)}
        for _ in range(rounds):
            for name, microseconds in times.items():
                address = bare if name == "bare" else service
                microseconds.append(1e6 / rate(address, script(name, users, folder), seconds))
    return times


class Granian(servers.Server):
    """Granian with the options that `flask serve` uses, for any application."""

    def command(self) -> list[str | Path]:
        """Return the command that starts it."""
        granian = Path(sys.executable).with_name("granian")
        options = ["--interface", "wsgi", "--http", "1", "--workers", "1", "--blocking-threads", str(THREADS)]
        return [granian, *options, "--host", "127.0.0.1", "--port", str(self.port), self.application]


@contextmanager
def serving(application: str, settings: dict[str, str], folder: Path) -> Iterator[Granian]:
    """Serve an application with one worker, and wait until it responds."""
    with Granian(settings, folder, application=application) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")  # the response comes once the worker has started
        connection.getresponse().read()
        yield server


def script(name: str, users: list[subject.User], folder: Path, request: str = "") -> list[str]:
    """Return the options of wrk for a request. Each time it is sent by the next user.

    `request` is by default that of REQUESTS with this name: the arguments of `wrk.format`, in Lua.
    """
    if name == "bare":
        return []
    path = folder / f"{name}.lua"
    rows = ", ".join(f'{{"{user.token}", "{user.task_id}"}}' for user in users)
    path.write_text(SCRIPT % (rows, request or REQUESTS[name]))
    return ["--script", str(path)]


def rate(address: str, options: list[str], seconds: int) -> float:
    """Return the requests per second, after a second of other requests."""
    wrk(address, options, 1)
    return rate_of(wrk(address, options, seconds))


def wrk(address: str, options: list[str], seconds: int, refused: float = 0.01) -> str:
    """Return the output of wrk; see `require_success`."""
    command = [str(shutil.which("wrk")), "-t1", f"-c{CLIENTS}", f"-d{seconds}s", *options, address]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    require_success(output, refused)
    return output


def require_success(output: str, refused: float = 0.01) -> None:
    """Raise AssertionError if more than this share of the requests in the output of wrk failed.

    A server that the machine stops for 0.2 s, for example at a slow fsync, refuses some requests.
    """
    failed = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", output)))
    assert failed <= refused * requests_of(output), output
    assert "Socket errors" not in output, output


def requests_of(output: str) -> int:
    """Return the number of requests in the output of wrk."""
    return int(re.findall(r"(\d+) requests in", output)[0])


def rate_of(output: str) -> float:
    """Return the requests per second in the output of wrk."""
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", output)[0])


def table(times: dict[str, list[float]]) -> str:
    """Return a table: the requests per second, and the median of the rate relative to the bare route."""
    lines = ["| | requests/s | share of bare Flask's |", "| --- | --- | --- |"]
    for name, microseconds in times.items():
        lines.append(f"| {name} | {1e6 / median(microseconds):,.0f} | {share(times, name):.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
