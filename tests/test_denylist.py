"""The denylist where it can fail: Redis frozen, killed, emptied; several worker processes; the clock."""

import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
import servers
import time_machine
from conftest import PASSWORD, unavailable
from flask_jwt_extended import decode_token
from redis import Redis

from taskapi.accounts.models import User
from taskapi.database import db, now
from taskapi.security import denylist

ME, LOGOUT = "/api/v1/me", "/api/v1/auth/logout"


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    """A Redis of this module's own."""
    if not servers.Redis.is_installed():
        unavailable("redis-server")
    server = servers.Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def app(make_app, redis):
    """The application, with its denylist and limits in that Redis."""
    return make_app(REDIS_URL=redis.url, RATELIMIT_ENABLED=True)


@pytest.fixture
def broken(redis):
    """Break Redis in a way, and put it right in the end."""
    yield lambda how: redis.freeze() if how == "frozen" else redis.kill()
    redis.kill()
    redis.start()


@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_without_redis_the_answer_is_503_within_a_second_and_service_returns(signed_in, redis, broken, how):
    person, gone = signed_in(), signed_in()
    assert gone.post(LOGOUT).status_code == 204
    broken(how)
    for client in (person, gone):
        start = time.monotonic()
        answer = client.get(ME)
        assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "2"
        assert time.monotonic() - start < 1
    redis.thaw() if how == "frozen" else redis.start()
    assert person.get(ME).status_code == 200
    assert gone.get(ME).json["code"] == "token_revoked"


@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_what_cannot_be_revoked_is_not_said_to_be(signed_in, redis, broken, how):
    person = signed_in()
    broken(how)
    assert person.post(LOGOUT).status_code == 503
    redis.thaw() if how == "frozen" else redis.start()
    assert person.get(ME).status_code == 200
    assert person.post(LOGOUT).status_code == 204
    assert person.get(ME).json["code"] == "token_revoked"


def test_a_redis_that_lost_everything_still_lets_nothing_revoked_in(signed_in, redis, broken):
    gone = [signed_in() for _ in range(3)]
    for person in gone:
        person.post(LOGOUT)
    broken("killed")
    redis.start()
    assert [person.get(ME).json["code"] for person in gone] == ["token_revoked"] * 3


def test_connections_that_redis_has_ended_while_they_lay_idle_are_not_missed(make_app, new_person, redis):
    app = make_app(REDIS_URL=f"{redis.url}?max_connections=4")
    login = app.test_client().post("/api/v1/auth/login", json={"username": new_person(), "password": PASSWORD})
    token = {"Authorization": f"Bearer {login.json['access_token']}"}
    for _ in range(5):
        with ThreadPoolExecutor(4) as threads:  # which may ask at once, each by a connection of its own
            answers = threads.map(lambda _: app.test_client().get(ME, headers=token), range(20))
            assert {answer.status_code for answer in answers} == {200}
        Redis.from_url(redis.url).client_kill_filter(_type="normal", skipme=True)


def test_public_routes_and_sign_in_go_on_without_redis(client, new_person, broken):
    broken("killed")
    assert client.get("/healthz").status_code == 200
    answer = client.post("/api/v1/auth/login", json={"username": new_person(), "password": PASSWORD})
    assert answer.status_code == 200


def test_limits_go_on_in_memory_without_redis(make_app, redis, broken, caplog):
    client = make_app(REDIS_URL=redis.url, RATELIMIT_ENABLED=True).test_client()
    broken("killed")
    body = {"username": "somebody-under-attack", "password": "wrong"}
    answers = [client.post("/api/v1/auth/login", json=body).status_code for _ in range(7)]
    assert answers[-1] == 429
    assert "rate limits are counted in memory" in caplog.text


@pytest.fixture(scope="module", params=["database", "redis"])
def store(request, make_app, redis):
    """An application on either denylist."""
    return make_app(**({"REDIS_URL": redis.url} if request.param == "redis" else {}))


@pytest.fixture
def revoke(store):
    """Put something on the denylist."""

    def put(how, *what):
        with store.app_context():
            how(*what)
            db.session.commit()

    return put


@pytest.fixture
def person(store, new_person):
    """Somebody who uses that application."""
    client = store.test_client()
    login = client.post("/api/v1/auth/login", json={"username": new_person(), "password": PASSWORD}).json
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {login['access_token']}"
    with store.app_context():
        client.claims = decode_token(login["access_token"])
    return client


def test_a_token_is_revoked_by_its_jti(person, revoke):
    revoke(denylist.revoke_token, person.claims["jti"])
    assert person.get(ME).json["code"] == "token_revoked"


def test_a_person_is_revoked_up_to_an_epoch(person, revoke):
    revoke(denylist.revoke_user, UUID(person.claims["sub"]), person.claims["epoch"])
    assert person.get(ME).status_code == 200
    revoke(denylist.revoke_user, UUID(person.claims["sub"]), person.claims["epoch"] + 1)
    assert person.get(ME).json["code"] == "token_revoked"


def test_an_entry_outlives_every_token_it_is_for_and_is_then_pruned(person, revoke, store):
    revoke(denylist.revoke_token, person.claims["jti"])
    for seconds, code in ((904, "token_revoked"), (906, "token_expired")):
        with time_machine.travel(person.claims["iat"] + seconds, tick=False):
            assert person.get(ME).json["code"] == code
    with time_machine.travel(now() + timedelta(hours=1)), store.app_context():
        assert denylist.prune_denylist() >= 1
        db.session.commit()
        assert denylist.prune_denylist() == 0


@pytest.mark.parametrize("kind", ["database", "redis"])
def test_what_is_dead_is_dead_in_every_worker(kind, redis, database_url, new_person, tmp_path):
    settings = {
        "TASKAPI_DATABASE_URL": database_url,
        "TASKAPI_BCRYPT_ROUNDS": "4",
        "TASKAPI_RATELIMIT_ENABLED": "false",
    }
    settings |= {"TASKAPI_INSTANCE_PATH": str(tmp_path), "TASKAPI_REDIS_URL": redis.url if kind == "redis" else ""}
    with servers.gunicorn(settings, tmp_path) as address:
        token = post(address, "/api/v1/auth/login", {"username": new_person(), "password": PASSWORD})["access_token"]
        assert {status(address + ME, token) for _ in range(20)} == {200}
        assert post(address, LOGOUT, None, token) is None
        assert {status(address + ME, token) for _ in range(20)} == {401}


def status(url, token):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def post(address, path, body, token=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body else b""
    with urllib.request.urlopen(urllib.request.Request(address + path, data, headers, method="POST")) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def test_a_change_of_standing_that_is_refused_shuts_nobody_out(app, client, new_person):
    name = new_person("admin")
    credentials = {"username": name, "password": PASSWORD}
    with app.app_context():
        denylist.revoke_user(db.session.execute(db.select(User.id).where(User.username == name)).scalar_one())
        db.session.rollback()
    token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
    assert client.get(ME, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_redis_that_loses_everything_while_a_revocation_is_committed_lets_nobody_in(app, signed_in, redis):
    gone, other = signed_in(), signed_in()
    with app.app_context():
        denylist.revoke_user(UUID(gone.get(ME).json["id"]))
        Redis.from_url(redis.url).flushall()
        with ThreadPoolExecutor(1) as elsewhere:
            assert elsewhere.submit(other.get, ME).result().status_code == 200  # and Redis is filled
        db.session.commit()
    assert gone.get(ME).json["code"] == "token_revoked"
