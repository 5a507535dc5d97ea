"""List, get and create over HTTP, beside a bare Flask route under the same server: Granian and wrk, round by round.

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
local people = {%s}
local turn = 0
request = function()
    turn = turn %% #people + 1
    local person = people[turn]
    local headers = {["Authorization"] = "Bearer " .. person[1], ["Content-Type"] = "application/json"}
    return wrk.format(%s)
end
"""
REQUESTS = {
    "list": '"GET", "/api/v1/tasks", headers',
    "get": '"GET", "/api/v1/tasks/" .. person[2], headers',
    "create": f'"POST", "/api/v1/tasks", headers, \'{BODY}\'',
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://…; SQLite without")
    parser.add_argument("--redis", default="", help="redis://… for limits")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of load for each route in each round")
    options = parser.parse_args()
    print(table(measure(options.database, options.redis, options.rounds, options.seconds)))


def measure(
    database: str = "", redis: str = "", rounds: int = ROUNDS, seconds: int = SECONDS
) -> dict[str, list[float]]:
    """Return the microseconds a request took of the one worker in each round, by its name; `bare` is one of them."""
    with subject.environment(database, redis) as settings, ExitStack() as started:
        people = subject.people(subject.application(settings, BCRYPT_ROUNDS=4, LOG_LEVEL="warning"))
        folder = Path(settings["TASKAPI_INSTANCE_PATH"])
        bare = started.enter_context(serving("benchmarks.subject:bare", {}, folder)).address
        served = started.enter_context(serving("wsgi:app", settings, folder)).address
        times: dict[str, list[float]] = {name: [] for name in ("bare", *REQUESTS)}
        for _ in range(rounds):
            for name, taken in times.items():
                taken.append(1e6 / rate(bare if name == "bare" else served, script(name, people, folder), seconds))
    return times


class Granian(servers.Server):
    """Granian with the options that `flask serve` gives it, for any application."""

    def command(self) -> list[str | Path]:
        """Return the command that starts it."""
        granian = Path(sys.executable).with_name("granian")
        options = ["--interface", "wsgi", "--http", "1", "--workers", "1", "--blocking-threads", str(THREADS)]
        return [granian, *options, "--host", "127.0.0.1", "--port", str(self.port), self.application]


@contextmanager
def serving(application: str, settings: dict[str, str], folder: Path) -> Iterator[Granian]:
    """Serve an application by one worker, and wait until it responds."""
    with Granian(settings, folder, application=application) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")  # is answered once the worker is there
        connection.getresponse().read()
        yield server


def script(name: str, people: list[subject.Person], folder: Path) -> list[str]:
    """Return wrk's options for a request, asked for one person after the other."""
    if name == "bare":
        return []
    path = folder / f"{name}.lua"
    rows = ", ".join(f'{{"{person.token}", "{person.task_id}"}}' for person in people)
    path.write_text(SCRIPT % (rows, REQUESTS[name]))
    return ["--script", str(path)]


def rate(address: str, options: list[str], seconds: int) -> float:
    """Return requests a second, once the server is warm."""
    wrk(address, options, 1)
    return rate_of(wrk(address, options, seconds))


def wrk(address: str, options: list[str], seconds: int) -> str:
    """Return what wrk says of so many seconds of load. Raises where a request failed."""
    command = [str(shutil.which("wrk")), "-t1", f"-c{CLIENTS}", f"-d{seconds}s", *options, address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said, said
    assert "Socket errors" not in said, said
    return said


def rate_of(said: str) -> float:
    """Return the requests a second of what wrk said."""
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])


def table(times: dict[str, list[float]]) -> str:
    """Return requests a second, and the median share of the bare route's, round by round."""
    lines = ["| | requests/s | share of bare Flask's |", "| --- | --- | --- |"]
    for name, taken in times.items():
        lines.append(f"| {name} | {1e6 / median(taken):,.0f} | {share(times, name):.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
