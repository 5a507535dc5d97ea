"""Where the key set is read from: variables and files."""

import pytest

from taskapi.config import SettingsError
from taskapi.security.keys import key_set
from tests.conftest import AppFactory
from tests.key_sets import GOOD, answer_to, new_key

pytestmark = pytest.mark.slow


def test_key_set_in_a_variable_is_used(make_app: AppFactory, enter, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KEYS_OF_OURS", key_set.format_members([new_key("ES256")]))
    app = make_app(JWT_KEYS="env:KEYS_OF_OURS")
    assert answer_to(app, enter(app)) == GOOD


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
def test_key_set_file_written_by_powershell_is_used(make_app, enter, key_set_file, encoding):
    key_set_file.path.write_text(key_set.format_members([new_key("ES256")]), encoding=encoding)
    app = make_app(JWT_KEYS=str(key_set_file.path))
    assert answer_to(app, enter(app)) == GOOD
