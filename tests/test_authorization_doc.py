"""docs/authorization.md: its table matches the code, and its example works."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from guides import ROOT, apply_hunks
from surface import needs

from taskapi.security.rbac import GRANTS, Permission, Role

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

PAGE = (ROOT / "docs" / "authorization.md").read_text(encoding="utf-8")
DIFF = re.search(r"```diff\n(.*?)```", PAGE, re.DOTALL)[1]
TRIAL = """
import json
from taskapi import create_app
from taskapi.users.models import create_user
from taskapi.database import db
from taskapi.security.rbac import Role

app = create_app({"INSTANCE_PATH": "instance", "BCRYPT_ROUNDS": 4, "LOG_LEVEL": "error"})
password = "correct horse battery staple"
statuses = {}
for role in Role:
    with app.app_context():
        create_user(role.value, password, roles=[role.value])
        db.session.commit()
    client = app.test_client()
    answer = client.post("/api/v1/auth/login", json={"username": role.value, "password": password})
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}
    paths = ("/api/v1/admin/report", "/api/v1/admin/audit", "/api/v1/admin/users")
    statuses[role.value] = [client.get(path, headers=bearer).status_code for path in paths]
print(json.dumps(statuses))
"""


@pytest.fixture
def copy(tmp_path):
    """A copy of the code with the lines of the page applied."""
    for name in ("taskapi", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "wsgi.py"):
        shutil.copy(ROOT / name, tmp_path)
    for part in DIFF.split("--- ")[1:]:
        path, *hunks = part.split("\n@@\n")
        file = tmp_path / path
        file.write_text(apply_hunks(file.read_text(encoding="utf-8"), hunks), encoding="utf-8")
    return tmp_path


def test_page_has_the_permission_table_of_the_code():
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:3] == "| `"]
    assert {row[0].strip("`"): [cell == "x" for cell in row[1:]] for row in rows} == {
        permission.value: [permission in GRANTS[role] for role in Role] for permission in Permission
    }


@needs("admin")
def test_example_adds_a_role_a_permission_and_a_route(copy):
    ran = subprocess.run([sys.executable, "-c", TRIAL], cwd=copy, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "viewer": [403, 403, 403],
        "editor": [403, 403, 403],
        "admin": [200, 200, 200],
        "auditor": [200, 200, 403],
    }


@needs("admin")
def test_example_passes_the_tests_of_all_roles_and_routes(copy):
    tests = ["tests/test_matrix.py", "tests/test_guard.py", "tests/extensions/admin"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    ran = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-5000:]
