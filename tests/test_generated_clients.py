"""Clients that are generated from the OpenAPI document change the given fields, and no others."""

import json
import os
import re
import secrets
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import httpx
import pytest
from conftest import PASSWORD, node_package

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

# What is created for each PATCH of the document, with as many fields as there are, and the one field that is changed
CASES = {
    "/api/v1/tasks/{task_id}": (
        {
            "title": "Water the plants", "description": "All of them", "status": "in_progress", "priority": "high",
            "due_date": "2030-06-01", "labels": ["garden", "home"],
        },
        {"title": "Feed the cat"},
    ),
    "/api/v1/projects/{project_id}": (
        {"name": "Garden", "description": "Ferns", "color": "#3366ff", "archived": True},
        {"color": "#ff6633"},
    ),
    "/api/v1/labels/{label_id}": ({"name": "urgent", "color": "#3366ff"}, {"name": "pressing"}),
    "/api/v1/admin/users/{user_id}": (
        {"password": PASSWORD, "name": "Charles", "email": "charles@example.org", "roles": ["viewer", "editor"]},
        {"name": "Charles Babbage"},
    ),
    "/api/v1/me": ({}, {"name": "Ada King"}),
}  # fmt: skip
FOLLOW = {"updated_at", "version"}  # change with every field


@pytest.fixture(scope="module")
def address(start_server, database_url, tmp_path_factory):
    """A running server."""
    settings = {"DATABASE_URL": database_url, "INSTANCE_PATH": tmp_path_factory.mktemp("instance")}
    settings |= {"BCRYPT_ROUNDS": 4, "RATELIMIT_ENABLED": "false"}
    return start_server(**{f"TASKAPI_{name}": str(value) for name, value in settings.items()})


@pytest.fixture(scope="module")
def document(address, tmp_path_factory):
    """Its OpenAPI document, and the file that holds it."""
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(httpx.get(f"{address}/openapi.json").content)
    return json.loads(path.read_bytes()), path


@pytest.fixture
def admin(address, new_user):
    """A client of the server, signed in as an administrator with all profile fields."""
    user = new_user("admin", name="Ada", email="ada@example.org", timezone="Europe/Berlin")
    with httpx.Client(base_url=address) as client:
        tokens = client.post("/api/v1/auth/login", json={"username": user, "password": PASSWORD}).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield client


@pytest.fixture
def resources(admin, document):
    """For each PATCH of the document: its path, the URL of a resource, the resource, and the change."""
    assert CASES.keys() == {path for path, item in document[0]["paths"].items() if "patch" in item}
    found = []
    for path, (body, change) in CASES.items():
        url = path
        if body:
            unique = {"username": f"user-{secrets.token_hex(6)}"} if "password" in body else {}
            response = admin.post(path.rpartition("/")[0], json=body | unique)
            assert response.status_code == 201, response.text
            url = response.headers["Location"]
        found.append((path, url, admin.get(url).json(), change))
    return found


def assert_only_changed(admin, resources, subtests):
    for path, url, before, change in resources:
        with subtests.test(path=path):
            after = admin.get(url).json()
            assert {n: v for n, v in after.items() if n not in FOLLOW} == {
                n: v for n, v in (before | change).items() if n not in FOLLOW
            }


@pytest.fixture
def python_client(document, tmp_path, monkeypatch):
    """Generate a Python package from the document, and make it importable; returns its name."""
    name = "generated_taskapi_client"
    scripts = Path(sys.executable).parent
    command = [scripts / "openapi-python-client", "generate", "--path", document[1], "--meta", "none"]
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"  # the generator formats what it writes by ruff
    run([*command, "--output-path", tmp_path / name], env=os.environ | {"PATH": path})
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_generated_python_client_changes_one_field(admin, document, resources, python_client, subtests):
    name = python_client
    token = admin.headers["Authorization"].removeprefix("Bearer ")
    with import_module(name).AuthenticatedClient(base_url=str(admin.base_url), token=token) as client:
        for path, url, _, change in resources:
            operation = document[0]["paths"][path]["patch"]
            schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            body = getattr(import_module(f"{name}.models"), schema)(**change)
            call = import_module(f"{name}.api.{operation['tags'][0]}.{operation['operationId']}").sync_detailed
            ids = [url.rpartition("/")[2]] if "{" in path else []
            assert call(*ids, client=client, body=body).status_code == 200
    assert_only_changed(admin, resources, subtests)


PACKAGE = {"package.json": {"type": "module"}, "tsconfig.json": {
    "compilerOptions": {
        "strict": True, "skipLibCheck": True, "target": "es2022", "module": "nodenext", "lib": ["es2022", "dom"],
        "types": [],
    },
    "files": ["client.ts"],
}}  # fmt: skip
PROGRAM = """import createClient from "openapi-fetch";
import type {{ paths }} from "./schema.js";
const client = createClient<paths>({options});
{statements}"""
STATEMENT = """console.log((await client.PATCH({path}, {init})).response.status);
"""


def test_generated_typescript_client_changes_one_field(admin, document, resources, tmp_path, subtests):
    """The compiler accepts a body of one field, and the request carries that field alone."""
    modules = node_package("openapi-typescript").parent
    (tmp_path / "node_modules").symlink_to(modules)
    for name, content in PACKAGE.items():
        (tmp_path / name).write_text(json.dumps(content))
    run_node(tmp_path, modules / "openapi-typescript/bin/cli.js", document[1], "-o", tmp_path / "schema.d.ts")
    statements = []
    for path, url, _, change in resources:
        ids = {name: url.rpartition("/")[2] for name in re.findall(r"{(\w+)}", path)}
        init = {"body": change} | ({"params": {"path": ids}} if ids else {})
        statements.append(STATEMENT.format(path=json.dumps(path), init=json.dumps(init)))
    options = {"baseUrl": str(admin.base_url), "headers": {"Authorization": admin.headers["Authorization"]}}
    program = PROGRAM.format(options=json.dumps(options), statements="".join(statements))
    (tmp_path / "client.ts").write_text(program)
    run_node(tmp_path, modules / "typescript/bin/tsc")
    assert run_node(tmp_path, "client.js").split() == ["200"] * len(resources)
    assert_only_changed(admin, resources, subtests)


def run_node(folder, *command):
    return run(["node", *command], cwd=folder)


def run(command, **options):
    """Run a program and return what it prints; fails with that where the program fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
