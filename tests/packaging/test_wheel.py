"""The wheel in a new environment, installed by the oldest supported pip. Needs a package index: `.ci/run`."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The pip that came with Python: Debian 12 has 23.0.1 for 3.11, and pip before 23.1.2 does not run on 3.12
OLDEST_PIP = {(3, 11): "23.0.1", (3, 12): "23.2.1", (3, 13): "24.2", (3, 14): "25.2"}[sys.version_info[:2]]
START = """
import taskapi
client = taskapi.create_app().test_client()
body = {"username": "ada", "password": "correct horse battery staple"}
assert client.post("/api/v1/auth/register", json=body).status_code == 201
token = client.post("/api/v1/auth/login", json=body).json["access_token"]
response = client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
assert response.json["username"] == "ada", response.text
print(taskapi.__file__)
"""


def run(*command, cwd, **environment):
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("TASKAPI_", "PYTHON"))}
    done = subprocess.run(
        command, cwd=cwd, env=outside | environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The interpreter of an environment with the wheel, and the dependencies that pip found."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder / "dist"), cwd=ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python")
    run(python, "-m", "pip", "install", "--quiet", f"pip=={OLDEST_PIP}", cwd=folder)
    run(python, "-m", "pip", "install", "--quiet", str(wheel), cwd=folder)
    return python


def test_oldest_pip_installs_what_the_application_needs(installed, tmp_path):
    assert f"pip {OLDEST_PIP} " in run(installed, "-m", "pip", "--version", cwd=tmp_path)
    assert "No broken requirements" in run(installed, "-m", "pip", "check", cwd=tmp_path)
    where = run(installed, "-c", START, cwd=tmp_path, TASKAPI_INSTANCE_PATH=str(tmp_path / "instance"))
    assert str(ROOT) not in where


def test_keys_of_each_kind_can_be_made(installed, tmp_path):
    settings = {"TASKAPI_INSTANCE_PATH": str(tmp_path / "instance")}
    for alg in ("HS256", "ES256", "EdDSA", "RS256"):
        key_set = str(tmp_path / f"{alg}.json")
        flask = (installed, "-m", "flask", "--app", "taskapi")
        run(*flask, "keys", "generate", "--alg", alg, key_set, cwd=tmp_path, **settings)
