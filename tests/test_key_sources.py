"""Where the key set is read from: variables, files and stores."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import pytest
from forging import sign

from taskapi.config import SettingsError
from taskapi.security.keys import key_set, sources
from tests.conftest import AppFactory
from tests.key_sets import GOOD, REFUSED, new_key, try_token

pytestmark = [pytest.mark.slow, pytest.mark.one_database]


def test_key_set_in_a_variable_is_used(make_app: AppFactory, new_token, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KEYS_OF_OURS", key_set.format_members([new_key("ES256")]))
    app = make_app(JWT_KEYS="env:KEYS_OF_OURS")
    assert try_token(app, new_token(app)) == GOOD


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_production_refuses_a_readable_key_set_file(make_app, key_set_file, redis_url, mode):
    key_set_file.write(new_key("ES256"))
    key_set_file.path.chmod(mode)
    production = {"ENV": "production", "TRUSTED_HOSTS": "localhost", "REDIS_URL": redis_url}
    with pytest.raises(SettingsError) as caught:
        make_app(JWT_KEYS=str(key_set_file.path), **production)
    path = key_set_file.path
    assert caught.value.message == (
        f"TASKAPI_JWT_KEYS: {path} has mode {mode:04o}, so that others may use the key: chmod 600 {path}."
    )
    result = make_app(JWT_KEYS=str(path)).test_cli_runner().invoke(args=["doctor"])
    assert f"warn  signing_key  {path} has mode {mode:04o}" in result.output
    path.chmod(0o600)
    app = make_app(JWT_KEYS=str(path), **production)
    assert "mode" not in app.test_cli_runner().invoke(args=["doctor"]).output


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_key_set_file_written_by_powershell_is_used(make_app, new_token, key_set_file, encoding):
    key_set_file.path.write_text(key_set.format_members([new_key("ES256")]), encoding=encoding)
    app = make_app(JWT_KEYS=str(key_set_file.path))
    assert try_token(app, new_token(app)) == GOOD


def test_only_one_unknown_key_id_waits_for_a_slow_store(make_app, new_token, advance_clock, monkeypatch):
    """Tokens with an unknown kid need no account, so they must not occupy all threads of the server."""
    text, store_answers, reading = key_set.format_members([new_key("ES256")]), Event(), Semaphore(0)
    store_answers.set()

    def read():
        reading.release()
        assert store_answers.wait(30)
        return text

    monkeypatch.setitem(sources._STORES, "slow", lambda location: sources.Source(location, read, remote=True))
    app = make_app(JWT_KEYS="slow://keys", JWT_KEYS_RELOAD_SECONDS=600)
    token, unknown = new_token(app), sign({"alg": "HS256", "kid": "unknown", "typ": "at+jwt"}, {})
    assert reading.acquire(timeout=30)
    advance_clock(6)
    store_answers.clear()
    with ThreadPoolExecutor(8) as threads:
        try:
            first = threads.submit(try_token, app, unknown)
            assert reading.acquire(timeout=30)
            others = [threads.submit(try_token, app, unknown) for _ in range(7)]
            assert [other.result(timeout=10) for other in others] == [REFUSED] * 7
            assert try_token(app, token) == GOOD
            assert not first.done()
        finally:
            store_answers.set()
    assert first.result() == REFUSED
