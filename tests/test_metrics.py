"""/metrics: the metrics of one process and of several."""

import re
import urllib.request

import pytest
import servers
from conftest import PASSWORD

pytestmark = pytest.mark.slow

LOGIN = "/api/v1/auth/login"


@pytest.fixture
def counted(client):
    """Return the current value of a series."""

    def value(series):
        text = client.get("/metrics").text
        found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    return value


def test_requests_are_counted_by_route_method_and_status(counted, owner, task):
    series = 'taskapi_requests_total{method="GET",route="/api/v1/tasks/<uuid:task_id>",status="200"}'
    seconds = 'taskapi_request_seconds_count{method="GET",route="/api/v1/tasks/<uuid:task_id>"}'
    before, timed = counted(series), counted(seconds)
    for _ in range(3):
        owner.get(f"/api/v1/tasks/{task['id']}")
    assert counted(series) == before + 3
    assert counted(seconds) >= timed + 3


def test_unknown_path_or_method_adds_no_metric_series(client, counted):
    client.open("/api/v1/some-made-up-path", method="MADEUP")
    text = client.get("/metrics").text
    assert "made-up" not in text
    assert "MADEUP" not in text
    assert counted('taskapi_requests_total{method="other",route="none",status="404"}') >= 1


def test_sign_ins_and_refreshes_are_counted_by_result(client, counted, new_user):
    names = ["taskapi_sign_ins_total", "taskapi_refreshes_total"]
    results = ["ok", "invalid_credentials", "invalid_refresh_token"]
    series = [f'{name}{{result="{result}"}}' for name in names for result in results]
    before = [counted(one) for one in series]
    credentials = {"username": new_user(), "password": PASSWORD}
    token = client.post(LOGIN, json=credentials).json["refresh_token"]
    client.post(LOGIN, json=credentials | {"password": "wrong"})
    client.post("/api/v1/auth/refresh", json={"refresh_token": token})
    client.post("/api/v1/auth/refresh", json={"refresh_token": "wrong"})
    assert [counted(one) - was for one, was in zip(series, before, strict=True)] == [1, 1, 0, 1, 0, 1]


def test_look_ups_in_the_denylist_are_counted_by_result(counted, signed_in):
    good, revoked = (f'taskapi_denylist_lookups_total{{result="{result}"}}' for result in ("good", "revoked"))
    before = counted(good), counted(revoked)
    user = signed_in()
    user.get("/api/v1/me")
    user.post("/api/v1/auth/logout")
    user.get("/api/v1/me")
    assert (counted(good) - before[0], counted(revoked) - before[1]) == (2, 1)


def test_database_connections_in_use_are_counted_and_given_back(counted, owner):
    owner.get("/api/v1/tasks")
    assert counted('taskapi_pool_connections_in_use{engine="reader"}') == 0
    assert counted('taskapi_pool_connections_in_use{engine="writer"}') == 0


def test_several_workers_are_counted_as_one(tmp_path, database_url):
    settings = {"TASKAPI_DATABASE_URL": database_url, "TASKAPI_INSTANCE_PATH": str(tmp_path)}
    with servers.serving(settings, tmp_path) as address:
        for _ in range(40):
            urllib.request.urlopen(f"{address}/healthz").read()
        text = urllib.request.urlopen(f"{address}/metrics").read().decode()
    assert 'taskapi_requests_total{method="GET",route="/healthz",status="200"} 40.0' in text
