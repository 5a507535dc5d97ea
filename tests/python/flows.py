"""What programs do with the synchronous client."""

import json
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import httpx
import pytest
from conftest import ADDRESS, PASSWORD, expired

import taskapi_client
from taskapi_client import (
    ConnectionFailed,
    FileStore,
    NotFound,
    ProblemError,
    RateLimited,
    RetryPolicy,
    SessionAuth,
    SignedOut,
    TaskApi,
    UnexpectedResponse,
    ValidationProblem,
    VersionMismatch,
)


def test_package_is_the_installed_one():
    assert taskapi_client.__file__.startswith(sys.prefix)


def test_twenty_threads_with_an_expired_token_refresh_once(api, relay, expire):
    expire()
    with ThreadPoolExecutor(20) as threads:
        found = list(threads.map(lambda _: list(api.tasks.list()), range(20)))
    assert found == [[]] * 20
    assert relay.count("POST /auth/refresh") == 1


def test_late_401_does_not_refresh_again(api, relay, expire):
    expire()
    relay.delay["/me"] = 1
    with ThreadPoolExecutor(2) as threads:
        late = threads.submit(api.account.get)
        relay.wait_for("GET /me 401")
        relay.delay.clear()
        list(api.tasks.list())
        assert late.result().username
    assert relay.count("GET /me 401") == 1
    assert relay.count("POST /auth/refresh") == 1


PROCESS = """
import sys
from taskapi_client import FileStore, TaskApi
with TaskApi(sys.argv[1], store=FileStore(sys.argv[2])) as api:
    input("ready\\n")
    print(api.account.get().username)
"""


def test_two_processes_refresh_once(api, relay, username, store, tmp_path):
    file = FileStore(tmp_path / "tokens.json")
    file.save(expired(store.load()))
    relay.delay["/auth/refresh"] = 2
    command = [sys.executable, "-c", PROCESS, relay.url, str(file.path)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    with ThreadPoolExecutor(2) as threads:
        outputs = list(threads.map(lambda process: process.communicate("\n", timeout=60)[0], processes))
    assert outputs == [f"{username}\n"] * 2
    assert relay.count("GET /me 401") == 2
    assert relay.count("POST /auth/refresh") == 1


def test_lock_that_is_never_released_is_ignored_in_the_end(api, relay, store, expire, monkeypatch):
    monkeypatch.setattr("taskapi_client.auth.LOCK_SECONDS", 0.5)
    expire()
    assert store.acquire()
    assert api.account.get()
    assert not store.acquire()  # it is still that of its owner


def test_file_is_private_and_resumes_the_session(api, username, relay, tmp_path):
    path = tmp_path / "folder" / "tokens.json"
    with TaskApi(relay.url, store=FileStore(path)) as first:
        first.login(username, PASSWORD)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with TaskApi(relay.url, store=FileStore(path)) as second:
        assert second.is_signed_in
        assert second.account.get().username == username
        second.logout()
    assert [each.name for each in path.parent.iterdir()] == []


def test_rejected_refresh_signs_out_once(api, relay, store, expire):
    token = store.load()["refresh_token"]
    for _ in range(2):  # the token is spent, and its successor too
        response = httpx.post(f"{ADDRESS}/api/v1/auth/refresh", json={"refresh_token": token})
        token = response.json()["refresh_token"]
    expire()
    for code in ("invalid_refresh_token", "token_missing"):
        with pytest.raises(SignedOut) as error:
            api.account.get()
        assert error.value.code == code
    assert not api.is_signed_in
    assert relay.count("POST /auth/refresh") == 1


def test_lost_refresh_is_repeated(api, relay, expire):
    task = api.tasks.create(title="Water the plants")
    expire()
    relay.lose = "/auth/refresh"
    assert api.tasks.update(task, status="done").status == "done"  # although a PATCH itself is not repeated
    assert relay.count("POST /auth/refresh 200") == 2
    assert relay.count("PATCH") == 3


def test_refresh_has_the_headers_of_the_client(api, relay, expire):
    expire()
    api.account.get()
    sent = relay.headers[relay.sent.index("POST /auth/refresh 200")]
    assert sent["user-agent"].startswith("taskapi-client/1.0.0 ")
    assert "authorization" not in sent


def test_unavailable_refresh_keeps_the_user_signed_in(api, relay, expire):
    expire()
    relay.delay["/auth/refresh"] = 2
    once = RetryPolicy(max_attempts=1)
    with TaskApi(relay.url, store=api.store, timeout=0.5, retry=once) as impatient, pytest.raises(ConnectionFailed):
        impatient.account.get()
    relay.delay.clear()
    assert api.account.get()


def test_task_is_created_once_when_the_response_is_lost(api, relay):
    relay.lose = "/tasks"
    task = api.tasks.create(title="Once")
    assert relay.count("POST /tasks 201") == 2
    assert [found.id for found in api.tasks.list()] == [task.id]


def test_own_idempotency_key_returns_the_first_task(api):
    first = api.tasks.create(title="Feed the cat", idempotency_key="draft-7")
    assert api.tasks.create(title="Feed the cat", idempotency_key="draft-7").id == first.id


def test_change_is_not_repeated_when_its_response_is_lost(api, relay):
    task = api.tasks.create(title="Water the plants")
    relay.lose = f"/tasks/{task.id}"
    with pytest.raises(ConnectionFailed) as error:
        api.tasks.update(task.id, title="Rain")
    assert isinstance(error.value.__cause__, httpx.RemoteProtocolError)
    assert relay.count("PATCH") == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_temporary_error_of_a_read_is_repeated(api, relay, status):
    relay.reply(status, body=b"<h1>Try again</h1>")
    assert list(api.tasks.list()) == []
    assert relay.count(f"GET /tasks {status}") == 1


def test_retry_after_is_waited_for(api, relay):
    relay.reply(429, {"Retry-After": "1"}, {"code": "too_many_requests", "status": 429})
    start = time.monotonic()
    api.account.update(name="Ada")
    assert time.monotonic() - start > 1
    assert relay.sent[-2:] == ["PATCH /me 429", "PATCH /me 200"]


def test_long_retry_after_is_an_error(api, relay):
    relay.reply(429, {"Retry-After": "60"}, {"code": "too_many_requests", "status": 429})
    with pytest.raises(RateLimited) as error:
        list(api.tasks.list())
    assert (error.value.retry_after, relay.count("GET /tasks")) == (60, 1)


def test_attempts_are_limited(api, relay):
    for _ in range(4):
        relay.reply(503)
    with pytest.raises(ProblemError) as error:
        api.account.get()
    assert (error.value.status, error.value.code, relay.count("GET /me 503")) == (503, None, 3)


def test_unreachable_server_is_an_error():
    with TaskApi("http://127.0.0.1:9", retry=RetryPolicy(max_attempts=2)) as api, pytest.raises(ConnectionFailed):
        api.login("ada", PASSWORD)


def test_list_is_read_page_by_page(api, relay):
    made = [api.tasks.create(title=f"Task {number}").id for number in range(5)]
    tasks = api.tasks.list(limit=2, sort="created_at")
    assert relay.count("GET /tasks") == 0
    assert [task.id for task in tasks] == made
    assert relay.count("GET /tasks") == 3
    assert next(iter(tasks)).id == made[0]
    assert relay.count("GET /tasks") == 4
    page = tasks.page()
    rest = api.tasks.list(limit=2, sort="created_at", cursor=page.next_cursor)
    assert [task.id for task in [*page.items, *rest]] == made


def test_filters_have_python_types(api):
    home = api.tasks.create(title="Water the plants", status="in_progress", labels=["home"], due_date=date(2030, 6, 1))
    api.tasks.create(title="Write", labels=["work"], due_at=datetime(2030, 6, 1, tzinfo=UTC))
    assert [task.id for task in api.tasks.list(status="in_progress")] == [home.id]
    assert [task.id for task in api.tasks.list(status=["in_progress", "done"], label=["home"])] == [home.id]
    assert [task.id for task in api.tasks.list(q="plants", due_after=date(2030, 6, 1), overdue=False)] == [home.id]
    assert len(list(api.tasks.list(due_before=datetime(2030, 6, 1, 12, tzinfo=UTC)))) == 1
    assert list(api.tasks.list(due_before=date(2030, 6, 1))) == []
    assert [task.title for task in api.tasks.list(exclude_label="home")] == ["Write"]


def test_values_have_python_types(api):
    zone = timezone(timedelta(hours=2))
    task = api.tasks.create(title="Water the plants", due_at=datetime(2030, 6, 1, 9, tzinfo=zone))
    assert isinstance(task.id, UUID)
    assert task.due_at == datetime(2030, 6, 1, 7, tzinfo=UTC)
    assert task.created_at.utcoffset() == timedelta(0)
    assert api.tasks.update(task, due_date=date(2030, 6, 2)).due_date == date(2030, 6, 2)


def test_update_sends_only_the_given_fields(api, relay):
    task = api.tasks.create(title="Water the plants", description="All", due_date=date(2030, 6, 1))
    changed = api.tasks.update(task, due_date=None)
    assert json.loads(relay.bodies[-1]) == {"due_date": None}
    assert relay.headers[-1]["if-match"] == f'"{task.version}"'
    assert (changed.due_date, changed.description) == (None, "All")


def test_outdated_change_is_a_conflict(api):
    task = api.tasks.create(title="Water the plants")
    done = api.tasks.update(task, status="done")
    with pytest.raises(VersionMismatch) as error:
        api.tasks.update(task, title="Rain")
    assert error.value.current == done
    assert api.tasks.update(task.id, title="Rain").title == "Rain"
    with pytest.raises(VersionMismatch):
        api.tasks.delete(task, version=task.version)


def test_batch_is_all_or_nothing(api):
    task = api.tasks.create(title="Water the plants")
    operations = [
        {"op": "create", "data": {"title": "Feed the cat", "due_date": date(2030, 6, 1)}},
        {"op": "update", "id": task.id, "if_match": task.version, "data": {"status": "done"}},
    ]
    created, updated = api.tasks.batch(operations=operations).results
    assert (created.op, created.data.title, updated.data.status) == ("create", "Feed the cat", "done")
    with pytest.raises(VersionMismatch) as error:
        api.tasks.batch(operations=operations)
    assert (error.value.current, error.value.problem["index"]) == (updated.data, 1)


def test_resources_are_deleted_and_restored(api):
    for resource, body in ((api.projects, {"name": "Garden"}), (api.labels, {"name": "home"})):
        made = resource.create(**body)
        resource.delete(made)
        assert [each.id for each in resource.list(deleted=True)] == [made.id]
        assert resource.restore(made).id == made.id
        resource.delete(made.id, permanent=True)
        with pytest.raises(NotFound):
            resource.get(made.id)


def test_invalid_values_are_named(api):
    with pytest.raises(ValidationProblem) as error:
        api.tasks.create(title="", labels=["x" * 51])
    assert error.value.errors["json"].keys() == {"title", "labels"}
    assert (error.value.code, error.value.status, len(error.value.request_id)) == ("validation_failed", 422, 32)
    assert "json.labels.0: " in str(error.value)


def test_errors_can_be_pickled(api):
    task = api.tasks.create(title="Water the plants")
    api.tasks.update(task, status="done")
    with pytest.raises(VersionMismatch) as error:
        api.tasks.update(task, title="Rain")
    copy = pickle.loads(pickle.dumps(error.value))
    assert (str(copy), copy.current) == (str(error.value), error.value.current)


def test_wrong_password_is_no_sign_out(api, relay, username):
    with pytest.raises(ProblemError) as error:
        api.login(username, "wrong")
    assert (type(error.value), error.value.code) == (ProblemError, "invalid_credentials")
    assert (api.is_signed_in, relay.count("POST /auth/refresh")) == (True, 0)


def test_pages_of_proxies_are_errors(api, relay):
    relay.reply(403, {"Content-Type": "text/html"}, b"<h1>Forbidden</h1>")
    with pytest.raises(ProblemError) as error:
        api.account.get()
    assert (error.value.status, error.value.code) == (403, None)
    relay.reply(200, {"Content-Type": "text/html"}, b"<h1>Sign in to the network</h1>")
    with pytest.raises(UnexpectedResponse):
        api.account.get()


def test_later_versions_of_the_api_can_be_read(api, relay):
    task = api.tasks.create(title="Water the plants").model_dump(mode="json")
    relay.reply(200, body={**task, "status": "waiting", "weight": 3})
    later = api.tasks.get(task["id"])
    assert (later.status, later.weight) == ("waiting", 3)


def test_new_tokens_are_stored(api, relay, store, expire):
    before = store.load()
    api.verify_password(PASSWORD)
    assert store.load()["access_token"] != before["access_token"]
    assert store.load()["refresh_token"] == before["refresh_token"]
    expire()
    api.change_password(PASSWORD, "another long and odd sentence")  # stored after a refresh, too
    assert relay.count("PUT /me/password 401") == 1
    expire()
    api.logout_others()
    assert api.account.get()
    assert [session.current for session in api.sessions.list()] == [True]


def test_logout_ends_the_session(api, store):
    token = store.load()["access_token"]
    api.logout()
    assert not api.is_signed_in
    response = httpx.get(f"{ADDRESS}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert response.json()["code"] == "token_revoked"
    api.logout()  # nothing is left to end
    with pytest.raises(SignedOut):
        api.account.get()


def test_logout_everywhere_ends_other_sessions(api, relay, username):
    with TaskApi(relay.url) as other:
        other.login(username, PASSWORD)
        api.logout_everywhere()
        assert not api.is_signed_in
        with pytest.raises(SignedOut):
            other.account.get()


def test_any_request_can_be_sent(api):
    response = api.request("GET", "/api/v1/tasks", params={"limit": 1}, headers={"If-None-Match": '"1"'})
    assert response.json() == {"items": [], "next_cursor": None}
    with pytest.raises(NotFound):
        api.request("GET", "/api/v1/nothing")
    with pytest.raises(ValueError, match="slash"):
        api.request("GET", "http://example.org/")


def test_ids_cannot_change_the_path(api, relay):
    with pytest.raises(NotFound):
        api.tasks.delete("../me")
    assert relay.count("DELETE /me") == 0


def test_own_http_client_is_used(username):
    seen = []
    http_client = httpx.Client(event_hooks={"request": [lambda request: seen.append(request.url.path)]})
    with TaskApi(f"{ADDRESS}/", http_client=http_client) as api:
        api.login(username, PASSWORD)
    assert seen == ["/api/v1/auth/login"]


def test_authentication_of_another_client_of_httpx(api, relay, store, expire):
    expire()
    with httpx.Client(auth=SessionAuth(relay.url, store)) as http:
        assert http.get(f"{relay.url}/api/v1/me").json()["username"]
        assert http.get(f"{ADDRESS}/api/v1/me").json()["code"] == "token_missing"  # another server gets no token


def test_damaged_file_is_no_session(tmp_path):
    path = tmp_path / "tokens.json"
    path.write_text('{"access_')
    assert FileStore(path).load() is None
