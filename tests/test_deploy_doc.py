"""docs/deploy.md: the server starts with exactly the environment that the page shows."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.servers import ROOT, free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
SETTINGS = dict(line.split("=", 1) for line in re.search(r"```ini\n(.*?)```", PAGE, re.DOTALL)[1].splitlines())
MIGRATE, SERVE = re.findall(r"^flask --app wsgi .+$", PAGE, re.MULTILINE)
KEY = re.search(r'^python3 -c "(.+)"$', PAGE, re.MULTILINE)[1]


@pytest.fixture
def start(new_database, tmp_path):
    """Apply the migrations and start the server as the page says, with PORT, DATABASE_URL and `more` alone."""
    started = []

    def start(**more):
        port = free_port()
        url = new_database().replace("postgresql://", "postgres://")  # as Heroku writes it
        bare = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
        environment = {**bare, "PORT": str(port), "DATABASE_URL": url, **more}
        copy = tmp_path / "image"
        copy.mkdir()
        for name in ("taskapi", "wsgi.py"):
            (copy / name).symlink_to(ROOT / name)
        subprocess.run(MIGRATE.split(), cwd=copy, env=environment, check=True, capture_output=True)
        started.append(subprocess.Popen(SERVE.split(), cwd=copy, env=environment, stderr=subprocess.DEVNULL))
        return f"http://127.0.0.1:{port}"

    yield start
    for process in started:
        process.terminate()
        process.wait(60)


def status(url, **headers):
    with urlopen(Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})) as response:
        return response.status


def test_platform_starts_with_the_settings_of_the_page(start, redis_url, tmp_path):
    key = subprocess.run([sys.executable, "-c", KEY], capture_output=True, text=True, check=True).stdout.strip()
    instance = {"TASKAPI_INSTANCE_PATH": str(tmp_path)}  # the image sets it
    address = start(**SETTINGS | {"TASKAPI_JWT_SECRET_KEY": key}, **instance, REDIS_URL=redis_url)
    wait_until(lambda: status(f"{address}/readyz") == 200)
    https = {"X_Forwarded_Proto": "https", "Host": "tasks.example.org", "X_Forwarded_For": "192.0.2.1"}
    assert status(f"{address}/openapi.json", **https) == 200


def test_server_starts_with_port_and_database_url_alone(start):
    address = start()
    wait_until(lambda: status(f"{address}/readyz") == 200)
    assert status(f"{address}/openapi.json") == 200
