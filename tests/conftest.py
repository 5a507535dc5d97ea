"""The application under test, on SQLite files or on TASKAPI_TEST_DATABASE_URL, and the people who use it."""

import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from redis import Redis
from redis.exceptions import RedisError

from taskapi import create_app
from taskapi.database import db
from taskapi.users.models import create_user
from tests.documented import DocumentedClient
from tests.forging import SECRET

pytest_plugins = ["tests.key_sets", "tests.browser", "tests.web_client"]

ROOT = Path(__file__).parent.parent
PASSWORD = "correct horse battery staple"
REQUIRED = os.environ.get("TASKAPI_REQUIRE_SERVICES") == "1"
TEST_DATABASE_URL = os.environ.get("TASKAPI_TEST_DATABASE_URL")
TEST_REDIS_URL = os.environ.get("TASKAPI_TEST_REDIS_URL", "redis://127.0.0.1:6379/15")

POOLS: list[sa.Engine] = []  # of the applications that tests make for themselves
AppFactory = Callable[..., Flask]
SignIn = Callable[..., FlaskClient]


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The tests see neither the developer's environment nor a .env file of theirs."""
    for name in [*os.environ]:
        if name.startswith("TASKAPI_") or name in {"DATABASE_URL", "REDIS_URL"}:
            del os.environ[name]
    os.chdir(tmp_path_factory.mktemp("cwd"))


def unavailable(service: str) -> NoReturn:
    """Skip a test whose service is missing; fail it where services are required."""
    if REQUIRED:
        pytest.fail(f"{service} is not there")
    pytest.skip(f"{service} is not there")


def program(*names: str) -> str:
    """Return where the first of these programs is that there is; without any, as `unavailable`."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or unavailable(names[0])


def node_package(name: str) -> Path:
    """Return the folder of a package that `make node` installs; without it, as `unavailable`."""
    program("node")
    folder = ROOT / "node_modules" / name
    if not folder.is_dir():
        unavailable(f"{name}, which `make node` installs,")
    return folder


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Make empty databases, of the kind that the suite runs on, and drop them at the end."""
    if TEST_DATABASE_URL is None:
        yield lambda: f"sqlite:///{tmp_path_factory.mktemp('database') / 'test.db'}"
        return
    server = sa.make_url(TEST_DATABASE_URL).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    made: list[str] = []

    def make() -> str:
        made.append(f"taskapi_test_{secrets.token_hex(6)}")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {made[-1]}"))
        return server.set(drivername="postgresql", database=made[-1]).render_as_string(hide_password=False)

    yield make
    with engine.connect() as connection:
        for name in made:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="session")
def database_url(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database that this worker's tests share; each test brings people of its own."""
    url = new_database()
    app = create_app({"DATABASE_URL": url, "INSTANCE_PATH": str(tmp_path_factory.mktemp("instance"))})
    with app.app_context():
        upgrade(revision="heads")
    close(app)
    return url


def close(app: Flask) -> None:
    """Give an application's database connections back."""
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture(scope="session")
def make_app(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppFactory]:
    """Build an application with other settings, on the shared database unless told otherwise."""
    made: list[Flask] = []

    def make(**settings: Any) -> Flask:
        defaults = {
            "DATABASE_URL": database_url,
            "BCRYPT_ROUNDS": 4,
            "RATELIMIT_ENABLED": False,
            "RATELIMIT_AUDIT_ADDRESS": "1000000/hour",  # all tests come from one address
            "RATELIMIT_AUDIT_STRANGERS": "1000000/day",
            "LOG_LEVEL": "warning",
        }
        folder = {} if "INSTANCE_PATH" in settings else {"INSTANCE_PATH": str(tmp_path_factory.mktemp("instance"))}
        made.append(create_app({**defaults, **folder, **settings}))
        made[-1].test_client_class = DocumentedClient
        if settings:
            with made[-1].app_context():
                POOLS.extend(db.engines.values())
        return made[-1]

    yield make
    for app in made:
        close(app)


@pytest.fixture(autouse=True)
def _idle_connections_go_back() -> Iterator[None]:
    """A server takes a hundred connections; the applications of all tests would keep more than that idle."""
    yield
    for engine in POOLS:
        if engine.pool.checkedin() or engine.pool.checkedout():  # type: ignore[attr-defined]
            engine.dispose()


@pytest.fixture(scope="session")
def app(make_app: AppFactory) -> Flask:
    """The application, with cheap passwords."""
    return make_app()


@pytest.fixture
def sqlite(app: Flask) -> None:
    """Skip what PostgreSQL has not: an index of words, and plans that are the same whatever it has counted."""
    with app.app_context():
        if db.engine.dialect.name != "sqlite":
            pytest.skip("SQLite alone")


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A Redis to use, or the reason why there is none."""
    try:
        Redis.from_url(TEST_REDIS_URL).ping()
    except RedisError:
        unavailable("Redis")
    return TEST_REDIS_URL


@pytest.fixture(scope="module", params=["memory", "redis"])
def counter_store(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings by which limits are counted in memory, and in Redis: a module that asks for it runs on both."""
    return {"REDIS_URL": request.getfixturevalue("redis_url")} if request.param == "redis" else {}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody who is not signed in."""
    return app.test_client()


@pytest.fixture
def new_person(app: Flask) -> Callable[..., str]:
    """Open an account with a role, past the API; returns the username."""

    def make(role: str = "editor", **fields: Any) -> str:
        username = f"person-{secrets.token_hex(6)}"
        with app.app_context():
            create_user(username, PASSWORD, roles=[role], **fields)
            db.session.commit()
        return username

    return make


@pytest.fixture
def signed_in(app: Flask, new_person: Callable[..., str]) -> SignIn:
    """Sign a new person in; the client sends their token and knows it as `token`."""

    def sign_in(role: str = "editor", **fields: Any) -> FlaskClient:
        client = app.test_client()
        credentials = {"username": new_person(role, **fields), "password": PASSWORD}
        answer = client.post("/api/v1/auth/login", json=credentials)
        assert answer.status_code == 200, answer.text
        client.token = answer.json["access_token"]  # type: ignore[attr-defined]
        client.username = credentials["username"]  # type: ignore[attr-defined]
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {client.token}"  # type: ignore[attr-defined]
        return client

    return sign_in


@pytest.fixture
def owner(signed_in: SignIn) -> FlaskClient:
    """The person whose task is at stake."""
    return signed_in()


@pytest.fixture
def other(signed_in: SignIn) -> FlaskClient:
    """Somebody else."""
    return signed_in()


@pytest.fixture
def task(owner: FlaskClient) -> dict[str, Any]:
    """A task of the owner's."""
    created: dict[str, Any] = owner.post("/api/v1/tasks", json={"title": "Water the plants"}).json
    return created


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Start `flask run` as a person would, on a free port; returns its address, once it answers there."""
    started: list[subprocess.Popen[str]] = []

    def start(**environment: str) -> str:
        log = tmp_path_factory.mktemp("server") / "log"
        with log.open("w") as output:
            started.append(flask_process("run", "--port", "0", stdout=output, stderr=output, **environment))
        while started[-1].poll() is None:
            if found := re.search(r"Running on (http://\S+)", log.read_text()):
                return found[1]
            time.sleep(0.05)
        pytest.fail(log.read_text())

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


def flask_process(
    *words: str, stdin: int = subprocess.DEVNULL, stdout: Any = None, stderr: Any = None, **environment: str
) -> subprocess.Popen[str]:
    """Start `flask …` in the checkout, with an environment of its own."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("TASKAPI_", "FLASK_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "flask", *words],
        cwd=ROOT,
        env=outside | environment,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        text=True,
    )


@pytest.fixture(scope="session")
def served(make_app: AppFactory) -> Flask:
    """An application whose key we know."""
    return make_app(JWT_SECRET_KEY=SECRET)


@pytest.fixture(scope="session")
def token(served: Flask) -> str:
    """A token that is good."""
    credentials = {"username": f"person-{secrets.token_hex(6)}", "password": PASSWORD}
    with served.app_context():
        create_user(**credentials)
        db.session.commit()
    answer = served.test_client().post("/api/v1/auth/login", json=credentials)
    return str(answer.json["access_token"])


@pytest.fixture
def ask(served: Flask) -> Callable[..., Any]:
    """Ask for one's own account, with a token in the header or in the cookie."""

    def ask(token: str, channel: str = "header") -> Any:
        client = served.test_client()
        if channel == "header":
            return client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        client.set_cookie("access_token", token)
        return client.get("/api/v1/me")

    return ask
