"""List, get and create beside other back ends, each on one core: requests a second, p99, and the ratio to PocketBase.

python -m benchmarks.peers                       # all, on SQLite, five rounds
python -m benchmarks.peers taskapi pocketbase    # only these

The servers run on the first core and wrk on the second, with 8 kept connections. All servers are started first. In each
round each request of each server is measured in turn. Each server has 60 tasks of one user, and new tasks belong to
another user. Each checks who owns a task. PocketBase, FastAPI and Django come from PyPI into an environment of their
own, json-server and Directus from npm into folders of their own. json-server knows neither users nor permissions.
Directus needs Node.js 22, which npm installs too, and a C++ compiler.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from benchmarks import subject
from benchmarks.over_http import require_success
from tests.servers import ROOT, connects, free_port, wait_until

HERE = Path(__file__).parent
TASKS = 60
CLIENTS = 8
ROUNDS = 5
SECONDS = 3
TASK = {"title": "Water the plants", "description": "The ferns too.", "priority": "high"}
PASSWORD = "correct horse battery staple"
SCRIPT = """
wrk.method = "%s"
wrk.headers["Authorization"] = "%s"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '%s'
"""


class Call(NamedTuple):
    """A request to measure."""

    method: str
    url: str
    token: str
    body: Any = None


class Peer(NamedTuple):
    """A server that runs, and its requests: list, get and create."""

    name: str
    calls: dict[str, Call]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *PEERS], help="by default all")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of load for each request in each round")
    options = parser.parse_args()
    print(f"{subject.revision()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(report(options.names or [*PEERS], options.rounds, options.seconds))


def report(names: list[str], rounds: int = ROUNDS, seconds: int = SECONDS) -> str:
    """Measure, and return a table."""
    with TemporaryDirectory() as folder, ExitStack() as started:
        peers = [started.enter_context(PEERS[name](Path(folder))) for name in names]
        rates: dict[tuple[str, str], list[float]] = {}
        p99s: dict[str, list[float]] = {}
        for _ in range(rounds):
            for request in ("list", "get", "create"):
                for peer in peers:
                    rate, p99 = load(peer.calls[request], Path(folder), seconds)
                    rates.setdefault((peer.name, request), []).append(rate)
                    if request == "list":
                        p99s.setdefault(peer.name, []).append(p99)
        return table(peers, rates, p99s)


def table(peers: list[Peer], rates: dict[tuple[str, str], list[float]], p99s: dict[str, list[float]]) -> str:
    """Return the median rate of each request, its ratio to PocketBase with the spread, and the p99 of lists."""
    lines = ["| | list 20 | get one | create | p99 of list, ms | size of list, bytes |", "| --- |" + " ---: |" * 5]
    for peer in peers:
        cells = [cell(rates[peer.name, request], rates.get(("PocketBase", request))) for request in peer.calls]
        size = len(send(peer.calls["list"]))
        lines.append(f"| {peer.name} | {' | '.join(cells)} | {median(p99s[peer.name]):.1f} | {size:,} |")
    return "\n".join(lines)


def cell(rates: list[float], others: list[float] | None) -> str:
    """Return the median of some rates, and of their ratios to others, round by round, with the spread."""
    text = f"{median(rates):,.0f}/s"
    if others and others is not rates:
        ratios = sorted(rate / other for rate, other in zip(rates, others, strict=True))
        text += f", × {median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"
    return text


def load(call: Call, folder: Path, seconds: int) -> tuple[float, float]:
    """Return requests a second, and the p99 in milliseconds. Raises where requests failed."""
    script = folder / "call.lua"
    script.write_text(SCRIPT % (call.method, call.token, json.dumps(call.body) if call.body else ""))
    command = [*on_core(1), str(shutil.which("wrk")), "-t1", f"-c{CLIENTS}", "--latency", "--script", str(script)]
    for duration in (1, seconds):  # the first run warms the server up
        output = subprocess.run(
            [*command, f"-d{duration}s", call.url], capture_output=True, text=True, check=True
        ).stdout
    require_success(output)
    number, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", output)[0]
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", output)[0]), float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[
        unit
    ]


def on_core(core: int) -> list[str]:
    """Return the words before a command that runs it on one core."""
    return ["taskset", "--cpu-list", str(core % (os.cpu_count() or 1))]


@contextmanager
def running(command: list[str], port: int, **environment: str) -> Iterator[str]:
    """Run a server on the first core until the end of the block; return its address."""
    process = subprocess.Popen(
        [*on_core(0), *command], cwd=HERE, env=os.environ | environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: connects(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def send(call: Call) -> bytes:
    """Send a request, and return the body of the response. Raises where it failed."""
    headers = {"Authorization": call.token, "Content-Type": "application/json"} if call.token else {}
    headers["Content-Type"] = "application/json"
    data = json.dumps(call.body).encode() if call.body is not None else None
    with urlopen(Request(call.url, data, headers, method=call.method)) as response:
        body: bytes = response.read()
        return body


def post(url: str, body: Any, token: str = "") -> Any:
    """POST JSON, and return the JSON of the response."""
    return json.loads(send(Call("POST", url, token, body)))


def filled(name: str, tasks: str, tokens: list[str], bodies: list[Any], listing: str = "") -> Peer:
    """Add 60 tasks of the first user, and return the requests: list and get for the first, create for the second."""
    for _ in range(TASKS):
        task = post(tasks, bodies[0], tokens[0])
    base = tasks.rstrip("/")
    slash = "/" if name == "Django REST framework" else ""
    return Peer(
        name,
        {
            "list": Call("GET", tasks + listing, tokens[0]),
            "get": Call("GET", f"{base}/{task.get('data', task)['id']}{slash}", tokens[0]),
            "create": Call("POST", tasks, tokens[1], bodies[1]),
        },
    )


@contextmanager
def taskapi(folder: Path) -> Iterator[Peer]:
    """Run `flask serve` as shipped, with one worker. Only the limit of requests per user is raised."""
    port, instance = free_port(), folder / "taskapi"
    settings = {
        "TASKAPI_INSTANCE_PATH": str(instance),
        "TASKAPI_RATELIMIT_USER": "100000000/minute",
        "TASKAPI_MAX_TASKS": "100000000",
        "TASKAPI_LOG_FORMAT": "json",
        "FLASK_SKIP_DOTENV": "1",
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"],
        cwd=ROOT, env=os.environ | settings, check=True, capture_output=True,
    )  # fmt: skip
    command = [sys.executable, "-m", "flask", "--app", str(ROOT / "wsgi.py"), "serve", "--port", str(port)]
    with running(command, port, **settings) as address:
        tokens = []
        for name in ("reader", "writer"):
            credentials = {"username": name, "password": PASSWORD}
            post(f"{address}/api/v1/auth/register", credentials)
            tokens.append(f"Bearer {post(f'{address}/api/v1/auth/login', credentials)['access_token']}")
        yield filled("Task API", f"{address}/api/v1/tasks", tokens, [TASK, TASK])


@contextmanager
def pocketbase(folder: Path) -> Iterator[Peer]:
    """Run PocketBase with a collection of tasks that only their owner may see or change."""
    port, data = free_port(), folder / "pocketbase"
    program = str(peer_environment(folder) / "pocketbase")
    superuser = {"identity": "admin@example.org", "password": PASSWORD}
    subprocess.run(
        [program, "superuser", "upsert", *superuser.values(), "--dir", data], check=True, capture_output=True
    )
    with running([program, "serve", "--http", f"127.0.0.1:{port}", "--dir", str(data)], port) as address:
        api = f"{address}/api/collections"
        admin = post(f"{api}/_superusers/auth-with-password", superuser)["token"]
        post(api, COLLECTION, admin)
        tokens, bodies = [], []
        for name in ("reader", "writer"):
            account = {"email": f"{name}@example.org", "password": PASSWORD, "passwordConfirm": PASSWORD}
            owner = post(f"{api}/users/records", account, admin)["id"]
            login = {"identity": account["email"], "password": PASSWORD}
            tokens.append(post(f"{api}/users/auth-with-password", login)["token"])
            bodies.append({**TASK, "status": "todo", "owner": owner})
        listing = "?perPage=20&skipTotal=1&sort=-created"
        yield filled("PocketBase", f"{api}/tasks/records", tokens, bodies, listing)


COLLECTION = {
    "name": "tasks",
    "type": "base",
    **dict.fromkeys(("listRule", "viewRule", "updateRule", "deleteRule"), "owner = @request.auth.id"),
    "createRule": "owner = @request.auth.id",
    "fields": [
        {"name": "title", "type": "text", "required": True, "max": 200},
        {"name": "description", "type": "text", "max": 20000},
        {"name": "status", "type": "select", "values": ["todo", "in_progress", "done", "cancelled"]},
        {"name": "priority", "type": "select", "values": ["none", "low", "medium", "high", "urgent"]},
        {"name": "due_date", "type": "date"},
        {"name": "owner", "type": "relation", "collectionId": "_pb_users_auth_", "required": True, "maxSelect": 1},
        {"name": "created", "type": "autodate", "onCreate": True},
        {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
    ],
    "indexes": ["CREATE INDEX idx_tasks_owner ON tasks (owner, created)"],
}


@contextmanager
def fastapi(folder: Path) -> Iterator[Peer]:
    """Run the FastAPI application by `fastapi run`, as its documentation recommends; one worker for one core."""
    port = free_port()
    command = [str(peer_environment(folder) / "fastapi"), "run", "fastapi_tasks.py", "--port", str(port)]
    with running(command, port, PEER_FOLDER=str(folder)) as address:
        tokens = [f"Bearer {post(f'{address}/prepare', {})['token']}" for _ in range(2)]
        yield filled("FastAPI with SQLModel", f"{address}/tasks/", tokens, [TASK, TASK])


@contextmanager
def django(folder: Path) -> Iterator[Peer]:
    """Run the Django application by gunicorn with three workers, which gunicorn recommends for one core."""
    port = free_port()
    command = [str(peer_environment(folder) / "gunicorn"), "--workers", "3", "--bind", f"127.0.0.1:{port}"]
    with running([*command, "django_tasks:application"], port, PEER_FOLDER=str(folder)) as address:
        tokens = [f"Bearer {post(f'{address}/prepare', {})['token']}" for _ in range(2)]
        yield filled("Django REST framework", f"{address}/tasks/", tokens, [TASK, TASK])


@contextmanager
def json_server(folder: Path) -> Iterator[Peer]:
    """Run json-server, which keeps its tasks in memory and in a JSON file."""
    port, home = free_port(), folder / "json-server"
    npm_install(home, JSON_SERVER, "--ignore-scripts")
    (home / "db.json").write_text('{"tasks": []}')
    program = str(home / "node_modules" / ".bin" / "json-server")
    with running([program, "--quiet", "--port", str(port), str(home / "db.json")], port) as address:
        listing = "?_page=1&_limit=20&_sort=id&_order=desc"
        yield filled("json-server", f"{address}/tasks", ["", ""], [TASK, TASK], listing)


JSON_SERVER = "json-server@0.17.4"


@contextmanager
def directus(folder: Path) -> Iterator[Peer]:
    """Run Directus with a collection of tasks that only their owner may see. It has no limit for a busy process."""
    port, home = free_port(), folder / "directus"
    npm_install(home, NODE, "--ignore-scripts")
    node = home / "node_modules" / NODE.partition("@")[0]
    settings = {
        "PATH": f"{node / 'bin'}:{os.environ['PATH']}",
        "npm_config_nodedir": str(node),  # headers for the modules in C++
        "DB_CLIENT": "sqlite3",
        "DB_FILENAME": str(home / "data.db"),
        "SECRET": "J7pd3mXkqKZz0wTQfR9uYbLhVs4nEcAi",
        "ADMIN_EMAIL": "admin@example.org",
        "ADMIN_PASSWORD": PASSWORD,
        "ACCESS_TOKEN_TTL": "1d",
        "PRESSURE_LIMITER_ENABLED": "false",
        "TELEMETRY": "false",
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }
    npm_install(home, DIRECTUS, **settings)
    program = str(home / "node_modules" / ".bin" / "directus")
    subprocess.run([program, "bootstrap"], cwd=home, env=os.environ | settings, check=True, capture_output=True)
    with running([program, "start"], port, **settings) as address:

        def sign_in(email: str) -> str:
            answer = post(f"{address}/auth/login", {"email": email, "password": PASSWORD})
            return f"Bearer {answer['data']['access_token']}"

        admin = sign_in(settings["ADMIN_EMAIL"])
        post(f"{address}/collections", DIRECTUS_COLLECTION, admin)
        policy = post(f"{address}/policies", DIRECTUS_POLICY, admin)["data"]["id"]
        tokens = []
        for name in ("reader", "writer"):
            account = {"email": f"{name}@example.org", "password": PASSWORD, "policies": [{"policy": policy}]}
            post(f"{address}/users", account, admin)
            tokens.append(sign_in(f"{name}@example.org"))
        yield filled("Directus", f"{address}/items/tasks", tokens, [TASK, TASK], "?limit=20&sort=-created")


DIRECTUS = "directus@11.17.4"  # version 12 has permission rules only with a license
NODE = f"node-linux-{'arm64' if platform.machine() == 'aarch64' else 'x64'}@22.23.5"
DIRECTUS_COLLECTION = {
    "collection": "tasks",
    "schema": {},
    "meta": {},
    "fields": [
        {"field": "id", "type": "uuid", "schema": {"is_primary_key": True}, "meta": {"special": ["uuid"]}},
        {"field": "title", "type": "string", "schema": {"max_length": 200, "is_nullable": False}},
        {"field": "description", "type": "text"},
        {"field": "status", "type": "string", "schema": {"default_value": "todo"}},
        {"field": "priority", "type": "string"},
        {"field": "due_date", "type": "date"},
        {"field": "owner", "type": "uuid", "schema": {"is_indexed": True}, "meta": {"special": ["user-created"]}},
        {
            "field": "created",
            "type": "timestamp",
            "schema": {"is_indexed": True},
            "meta": {"special": ["date-created"]},
        },
        {"field": "updated", "type": "timestamp", "meta": {"special": ["date-updated"]}},
    ],
}
DIRECTUS_POLICY = {
    "name": "owners",
    "permissions": [
        {"collection": "tasks", "action": "create", "fields": ["*"], "permissions": {}},
        {"collection": "tasks", "action": "read", "fields": ["*"], "permissions": {"owner": {"_eq": "$CURRENT_USER"}}},
    ],
}


def npm_install(home: Path, package: str, *options: str, **environment: str) -> None:
    """Install a package and what it needs into a folder."""
    home.mkdir(exist_ok=True)
    npm = [str(shutil.which("npm")), "install", "--no-audit", "--no-fund", *options, package]
    subprocess.run(npm, cwd=home, env=os.environ | environment, check=True, capture_output=True)


def peer_environment(folder: Path) -> Path:
    """Return the folder of programs of an environment with the peers from PyPI, which is created once."""
    programs = folder / "venv" / "bin"
    if not programs.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", str(programs.parent)], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", str(programs / "python")]
        subprocess.run([*install, "--requirement", str(HERE / "requirements.txt")], check=True)
    return programs


PEERS: dict[str, Any] = {
    "taskapi": taskapi,
    "pocketbase": pocketbase,
    "fastapi": fastapi,
    "django": django,
    "json-server": json_server,
    "directus": directus,
}

if __name__ == "__main__":
    main()
