"""/changes/stream in every form: threads of `flask run` and of `flask serve`, and the listener."""

import http.client
import re
import time
from contextlib import ExitStack
from itertools import pairwise

import pytest

from tests.extensions.live_updates.listening import ENDED, Listening, add_task, ask, metric, sign_in
from tests.forging import SECRET, decode_token, sign
from tests.servers import Server, connects, free_port, wait_until
from tests.surface import needs

pytestmark = pytest.mark.slow
SOON = 2  # seconds; a second, on a machine that is not busy
LEEWAY = 5  # seconds for clocks that differ
PLACES = 4  # that a test needs
FORMS = {"flask run": 8, "threads": 6, "listener": 5}  # with the limit of a process


class Service:
    """A running service: the address of the API, and the one that serves its streams."""

    most = 0  # streams of the process

    def __init__(self, address, streams=None):
        self.address, self.streams = address, streams or address

    def listen(self, token="", **options):
        """Open a stream; the status is 200 unless the test says otherwise."""
        return Listening(self.streams, token, **options)

    def wait_for_places(self, number):
        """Wait until this many streams can be opened: a server of threads notices late that clients have gone."""
        wait_until(lambda: metric(self.address, "taskapi_streams") <= self.most - number, 10)


@pytest.fixture(scope="module")
def settings(database_url, tmp_path_factory):
    return {
        "TASKAPI_DATABASE_URL": database_url,
        "TASKAPI_INSTANCE_PATH": str(tmp_path_factory.mktemp("instance")),
        "TASKAPI_JWT_SECRET_KEY": SECRET,
        "TASKAPI_RATELIMIT_ENABLED": "false",
        "TASKAPI_BCRYPT_ROUNDS": "4",
        "TASKAPI_MAX_STREAM_THREADS": "6",
        "TASKAPI_MAX_STREAMS": "5",
        "TASKAPI_MAX_STREAMS_PER_USER": "3",
        "WEB_CONCURRENCY": "1",
    }


@pytest.fixture(scope="module", params=FORMS)
def running(request, settings, start_server, tmp_path_factory):
    if request.param == "flask run":
        found = Service(start_server(**settings))
        found.most = FORMS[request.param]
        yield found
        return
    folder = tmp_path_factory.mktemp("serve")
    with started(settings, folder, listens=request.param == "listener") as found:
        found.most = FORMS[request.param]
        yield found


@pytest.fixture
def service(running):
    """A service with places for the streams of one test, whatever the tests before it have opened."""
    running.wait_for_places(PLACES)
    return running


class started:  # noqa: N801 - a context manager
    """`flask serve`, with or without the listener."""

    def __init__(self, settings, folder, listens):
        port = free_port()
        address = {"TASKAPI_STREAM_ADDRESS": f"127.0.0.1:{port}"} if listens else {}
        self.server = Server(settings | address, folder)
        self.port = port if listens else None

    def __enter__(self):
        self.server.start()
        wait_until(lambda: ask(self.server.address, "GET", "/changes")[0] == 401)
        if self.port:
            wait_until(lambda: connects(self.port))
        return Service(self.server.address, self.port and f"http://127.0.0.1:{self.port}")

    def __exit__(self, *_):
        self.server.stop()


@pytest.fixture
def token(service, new_user):
    return sign_in(service.address, new_user())["access_token"]


@pytest.fixture
def elsewhere(known_key_app):
    """A client of another process, on the same database: the application of the tests."""

    def client(token):
        made = known_key_app.test_client()
        made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return made

    return client


@pytest.fixture
def expiring():
    """Sign the claims of a token again, with an expiry in some seconds."""

    def sign_again(token, seconds):
        header, claims = decode_token(token)
        expiry = int(time.time()) + seconds
        earlier = {name: expiry - 60 for name in ("iat", "nbf") if name in claims}
        return sign(header, claims | earlier | {"exp": expiry})

    return sign_again


def test_first_event_has_the_current_cursor(service, token):
    version = add_task(service.address, token)["version"]
    with service.listen(token) as stream:
        assert stream.take() == str(version)
        headers = stream.response.headers
        assert headers["X-Accel-Buffering"] == "no"
        assert headers["Cache-Control"] == "no-store, no-transform"
        assert re.fullmatch("[0-9a-f]{32}", headers["X-Request-ID"])


def test_change_arrives_within_a_second(service, token):
    with service.listen(token) as stream:
        stream.take()
        for number in range(5):
            started_at = time.monotonic()
            version = add_task(service.address, token, f"Task {number}")["version"]
            assert stream.take() == str(version)
            assert time.monotonic() - started_at < SOON


def test_change_of_another_process_arrives_within_a_second(service, token, elsewhere):
    with service.listen(token) as stream:
        stream.take()
        started_at = time.monotonic()
        version = (
            elsewhere(token).post("/api/v1/tasks", json={"title": "By the tests' own application"}).json["version"]
        )
        assert stream.take() == str(version)
        assert time.monotonic() - started_at < SOON


def test_hundred_changes_while_the_stream_is_cut_arrive_once(service, token):
    """A client copies the feed after each event. The first stream sees half of the changes, and then is cut."""
    seen, cursor = [], ask(service.address, "GET", "/changes?since=now", token)[1]["cursor"]

    def copy():
        nonlocal cursor
        more = True
        while more:
            page = ask(service.address, "GET", f"/changes?since={cursor}", token)[1]
            seen.extend(change["id"] for change in page["changes"])
            cursor, more = page["cursor"], page["has_more"]

    with service.listen(token, since=cursor) as stream:
        first = add_task(service.address, token)
        assert stream.take() == str(first["version"])
        copy()
    added = [add_task(service.address, token, f"Task {number}")["id"] for number in range(100)]
    with service.listen(token, Last_Event_ID=cursor) as stream:
        assert stream.take() == str(first["version"] + 100)
        copy()
        assert stream.is_silent()
        copy()
    assert seen == [first["id"], *added]
    with service.listen(token, since=cursor) as stream:
        assert stream.is_silent()


def test_event_ids_only_grow(service, token):
    with service.listen(token) as stream:
        ids = [int(stream.take())]
        for number in range(20):
            last = add_task(service.address, token, f"Task {number}")["version"]
        while ids[-1] < last:
            ids.append(int(stream.take()))
        assert stream.is_silent(0.5)
    assert all(before < after for before, after in pairwise(ids))


def test_last_event_id_takes_precedence_and_a_copy_ahead_is_told(service, token):
    version = add_task(service.address, token)["version"]
    with service.listen(token, since="0", Last_Event_ID=str(version)) as stream:
        assert stream.is_silent()
    with service.listen(token, since=str(version + 5)) as stream:  # the database was restored from a backup
        assert stream.take() == str(version)
        assert ask(service.address, "GET", f"/changes?since={version + 5}", token)[1]["code"] == "cursor_expired"


@pytest.mark.parametrize("cursor", ["x", "-1", "1-", "9" * 19])
def test_invalid_cursor_is_refused(service, token, cursor):
    with service.listen(token, Last_Event_ID=cursor) as refused:
        assert (refused.status, refused.problem["code"]) == (400, "invalid_cursor")


def test_request_without_accept_gets_one_event(service, token):
    for accept in ("*/*", "application/json"):
        with service.listen(token, Accept=accept) as stream:
            assert stream.take() == "0"
            assert stream.take() == ENDED


def test_stream_works_with_cookies(service, new_user):
    credentials = {"username": new_user(), "password": "correct horse battery staple", "cookies": True}
    connection = http.client.HTTPConnection(service.address.removeprefix("http://"), timeout=20)
    body = str(credentials).replace("'", '"').replace("True", "true")
    connection.request("POST", "/api/v1/auth/login", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    cookies = "; ".join(line.partition(";")[0] for line in response.headers.get_all("Set-Cookie"))
    connection.close()
    with service.listen(Cookie=cookies) as stream:
        assert stream.take() == "0"


def test_changes_of_another_user_neither_wake_nor_show(service, token, new_user):
    theirs = sign_in(service.address, new_user())["access_token"]
    with service.listen(token) as mine, service.listen(theirs) as other:
        assert (mine.take(), other.take()) == ("0", "0")
        version = add_task(service.address, theirs)["version"]
        assert other.take() == str(version)
        assert mine.is_silent()
        assert not any(mine.comments)  # but heartbeats


def test_stream_needs_a_token(service):
    with service.listen() as refused:
        assert (refused.status, refused.problem["code"]) == (401, "token_missing")


def test_sign_out_ends_the_stream_within_a_second(service, token, new_user):
    with service.listen(token) as stream, service.listen(sign_in(service.address, new_user())["access_token"]) as other:
        assert (stream.take(), other.take()) == ("0", "0")
        assert ask(service.address, "POST", "/auth/logout", token)[0] == 204
        assert stream.seconds_to_end() < SOON
        assert stream.comments[-1:] == ["token_revoked"]
        assert other.is_silent(0.3)


def test_end_of_all_sessions_ends_the_streams_of_each(service, new_user):
    username = new_user()
    first, second = (sign_in(service.address, username)["access_token"] for _ in range(2))
    with service.listen(first) as one, service.listen(second) as two:
        one.take(), two.take()
        assert ask(service.address, "DELETE", "/auth/sessions", first)[0] == 200
        assert max(one.seconds_to_end(), two.seconds_to_end()) < SOON


@needs("admin")
def test_deactivation_ends_the_stream_within_a_second(service, token, new_user, elsewhere):
    admin = sign_in(service.address, new_user("admin"))["access_token"]
    user_id = ask(service.address, "GET", "/me", token)[1]["id"]
    with service.listen(token) as stream:
        stream.take()
        response = elsewhere(admin).patch(f"/api/v1/admin/users/{user_id}", json={"active": False})
        assert response.status_code == 200, response.text
        assert stream.seconds_to_end() < SOON


@needs("personal_tokens")
def test_deleted_personal_token_ends_its_stream_within_a_second(service, token, elsewhere):
    user = elsewhere(token)
    body = {"name": "Script", "permissions": ["task:read"]}
    created = user.post("/api/v1/me/tokens", json=body).json
    with service.listen(created["token"]) as stream, service.listen(token) as other:
        assert (stream.take(), other.take()) == ("0", "0")
        assert user.delete(f"/api/v1/me/tokens/{created['id']}").status_code == 204
        assert stream.seconds_to_end() < SOON
        assert other.is_silent(0.3)


def test_deleted_account_ends_the_stream(service, token):
    with service.listen(token) as stream:
        stream.take()
        assert ask(service.address, "DELETE", "/me", token, {"password": "correct horse battery staple"})[0] == 204
        assert stream.seconds_to_end() < SOON


def test_expired_token_ends_the_stream(service, token, expiring):
    with service.listen(expiring(token, 2 - LEEWAY)) as stream:
        stream.take()
        assert 1 <= stream.seconds_to_end() < 2 + SOON
        assert stream.comments[-1:] == ["token_expired"]


def test_streams_of_a_user_and_of_a_process_are_limited(service, new_user):
    tokens = [sign_in(service.address, new_user())["access_token"] for _ in range(4)]
    service.wait_for_places(service.most)
    with ExitStack() as opened:
        listen = lambda token: opened.enter_context(service.listen(token))  # noqa: E731
        assert [listen(tokens[0]).status for _ in range(3)] == [200] * 3
        refused = listen(tokens[0])
        assert (refused.status, refused.problem["code"]) == (429, "too_many_requests")
        assert refused.response.headers["Retry-After"] == "30"
        streams = [listen(token) for token in tokens[1:] for _ in range(3)]
        assert [stream.status for stream in streams] == [200] * (service.most - 3) + [503] * (12 - service.most)
        assert streams[-1].problem["code"] == "stream_unavailable"
        assert streams[-1].response.headers["Retry-After"] == "30"
        assert ask(service.address, "GET", "/tasks", tokens[0])[0] == 200
    service.wait_for_places(service.most)
    with service.listen(tokens[3]) as stream:
        assert stream.take() == "0"


def test_connections_to_the_database_do_not_grow_with_streams(service, new_user):
    tokens = [sign_in(service.address, new_user())["access_token"] for _ in range(4)]
    with ExitStack() as opened:
        streams = [opened.enter_context(service.listen(each)) for each in tokens]
        assert [stream.take() for stream in streams] == ["0"] * 4
        wait_until(lambda: metric(service.address, "taskapi_pool_connections_in_use") == 1, 5)
    wait_until(lambda: metric(service.address, "taskapi_pool_connections_in_use") == 0, 10)
