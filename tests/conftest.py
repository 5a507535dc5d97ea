"""The application under test, and clients of its users.

It runs on SQLite, on TASKAPI_TEST_DATABASE_URL, or on the cluster of TASKAPI_TEST_CITUS_URL.
"""

import gc
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from redis import Redis
from redis.exceptions import RedisError

from taskapi import create_app
from taskapi.auth.service import PASSWORD as BY_PASSWORD
from taskapi.auth.sessions import SUBJECT, create_session, subject_of
from taskapi.database import db, now
from taskapi.security.passwords import hash_password
from taskapi.security.tokens import issue_token
from taskapi.users.models import User, create_user
from tests import cluster
from tests.documented import DocumentedClient
from tests.forging import SECRET

pytest_plugins = ["tests.key_sets", "tests.browser", "tests.web_client", "tests.owner_conditions"]

ROOT = Path(__file__).parent.parent
PASSWORD = "correct horse battery staple"
REQUIRED = os.environ.get("TASKAPI_REQUIRE_SERVICES") == "1"
TEST_DATABASE_URL = os.environ.get("TASKAPI_TEST_DATABASE_URL")
TEST_REDIS_URL = os.environ.get("TASKAPI_TEST_REDIS_URL", "redis://127.0.0.1:6379/15")

ENGINES: list[sa.Engine] = []  # of the applications that single tests create
REPLACED: list[sa.Pool] = []  # their connection pools, replaced at the end of the last test
AppFactory = Callable[..., Flask]
SignIn = Callable[..., FlaskClient]


gc.disable()  # until the tests are collected


def pytest_collection_finish() -> None:
    """Let the garbage collector run more rarely, and never look through what exists by now."""
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide the environment and the .env file of the developer from the tests."""
    for name in [*os.environ]:
        if name.startswith("TASKAPI_") or name in {"DATABASE_URL", "REDIS_URL"}:
            del os.environ[name]
    os.chdir(tmp_path_factory.mktemp("cwd"))


def unavailable(service: str) -> NoReturn:
    """Skip a test whose service is missing. Fail it with TASKAPI_REQUIRE_SERVICES=1."""
    if REQUIRED:
        pytest.fail(f"{service} is missing")
    pytest.skip(f"{service} is missing")


def program(*names: str) -> str:
    """Return the path of the first of these programs that is installed. Without any, see `unavailable`."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or unavailable(names[0])


def node_package(name: str) -> Path:
    """Return the folder of a package that `make node` installs. Without it, see `unavailable`."""
    program("node")
    folder = ROOT / "node_modules" / name
    if not folder.is_dir():
        unavailable(f"{name}, which `make node` installs,")
    return folder


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Create empty databases of the kind that the tests use, and drop them at the end."""
    if cluster.CITUS_URL:
        with cluster.databases() as make_on_all_nodes:
            yield make_on_all_nodes
        return
    if TEST_DATABASE_URL is None:
        yield lambda: f"sqlite:///{tmp_path_factory.mktemp('database') / 'test.db'}"
        return
    server = sa.make_url(TEST_DATABASE_URL).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    names: list[str] = []

    def create() -> str:
        names.append(f"taskapi_test_{secrets.token_hex(6)}")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {names[-1]}"))
        return server.set(drivername="postgresql", database=names[-1]).render_as_string(hide_password=False)

    yield create
    with engine.connect() as connection:
        for name in names:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="session")
def database_url(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database that the tests of this worker share. Each test creates its own users."""
    url = new_database()
    app = create_app({"DATABASE_URL": url, "INSTANCE_PATH": str(tmp_path_factory.mktemp("instance"))})
    with app.app_context():
        upgrade(revision="heads")
    cluster.shard(app)
    close(app)
    return url


def close(app: Flask) -> None:
    """Close the database connections of an application."""
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


def keep_connections(app: Flask) -> None:
    """Do not close the idle connections of an application after each test: a page may still send requests."""
    with app.app_context():
        ENGINES[:] = [engine for engine in ENGINES if engine not in {*db.engines.values()}]


@pytest.fixture(scope="session")
def make_app(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppFactory]:
    """Build an application with other settings, by default on the shared database."""
    apps: list[Flask] = []

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
        app = create_app({**defaults, **folder, **settings})
        app.test_client_class = DocumentedClient
        apps.append(app)
        if settings:
            with app.app_context():
                ENGINES.extend(db.engines.values())
        return app

    yield make
    for app in apps:
        close(app)


@pytest.fixture(autouse=True)
def _close_idle_connections() -> Iterator[None]:
    """Close idle connections: those of all tests would be more than the hundred that a PostgreSQL server accepts.

    A background thread that is using a connection returns it to the same pool. If that pool has been replaced, nothing
    closes the connection: so a pool in use stays until the end of a later test, and each pool is closed twice.
    """
    yield
    while REPLACED:
        REPLACED.pop().dispose()
    for engine in ENGINES:
        pool: Any = engine.pool
        if pool.checkedin() and not pool.checkedout():
            engine.dispose()
            REPLACED.append(pool)


@pytest.fixture(scope="session")
def app(make_app: AppFactory) -> Flask:
    """The application, with the lowest bcrypt cost."""
    return make_app()


@pytest.fixture
def sqlite(app: Flask) -> None:
    """Skip a test on PostgreSQL, which has no full-text index, and whose query plans depend on statistics."""
    with app.app_context():
        if db.engine.dialect.name != "sqlite":
            pytest.skip("only for SQLite")


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The URL of a running Redis. Without one, see `unavailable`."""
    try:
        Redis.from_url(TEST_REDIS_URL).ping()
    except RedisError:
        unavailable("Redis")
    return TEST_REDIS_URL


@pytest.fixture(scope="module", params=["memory", "redis"])
def counter_store(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings that count limits in memory or in Redis. Modules that use this fixture run their tests with both."""
    return {"REDIS_URL": request.getfixturevalue("redis_url")} if request.param == "redis" else {}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client that is not signed in."""
    return app.test_client()


@pytest.fixture
def new_user(app: Flask) -> Callable[..., str]:
    """Create a user with a role, without the API; returns the username."""

    def create(role: str = "editor", **fields: Any) -> str:
        username = f"user-{secrets.token_hex(6)}"
        with app.app_context():
            create_user(username, None, roles=[role], **fields).password_hash = _password_hash()
            db.session.commit()
        return username

    return create


@cache
def _password_hash() -> str:
    """Hash PASSWORD once for all users of a worker."""
    return hash_password(PASSWORD)


@pytest.fixture
def signed_in(app: Flask, new_user: Callable[..., str]) -> SignIn:
    """Sign in a new user; returns a client that sends the token, with the attributes `token` and `username`."""

    def sign_in(role: str = "editor", **fields: Any) -> FlaskClient:
        client = app.test_client()
        client.username = new_user(role, **fields)  # type: ignore[attr-defined]
        client.token = new_access_token(app, client.username)  # type: ignore[attr-defined]
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {client.token}"  # type: ignore[attr-defined]
        return client

    return sign_in


def new_access_token(app: Flask, username: str) -> str:
    """Create a session of a user without a request, which takes more than twice as long; return the access token."""
    with app.test_request_context(environ_base=app.test_client().environ_base):
        user = db.session.execute(sa.select(*SUBJECT).where(User.username == username)).one()
        grant = create_session(subject_of(user, [BY_PASSWORD]), now(), fresh=True)
        db.session.commit()
        return issue_token(grant.subject, grant.session_id, fresh=True)


@pytest.fixture
def owner(signed_in: SignIn) -> FlaskClient:
    """A client of the user who owns `task`."""
    return signed_in()


@pytest.fixture
def other(signed_in: SignIn) -> FlaskClient:
    """A client of another user."""
    return signed_in()


@pytest.fixture
def task(owner: FlaskClient) -> dict[str, Any]:
    """A task of the owner."""
    created: dict[str, Any] = owner.post("/api/v1/tasks", json={"title": "Water the plants"}).json
    return created


@pytest.fixture
def stopped_clock() -> Iterator[None]:
    """Stop the clock, so that all requests of a test are in one window of each rate limit."""
    with time_machine.travel(now(), tick=False):
        yield


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Start `flask run` on a free port; returns its address once it accepts connections."""
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


@pytest.fixture(scope="module")
def address(start_server: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A server with a known key, so that the tests can sign expired tokens."""
    return start_server(
        TASKAPI_INSTANCE_PATH=str(tmp_path_factory.mktemp("instance")),
        TASKAPI_JWT_SECRET_KEY=SECRET,
        TASKAPI_BCRYPT_ROUNDS="4",
        TASKAPI_RATELIMIT_ENABLED="false",
    )


def flask_process(
    *arguments: str, stdin: int = subprocess.DEVNULL, stdout: Any = None, stderr: Any = None, **environment: str
) -> subprocess.Popen[str]:
    """Start `flask …` in the checkout, without settings of the current environment."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("TASKAPI_", "FLASK_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "flask", *arguments],
        cwd=ROOT,
        env=outside | environment,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        text=True,
    )


@pytest.fixture(scope="session")
def known_key_app(make_app: AppFactory) -> Flask:
    """An application with a known key."""
    return make_app(JWT_SECRET_KEY=SECRET)


@pytest.fixture(scope="session")
def token(known_key_app: Flask) -> str:
    """A valid access token."""
    credentials = {"username": f"user-{secrets.token_hex(6)}", "password": PASSWORD}
    with known_key_app.app_context():
        create_user(**credentials)
        db.session.commit()
    response = known_key_app.test_client().post("/api/v1/auth/login", json=credentials)
    return str(response.json["access_token"])


@pytest.fixture
def get_account(known_key_app: Flask) -> Callable[..., Any]:
    """Request the account of a token, which is sent in the header or in the cookie."""

    def get_account(token: str, channel: str = "header") -> Any:
        client = known_key_app.test_client()
        if channel == "header":
            return client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        client.set_cookie("access_token", token)
        return client.get("/api/v1/me")

    return get_account
