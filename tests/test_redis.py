"""Redis counts limits and nothing else: its failures affect no session."""

import time

import pytest
import servers
from conftest import unavailable
from redis import Redis
from servers import wait_until

pytestmark = pytest.mark.slow

CONFIGURABLE = ("--enable-protected-configs", "yes")
LOGIN, LOGOUT, ME = "/api/v1/auth/login", "/api/v1/auth/logout", "/api/v1/me"


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    """A Redis server for this module."""
    if not servers.Redis.is_installed():
        unavailable("redis-server")
    server = servers.Redis(tmp_path_factory.mktemp("redis"))
    server.start(*CONFIGURABLE)
    server.client = Redis.from_url(server.url)
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def sound(redis):
    """Restore the initial state of Redis after each test."""
    yield
    redis.kill()
    (redis.folder / "dump.rdb").unlink(missing_ok=True)
    redis.start(*CONFIGURABLE)


@pytest.fixture
def app(make_app, redis):
    """A new application that counts its limits in this Redis."""
    return make_app(REDIS_URL=redis.url, RATELIMIT_ENABLED=True)


def kill(redis):
    redis.kill()


def freeze(redis):
    redis.freeze()


def demote(redis):
    redis.client.replicaof("127.0.0.1", servers.free_port())


def fill(redis):
    redis.client.config_set("maxmemory", 1)


def lose_its_disk(redis):
    redis.client.config_set("save", "1 1")
    redis.client.config_set("dir", "/proc/self/fd")
    redis.client.set("taskapi:something", 1)
    redis.client.execute_command("BGSAVE")
    wait_until(lambda: redis.client.info("persistence")["rdb_last_bgsave_status"] == "err")


FAULTS = [kill, freeze, demote, fill, lose_its_disk]


@pytest.fixture(params=FAULTS, ids=lambda fault: fault.__name__)
def fault(request, redis):
    """Let Redis fail in one of several ways."""
    return lambda: request.param(redis)


def timed(call):
    started = time.monotonic()
    response = call()
    return response, time.monotonic() - started


def test_redis_failures_affect_no_session(signed_in, fault):
    user, gone, going = signed_in(), signed_in(), signed_in()
    assert gone.post(LOGOUT).status_code == 204
    assert user.get(ME).status_code == 200
    fault()
    for _ in range(3):
        for call, status in ((user.get, 200), (gone.get, 401)):
            response, seconds = timed(lambda call=call: call(ME))
            assert (response.status_code, seconds < 1) == (status, True)
    response, seconds = timed(lambda: going.post(LOGOUT))
    assert (response.status_code, seconds < 1) == (204, True)
    assert going.get(ME).json["code"] == "token_revoked"
    assert signed_in().get(ME).status_code == 200


@pytest.mark.usefixtures("stopped_clock")
def test_limits_are_counted_in_memory_within_a_second(client, fault, caplog):
    fault()
    body = {"username": "somebody-under-attack", "password": "wrong"}
    responses = [timed(lambda: client.post(LOGIN, json=body)) for _ in range(7)]
    assert responses[-1][0].status_code == 429
    assert max(seconds for _, seconds in responses) < 2  # one second, and what a loaded machine adds
    assert caplog.text.count("rate limits are counted in memory") == 1


def test_limits_are_counted_in_redis_after_recovery(client, redis, fault, caplog):
    fault()
    client.post(LOGIN, json={"username": "somebody", "password": "wrong"})
    redis.kill()
    redis.start()

    def counted_there():
        client.post(LOGIN, json={"username": "somebody", "password": "wrong"})
        return redis.client.keys("taskapi:limit:*")

    wait_until(counted_there, 10)
    assert caplog.text.count("Redis responds again") == 1


def test_restored_redis_snapshot_revives_no_revoked_token(signed_in, redis):
    user, gone = signed_in(), signed_in()
    assert gone.get(ME).status_code == 200
    redis.client.save()
    assert gone.post(LOGOUT).status_code == 204
    redis.kill()
    redis.start()
    assert redis.client.dbsize() > 0  # it is the old state
    assert gone.get(ME).json["code"] == "token_revoked"
    assert user.get(ME).status_code == 200


@pytest.mark.usefixtures("stopped_clock")
def test_two_deployments_on_one_redis_share_no_counters(make_app, redis):
    one, other = (
        make_app(REDIS_URL=redis.url, RATELIMIT_ENABLED=True, REDIS_PREFIX=prefix).test_client()
        for prefix in ("one:", "other:")
    )
    body = {"username": "somebody", "password": "wrong"}
    assert [one.post(LOGIN, json=body).status_code for _ in range(6)][-1] == 429
    assert other.post(LOGIN, json=body).status_code == 401
    assert {key.split(b":")[0] for key in redis.client.scan_iter()} == {b"one", b"other"}


def test_failed_redis_is_reported_and_service_stays_ready(client, fault):
    assert client.get("/readyz").json == {"status": "ok", "degraded": []}
    fault()
    response, seconds = timed(lambda: client.get("/readyz"))
    assert (response.status_code, response.json) == (200, {"status": "ok", "degraded": ["redis"]})
    assert seconds < 2


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (kill, "it does not respond (ConnectionError)"),
        (freeze, "it does not respond (TimeoutError)"),
        (demote, "it accepts no writes: You can't write against a read only replica."),
        (fill, "it accepts no writes: command not allowed when used memory > 'maxmemory'."),
    ],
)
def test_doctor_reports_redis_errors(app, redis, fault, says):
    fault(redis)
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert result.exit_code == 1
    assert f"FAIL  redis        {says}" in result.output


def test_doctor_reports_a_redis_with_eviction(app, client, redis):
    redis.client.config_set("maxmemory", "100mb")
    redis.client.config_set("maxmemory-policy", "volatile-lru")
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert "warn  redis        evicts counters when full: maxmemory-policy is volatile-lru, and" in result.output
    redis.client.config_set("maxmemory", int(redis.client.info("memory")["used_memory"] * 1.02))
    assert client.get("/readyz").json["degraded"] == ["redis"]
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert "FAIL  redis        it is full and evicts counters: maxmemory-policy is volatile-lru" in result.output
