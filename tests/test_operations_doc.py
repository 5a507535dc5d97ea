"""docs/operations.md: its commands run, and everything that it names exists."""

import os
import re
import secrets
import ssl
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import psycopg
import pytest
import yaml
from dotenv import dotenv_values
from prometheus_client.metrics import MetricWrapperBase
from redis import Redis
from surface import needs

from taskapi import CHECKS
from taskapi.cli.serve import serve
from taskapi.config.sources import load_settings
from taskapi.ops import metrics
from tests.conftest import PASSWORD, program, unavailable
from tests.forging import SECRET
from tests.servers import ROOT, Postgres, connects, free_port, wait_until

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
TASKS = "/api/v1/tasks"


def block(word):
    """Return the only block of commands that contains this text."""
    (found,) = [commands for commands in COMMANDS if word in commands]
    return found


@pytest.fixture
def checkout(tmp_path):
    """A checkout with its own instance folder."""
    for name in ("wsgi.py", "taskapi", "deploy/postgres"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    return tmp_path


@pytest.fixture
def run(checkout):
    """Run a block in the checkout."""

    def run(commands, **environment):
        return subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", commands],
            cwd=checkout,
            env=os.environ | {"TASKAPI_INSTANCE_PATH": str(checkout / "instance")} | environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run


@contextmanager
def running(commands, folder, **environment):
    """Run the server of a block; yields the path of its output."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", f"exec env {commands}"],
            cwd=folder,
            env=os.environ | {"TASKAPI_INSTANCE_PATH": str(folder / "instance")} | environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield log
    finally:
        process.terminate()
        process.wait(30)


def responses(url):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(url, timeout=10, context=context if url.startswith("https") else None) as response:
        return response.headers


def test_flask_run_serves_https_with_a_temporary_certificate(checkout):
    port = free_port()
    url = f"https://127.0.0.1:{port}/healthz"
    with running(block("--cert=adhoc").replace("8000", str(port)), checkout):
        wait_until(lambda: responses(url))
        assert "Strict-Transport-Security" in responses(url)


def test_opentelemetry_names_spans_by_route(checkout):
    port = free_port()
    settings = {"PORT": str(port), "WEB_CONCURRENCY": "1", "DRAIN_SECONDS": "0"}
    with running(block("opentelemetry-instrument"), checkout, **settings) as log:
        wait_until(lambda: responses(f"http://127.0.0.1:{port}/problems/not_found"))
    assert '"name": "GET /problems/<code_name>"' in log.read_text()


def test_secrets_of_the_compose_file_are_created(run, checkout):
    done = run(block("deploy/secrets"))
    assert done.returncode == 0, done.stderr
    files = {path.name: path.read_text() for path in (checkout / "deploy" / "secrets").iterdir()}
    assert set(files) == {
        "database_password", "database_url", "owner_password", "owner_url", "postgres_password", "redis_conf",
        "redis_url",
    }  # fmt: skip
    assert files["owner_url"] == f"postgresql://taskapi_owner:{files['owner_password']}@postgres/taskapi"
    assert re.fullmatch("[0-9a-f]{48}", files["database_password"])
    assert files["database_url"] == f"postgresql://taskapi:{files['database_password']}@postgres/taskapi"
    password = files["redis_conf"].removeprefix("requirepass ").rstrip("\n")
    assert (len(password), files["redis_url"]) == (48, f"redis://:{password}@redis:6379/0")


def test_redis_of_the_compose_file_requires_a_password(run, checkout):
    assert run(block("deploy/secrets")).returncode == 0
    service = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["redis"]
    conf, port = str(checkout / "deploy" / "secrets" / "redis_conf"), free_port()
    there = {"/run/secrets/redis_conf": conf, "redis-server": program("redis-server")}
    command = [there.get(word, word) for word in service["command"]]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(checkout)]
    (health,) = service["healthcheck"]["test"][1:]
    health = health.replace("$$", "$").replace("/run/secrets/redis_conf", conf).replace("ping", f"-p {port} ping")
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: connects(port))
        assert run(health).returncode == 0
        assert "NOAUTH" in run(f"redis-cli -p {port} get any").stdout
        url = (checkout / "deploy" / "secrets" / "redis_url").read_text().replace("redis:6379", f"127.0.0.1:{port}")
        assert Redis.from_url(url).ping()
    finally:
        process.terminate()
        process.wait(10)


def test_redis_of_a_machine_is_configured(checkout):
    (conf,) = re.findall(r"```conf\n(.*?)```", PAGE, re.DOTALL)
    port = free_port()
    (checkout / "redis.conf").write_text(f"{conf}port {port}\nbind 127.0.0.1\ndir {checkout}\n")
    process = subprocess.Popen([program("redis-server"), checkout / "redis.conf"], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: connects(port))
        (url,) = set(re.findall(r"redis://:redis-password@127\.0\.0\.1:6379/0", PAGE))
        redis = Redis.from_url(url.replace("6379", str(port)))
        assert redis.config_get("maxmemory*")["maxmemory-policy"] == "noeviction"
    finally:
        process.terminate()
        process.wait(10)


def cron_command(word):
    """Return the command of the only line of a crontab that contains this text, with its folders in the checkout."""
    (line,) = [line for line in re.findall(r"```cron\n(.*?)\n```", PAGE) if word in line]
    command = line.split(maxsplit=5)[5]
    assert not re.search(r"(?<!\\)%", command)  # it would end the command
    return command.replace(r"\%", "%").replace("/srv/taskapi", ".").replace("/var/backups", ".")


@needs("dev")
def test_cron_line_runs_as_cron_runs_it(run, checkout):
    command = cron_command("flask backup")
    assert run(".venv/bin/flask seed ada").returncode == 0
    done = run(f"sh -c '{command}'")
    assert done.returncode == 0, done.stderr
    assert len([*checkout.glob("tasks-20??-??-??.db")]) == 1


@needs("admin")
def test_accounts_are_managed_by_the_commands_that_are_shown(run):
    done = run(block("users delete grace"))
    assert done.returncode == 0, done.stderr
    assert "Deleted grace" in done.stdout


def test_with_a_new_key_set_clients_refresh_and_go_on(run, checkout, make_app):
    assert run(block("new-keys.json")).returncode == 0
    settings = {"INSTANCE_PATH": str(checkout / "instance"), "DATABASE_URL": None}
    user = users(make_app(**settings, JWT_SECRET_KEY=SECRET), "ada")
    app = make_app(**settings, JWT_KEYS=str(checkout / "new-keys.json"))
    bearer = {"Authorization": f"Bearer {user.tokens['access_token']}"}
    assert app.test_client().get("/api/v1/me", headers=bearer).json["code"] == "token_invalid"
    token = {"refresh_token": user.tokens["refresh_token"]}
    assert app.test_client().post("/api/v1/auth/refresh", json=token).status_code == 200


@needs("dev")
def test_sqlite_backup_and_restore_work_as_documented(run, checkout):
    assert run(".venv/bin/flask seed ada").returncode == 0
    for commands in (block("flask backup"), block("flask restore")):
        done = run(commands)
        assert done.returncode == 0, done.stderr
    assert len([*(checkout / "instance").glob("taskapi.db.*Z")]) == 1


@needs("admin", "dev")
def test_erased_accounts_are_listed_and_erased_again(run, checkout):
    for commands in (".venv/bin/flask seed ada", ".venv/bin/flask users delete ada --yes", block("erase-again")):
        done = run(commands)
        assert done.returncode == 0, done.stderr
    assert len((checkout / "erased.txt").read_text().split()) == 1


@pytest.fixture(scope="module")
def postgres():
    """A PostgreSQL server with a superuser for the tests."""
    if not Postgres.program("initdb"):
        unavailable("PostgreSQL's initdb")
    program("pg_dump")
    server = Postgres()
    server.start()
    yield server
    server.remove()


def users(app, username):
    """Return a signed-in client."""
    client, credentials = app.test_client(), {"username": username, "password": PASSWORD}
    client.post("/api/v1/auth/register", json=credentials)
    client.tokens = client.post("/api/v1/auth/login", json=credentials).json
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {client.tokens['access_token']}"
    return client


@pytest.fixture
def empty_cluster(postgres):
    """The environment of PostgreSQL's programs for an empty server: roles and databases of other tests are dropped."""
    with psycopg.connect(host="127.0.0.1", port=postgres.port, user="postgres", autocommit=True) as connection:
        for database in ("taskapi", "taskapi_restored"):
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        for role in ("taskapi", "taskapi_owner", "taskapi_backup"):
            connection.execute(f"DROP ROLE IF EXISTS {role}")
    return {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": "postgres"}


@pytest.fixture
def migrated(postgres, empty_cluster, run, tmp_path):
    """The database of the compose file: the URL of the service, that of the owner, and the environment of programs."""
    role = (ROOT / "deploy" / "postgres" / "role.sh").read_text()
    for name in ("owner_password", "database_password"):
        (tmp_path / name).write_text(secrets.token_hex(8))
        role = role.replace(f"/run/secrets/{name}", name)
    url, owner = (f"postgresql://{name}@127.0.0.1:{postgres.port}/taskapi" for name in ("taskapi", "taskapi_owner"))
    command = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["migrate"]["command"][2]
    for commands in (role, command.replace("flask", ".venv/bin/flask")):
        done = run(commands, TASKAPI_DATABASE_URL=owner, **empty_cluster)
        assert done.returncode == 0, done.stderr
    return url, owner, empty_cluster


def test_database_is_created_with_its_two_roles(postgres, empty_cluster, run, make_app):
    done = run(block("CREATE ROLE taskapi_owner"), **empty_cluster)
    assert done.returncode == 0, done.stderr
    done = run(block("OWNER=").replace("127.0.0.1", f"127.0.0.1:{postgres.port}"))
    assert done.returncode == 0, done.stderr
    app = make_app(DATABASE_URL=f"postgresql://taskapi@127.0.0.1:{postgres.port}/taskapi")
    client = users(app, "ada")
    assert client.post(TASKS, json={"title": "Milk"}).status_code == 201
    assert app.test_cli_runner().invoke(args=["doctor"]).exit_code == 0


ATTACKS = (
    "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
    "UPDATE audit_entries SET event = 'sign_out'",
    "UPDATE audit_entries SET ip = NULL",
    "DELETE FROM audit_entries",
    "TRUNCATE audit_entries",
    "DROP TABLE audit_entries",
    "INSERT INTO audit_openings (id, never) VALUES (1, 2)",
    "CREATE OR REPLACE FUNCTION audit_entries_keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "DROP FUNCTION audit_entries_keep CASCADE",
    "ALTER TABLE tasks NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY",
    "DROP POLICY owner ON tasks",
    "UPDATE alembic_version SET version_num = '0001'",
    "CREATE TABLE more (id int)",
    "SET ROLE taskapi_owner",
    "SET session_replication_role = replica",
)


def test_role_of_the_service_can_change_neither_audit_log_nor_schema(migrated, run, make_app):
    url, owner, _ = migrated
    app = make_app(DATABASE_URL=url)
    client = users(app, "ada")
    client.post(TASKS, json={"title": "Milk", "labels": ["home"]})
    fresh = client.post("/api/v1/auth/verify-password", json={"password": PASSWORD}).json["access_token"]
    assert client.delete("/api/v1/me", headers={"Authorization": f"Bearer {fresh}"}).status_code == 204
    with psycopg.connect(url, autocommit=True) as connection:
        before = connection.execute("SELECT event FROM audit_entries ORDER BY id").fetchall()
        for attack in ATTACKS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(attack)
        assert connection.execute("SELECT event FROM audit_entries ORDER BY id").fetchall() == before
        assert ("deleted",) in before
    refused = run(".venv/bin/flask prune", TASKAPI_DATABASE_URL=url)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1), refused.stderr
    assert "as the owner of the database" in refused.stderr
    assert run(".venv/bin/flask prune", TASKAPI_DATABASE_URL=owner).returncode == 0
    assert "owns the tables" in run(".venv/bin/flask db grant taskapi_owner", TASKAPI_DATABASE_URL=owner).stderr


def test_doctor_warns_when_the_role_can_change_the_audit_log(migrated, make_app, redis_url):
    url, owner, _ = migrated
    production = {
        "ENV": "production",
        "TRUSTED_HOSTS": "localhost",
        "REDIS_URL": redis_url,
        "JWT_SECRET_KEY": secrets.token_hex(32),
    }
    said = {
        one: make_app(DATABASE_URL=one, **production).test_cli_runner().invoke(args=["doctor"]) for one in (url, owner)
    }
    assert [result.exit_code for result in said.values()] == [0, 0]
    assert ("ok    audit_log" in said[url].output, "warn  audit_log" in said[owner].output) == (True, True)


def test_postgresql_backup_and_restore_work_as_documented(migrated, run, make_app, tmp_path):
    url, owner, at = migrated
    before = users(make_app(DATABASE_URL=url, JWT_SECRET_KEY=SECRET), "ada")
    before.post(TASKS, json={"title": "Before", "labels": ["home"]})
    assert "row-level security" in run("pg_dump -U taskapi_owner taskapi", **at).stderr
    home = {"HOME": str(tmp_path)}
    for commands in (block("CREATE ROLE taskapi_backup"), block("pg_dump -h"), f"sh -c '{cron_command('pg_dump')}'"):
        done = run(commands, **at, **home)
        assert done.returncode == 0, done.stderr
    written = [tmp_path / ".pgpass", tmp_path / "taskapi.dump", *tmp_path.glob("taskapi-20??-??-??.dump")]
    assert [path.stat().st_mode & 0o777 for path in written] == [0o600] * 3
    task = before.post(TASKS, json={"title": "After"}).json
    cursor = before.get("/api/v1/changes").json["cursor"]
    done = run(block("pg_restore"), **at)
    assert done.returncode == 0, done.stderr
    done = run(block("invalidate-all"), TASKAPI_DATABASE_URL=f"{owner}_restored")
    assert done.returncode == 0, done.stderr
    restored = make_app(DATABASE_URL=f"{url}_restored", JWT_SECRET_KEY=SECRET)
    response = restored.test_client().get(TASKS, headers={"Authorization": f"Bearer {before.tokens['access_token']}"})
    assert response.json["code"] == "token_revoked"
    assert restored.test_cli_runner().invoke(args=["doctor"]).exit_code == 0
    again = users(restored, "ada")
    assert [item["title"] for item in again.get(TASKS).json["items"]] == ["Before"]
    assert again.get(f"/api/v1/changes?since={cursor}").status_code >= 400
    assert again.post(TASKS, json={"title": "Later"}).json["version"] > task["version"]
    assert again.post("/api/v1/auth/refresh", json={"refresh_token": before.tokens["refresh_token"]}).status_code == 401


def test_documented_production_settings_start(tmp_path):
    (shown,) = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
    given = {name.removeprefix("TASKAPI_"): value for name, value in dotenv_values(stream=StringIO(shown)).items()}
    assert load_settings(given, str(tmp_path)).production


def table(heading, column):
    """Return the code in a column of the table with this heading."""
    rows = PAGE.split(heading, 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return {re.findall(r"`([^`]+)`", row.split("|")[column])[0] for row in rows}


def test_all_readiness_checks_are_documented():
    assert table("| `/readyz` names |", 1) - {"shutdown"} == set(CHECKS)


def names_of(values):
    """Return the names of the metrics among some values."""
    ours = [value for value in values if isinstance(value, MetricWrapperBase)]
    return {f"{one.name}_total" if one.type == "counter" else one.name for own in ours for one in own.describe()}


def test_metrics_of_extensions_are_documented(app):
    folders = [module for name, module in sys.modules.items() if name.startswith("taskapi.extensions.")]
    found = names_of(value for module in folders for value in vars(module).values())
    assert found - names_of(vars(metrics).values()) <= table("| of an extension | labels |", 1)


def test_all_metrics_are_documented_and_alerts_use_only_them():
    told = table("| name | labels |", 1)
    assert told == names_of(vars(metrics).values())
    asked = set(re.findall(r"taskapi_[a-z_]+(?=[{)\[])", PAGE))
    assert {name.removesuffix("_bucket") for name in asked} <= told


def test_environment_of_the_server_is_documented_with_its_defaults():
    rows = PAGE.split("| variable | default |", 1)[1].split("\n\n")[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| (\w+)", rows, re.MULTILINE))
    defaults = {option.envvar: str(option.default) for option in serve.params if option.envvar}
    assert documented == defaults | {"WEB_CONCURRENCY": "one"}
