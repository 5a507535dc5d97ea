"""deploy/: the image, the systemd units and the compose file, tested as far as possible without Docker."""

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from slow_programs import slow_program

from taskapi.cli.serve import FINISH_SECONDS, serve
from taskapi.config import SETTINGS
from tests.servers import ROOT, free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
BIN = Path(sys.executable).parent


def unit(name):
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(UNITS / name)
    return parser


SERVICE = unit("taskapi.service")["Service"]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The folder that the Dockerfile creates, without the packages."""
    folder = tmp_path_factory.mktemp("image")
    for words in re.findall(r"^COPY (?!--)(.+)$", dockerfile().split("FROM")[2], re.MULTILINE):
        *sources, target = words.split()
        for source in sources:
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            copy(ROOT / source, folder / target)
    return folder


def dockerfile():
    return (DEPLOY / "Dockerfile").read_text()


def command_of(line):
    return shlex.split(line.replace("/srv/taskapi/.venv/bin", str(BIN)))


@pytest.fixture
def started(database_url, image, tmp_path):
    """The process that the unit starts in the folder of the image, its port and its log."""
    port, log = free_port(), tmp_path / "log"
    environment = {
        **os.environ,
        "TASKAPI_ENV": "production",
        "TASKAPI_DATABASE_URL": database_url,
        "TASKAPI_INSTANCE_PATH": str(tmp_path),
        "TASKAPI_JWT_SECRET_KEY": "J7pd3mXkqKZz0wTQfR9uYbLhVs4nEcAi",
        "TASKAPI_TRUSTED_HOSTS": "127.0.0.1",
        "TASKAPI_RATELIMIT_ENABLED": "false",
        "PORT": str(port),
        "DRAIN_SECONDS": "0",
        "WEB_CONCURRENCY": "1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(command_of(SERVICE["ExecStart"]), cwd=image, env=environment, stderr=output)
        process.environment, process.folder = environment, image
        yield process, port, log
        process.terminate()
        process.wait(60)


def is_healthy(port):
    """Run the health check of the image."""
    command = re.search(r"HEALTHCHECK.*?CMD (\[.*?\])$", dockerfile(), re.DOTALL | re.MULTILINE)[1]
    words = [sys.executable, "-c", json.loads(command)[2]]
    environment = {**os.environ, "PORT": str(port)}
    return subprocess.run(words, env=environment, stderr=subprocess.DEVNULL, check=False).returncode == 0


def reload(process, **environment):
    """Run the reload commands of the unit until one fails; returns the status of the last."""
    env = process.environment | environment
    for line in re.findall("^ExecReload=(.+)$", (UNITS / "taskapi.service").read_text(), re.MULTILINE):
        words = command_of(line.replace("$MAINPID", str(process.pid)))
        if code := subprocess.run(
            words, cwd=process.folder, env=env, stderr=subprocess.DEVNULL, check=False
        ).returncode:
            return code
    return 0


def test_reload_with_invalid_settings_is_refused(started):
    process, port, log = started
    wait_until(lambda: is_healthy(port))
    assert reload(process, TASKAPI_LOG_LEVEL="loud") != 0
    assert is_healthy(port)
    assert "HUP signal received" not in log.read_text()


def test_unit_starts_reloads_and_stops_the_service(started):
    process, port, log = started
    wait_until(lambda: is_healthy(port))
    assert reload(process) == 0
    wait_until(lambda: "Stopped old worker-1" in log.read_text())
    wait_until(lambda: is_healthy(port))
    process.terminate()
    assert process.wait(int(SERVICE["TimeoutStopSec"])) == 0
    assert not is_healthy(port)


def test_unit_waits_until_the_server_has_stopped():
    given = int(SERVICE["TimeoutStopSec"])
    (drain,) = (option.default for option in serve.params if option.envvar == "DRAIN_SECONDS")
    assert given > drain + FINISH_SECONDS
    grace = compose()["services"]["app1"]["stop_grace_period"]
    assert grace == f"{given}s"


@pytest.mark.parametrize("name", ["taskapi-prune.service", "taskapi-migrate.service"])
def test_commands_of_the_other_units_exist(app, name):
    result = app.test_cli_runner().invoke(args=[*command_of(unit(name)["Service"]["ExecStart"])[3:], "--help"])
    assert result.exit_code == 0, result.output


OWN = (
    "Type",
    "Exec",
    "EnvironmentFile",
    "NotifyAccess",
    "KillMode",
    "Timeout",
    "Restart",
    "Memory",
    "Tasks",
)  # of each unit


@pytest.mark.parametrize("name", ["taskapi-prune.service", "taskapi-migrate.service"])
def test_other_units_are_hardened_like_the_service(name):
    wanted, given = (
        {k: v for k, v in one.items() if not k.startswith(OWN)} for one in (SERVICE, unit(name)["Service"])
    )
    assert given == wanted
    assert len([key for key in given if key.startswith(("Protect", "Restrict", "Private"))]) > 10


def test_every_unit_and_container_has_a_memory_limit():
    assert all("MemoryMax" in unit(path.name)["Service"] for path in UNITS.glob("*.service"))
    assert [name for name, service in compose()["services"].items() if "mem_limit" not in service] == []


def test_systemd_finds_no_fault_with_the_units(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not there")
    for path in UNITS.iterdir():
        text = path.read_text().replace("/srv/taskapi/.venv/bin", str(BIN)).replace("/srv/taskapi", str(ROOT))
        (tmp_path / path.name).write_text(text.replace("=taskapi\n", "=root\n"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *tmp_path.iterdir()], capture_output=True, text=True, check=False
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "taskapi" in line]
    assert (done.returncode, ours) == (0, [])


def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.mark.parametrize(
    "command",
    [
        ["hadolint", DEPLOY / "Dockerfile"],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"],
    ],
    ids=["Dockerfile", "compose.yaml"],
)
def test_deployment_files_pass_their_linters(command):
    done = subprocess.run([slow_program(command[0]), *command[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_variables_of_the_unit_are_settings():
    texts = [path.read_text() for path in DEPLOY.rglob("*") if path.is_file()]
    named = {name for text in texts for name in re.findall(r"\bTASKAPI_([A-Z_]+)\b(?=[=:])", text)}
    assert named >= {"ENV", "DATABASE_URL_FILE", "JWT_KEYS"}
    assert {name.removesuffix("_FILE") for name in named} <= set(SETTINGS)


def test_instances_wait_for_the_migration_and_have_health_checks():
    services = compose()["services"]
    for name in ("app1", "app2"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert services["nginx"]["depends_on"][name]["condition"] == "service_healthy"
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    built = {name for name, service in services.items() if "build" in service}
    assert all("healthcheck" in service for name, service in services.items() if name not in built)
    assert "HEALTHCHECK" in dockerfile()
