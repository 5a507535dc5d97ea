"""The first start: without any setting, and the one-line errors if it fails."""

import os
import socket
import sqlite3
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from taskapi import create_app
from taskapi.config import SettingsError
from tests.conftest import ROOT, flask_process

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent


def get(url):
    with urllib.request.urlopen(url) as response:
        return response.status, response.read()


def run_flask(*words, **environment):
    process = flask_process(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **environment)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def make(*words, **environment):
    return subprocess.run(
        ["make", *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "instance"


def test_server_starts_without_settings_and_prints_its_paths(start_server, folder, tmp_path_factory):
    address = start_server(TASKAPI_INSTANCE_PATH=str(folder))
    assert get(f"{address}/readyz")[0] == 200
    logs = tmp_path_factory.getbasetemp().glob("server[0-9]*/log")
    lines = [line for log in logs for line in log.read_text().splitlines() if str(folder) in line]
    assert len(lines) == 1
    assert f"embedded mode: data in {folder / 'taskapi.db'}, keys in {folder / 'jwt-keys.json'}" in lines[0]
    assert stat.S_IMODE((folder / "jwt-keys.json").stat().st_mode) == 0o600


def test_two_servers_that_start_at_once_in_an_empty_folder_both_come_up(folder):
    environment = {"TASKAPI_INSTANCE_PATH": str(folder)}
    starting = [
        flask_process("routes", stdout=subprocess.PIPE, stderr=subprocess.PIPE, **environment) for _ in range(2)
    ]
    ends = [(process.communicate(timeout=60), process.returncode) for process in starting]
    assert [(code, err) for (_, err), code in ends] == [(0, ""), (0, "")]


def corrupt_keys(folder):
    (folder / "jwt-keys.json").write_text('{"keys": [')
    return "jwt-keys.json is not a JWK Set"


def put_another_file_in_the_databases_place(folder):
    (folder / "taskapi.db").write_text("Dear diary, " * 100)
    return "taskapi.db cannot be used: file is not a database."


def take_the_database_to_a_newer_schema(folder):
    with sqlite3.connect(folder / "taskapi.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
    database.close()
    return "or by a version with more extensions. Start that version, or run its `flask db downgrade 0001` first."


def misspell_the_config_file(folder):
    (folder / "config.py").write_text("BCRYPT_ROUNDZ = 12\n")
    return "BCRYPT_ROUNDZ: Unknown"


def put_a_folder_in_the_databases_place(folder):
    (folder / "taskapi.db").mkdir()
    return "taskapi.db cannot be used: unable to open database file."


MISHAPS = [
    corrupt_keys,
    put_another_file_in_the_databases_place,
    put_a_folder_in_the_databases_place,
    take_the_database_to_a_newer_schema,
    misspell_the_config_file,
]


@pytest.mark.parametrize("mishap", MISHAPS, ids=lambda mishap: mishap.__name__)
def test_failed_start_prints_a_one_line_error(folder, mishap):
    folder.mkdir()
    says = mishap(folder)
    with pytest.raises(SettingsError) as caught:
        create_app({"INSTANCE_PATH": str(folder)})
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_flask_run_tells_wrong_settings_a_line_each(folder):
    environment = {"TASKAPI_INSTANCE_PATH": str(folder), "TASKAPI_ENV": "staging", "TASKAPI_BCRYPT_ROUNDS": "many"}
    code, out, err = run_flask("run", "--port", "0", **environment)
    assert (code, out) == (78, "")
    assert [line.split(":")[0] for line in err.replace("Error: ", "").splitlines()] == [
        "TASKAPI_BCRYPT_ROUNDS",
        "TASKAPI_ENV",
    ]


def test_under_gunicorn_wrong_settings_end_the_server_without_a_trace():
    command = [BIN / "gunicorn", "--bind", "127.0.0.1:0", "wsgi:app"]
    environment = {**os.environ, "TASKAPI_ENV": "staging", "WEB_CONCURRENCY": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4
    assert done.stderr.count("TASKAPI_ENV: Must be one of: development, production.") == 1
    assert "Traceback" not in done.stderr


def test_make_run_says_that_a_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        stamp = f"{sys.prefix}/requirements.stamp"
        done = make("run", f"PORT={port}", f"VENV={sys.prefix}", "-o", stamp, PATH=os.environ["PATH"])
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == f"Port {port} is taken or not allowed; choose another: make run PORT=…"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ('case "$2" in *version_info*) ;; *) exit 1;; esac', "apt install python3-venv"),
        ("exit 1", "is not Python 3.11 or later"),
    ],
)
def test_make_run_says_what_python_lacks(tmp_path, script, says):
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    done = make("run", f"VENV={tmp_path / 'venv'}", f"PYTHON={python}", PATH="/usr/bin:/bin")
    assert done.returncode != 0
    assert says in done.stderr.splitlines()[0]


def test_wsgi_module_collects_garbage_once_it_is_imported():
    code = "import gc, wsgi; print(gc.isenabled(), gc.get_freeze_count() > 100_000)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["True", "True"]


def test_libraries_that_few_requests_use_are_not_imported_at_the_start(tmp_path):
    """They would take 40 MB of each worker, and a third of the time of `flask --help`."""
    code = "import sys; from taskapi import create_app; create_app(); print(*sys.modules)"
    environment = os.environ | {"TASKAPI_INSTANCE_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    rare = {"granian", "httpx", "icalendar", "redis", "segno", "webauthn", "zxcvbn"}
    assert rare & {*done.stdout.split()} == set()
