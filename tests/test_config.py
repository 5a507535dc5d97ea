"""Settings: their sources, which source wins, and invalid ones, which are all reported by name."""

import secrets
from pathlib import Path

import pytest

from taskapi.config import SettingsError
from taskapi.config.sources import kubernetes_names, load_settings, unknown_names
from tests.key_sets import pem

STRONG = secrets.token_urlsafe(32)
PRODUCTION = {
    "ENV": "production",
    "JWT_SECRET_KEY": STRONG,
    "TRUSTED_HOSTS": "tasks.example.org",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working directory, which is the instance folder too."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def setenv(monkeypatch):
    """Set environment variables by our names."""
    return lambda **names: [monkeypatch.setenv(f"TASKAPI_{name}", str(value)) for name, value in names.items()]


def load(**overrides):
    return load_settings(overrides, str(Path.cwd()))


def refusal(**overrides):
    with pytest.raises(SettingsError) as caught:
        load(**overrides)
    return caught.value.message


def test_with_nothing_set_the_embedded_database_is_used(folder):
    settings = load()
    assert (settings.embedded, settings.env, settings.instance_path) == (True, "development", str(folder))


def test_each_source_is_stronger_than_the_one_before(folder, setenv):
    (folder / "config.py").write_text("BCRYPT_ROUNDS = 5\n")
    seen = [load().bcrypt_rounds]
    (folder / ".env").write_text("TASKAPI_BCRYPT_ROUNDS=6\n")
    seen.append(load().bcrypt_rounds)
    setenv(BCRYPT_ROUNDS=7)
    seen.append(load().bcrypt_rounds)
    seen.append(load(BCRYPT_ROUNDS=8).bcrypt_rounds)
    assert seen == [5, 6, 7, 8]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_secret_file_is_read_without_its_line_end(folder, setenv, end):
    (folder / "key").write_bytes(f"{STRONG}{end}".encode())
    setenv(JWT_SECRET_KEY_FILE=folder / "key")
    assert load().jwt_secret_key == STRONG


def test_file_variable_overrides_dotenv(folder, setenv):
    (folder / ".env").write_text("TASKAPI_BCRYPT_ROUNDS=6\n")
    (folder / "rounds").write_text("7\n")
    setenv(BCRYPT_ROUNDS_FILE=folder / "rounds")
    assert load().bcrypt_rounds == 7


def test_plain_database_url_is_the_fallback(setenv, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://bare/db")
    assert load().database_url == "postgres://bare/db"
    setenv(DATABASE_URL="postgresql://ours/db")
    assert load().database_url == "postgresql://ours/db"


def test_empty_value_counts_as_unset(setenv):
    setenv(BCRYPT_ROUNDS="", DATABASE_URL="")
    assert (load().bcrypt_rounds, load().embedded) == (12, True)


def test_all_errors_are_reported_at_once_by_name(setenv):
    setenv(BCRYPT_ROUNDS="many", ENV="staging", REGISTRATION_ENABLED="yes", MAX_BODY_BYTES_FILE="/nowhere")
    lines = refusal(PASSWORD_MIN_LENGTH=3, JWT_SECRET_KEY="short").splitlines()
    assert [line.split(":")[0].removeprefix("TASKAPI_") for line in lines] == [
        "BCRYPT_ROUNDS",
        "ENV",
        "JWT_SECRET_KEY",
        "MAX_BODY_BYTES_FILE",
        "PASSWORD_MIN_LENGTH",
        "REGISTRATION_ENABLED",
    ]


@pytest.mark.parametrize("value", ["1.5", " 5", "1_0", "5 rounds", "\N{ARABIC-INDIC DIGIT FIVE}", 5.5, True])
def test_integer_is_written_in_digits(value):
    assert "must be a whole number" in refusal(BCRYPT_ROUNDS=value).lower()


@pytest.mark.parametrize("value", ["1", "yes", "True", "on"])
def test_boolean_is_true_or_false(value):
    assert refusal(REGISTRATION_ENABLED=value) == "TASKAPI_REGISTRATION_ENABLED: Must be true or false."


def test_list_is_comma_separated(setenv):
    setenv(TRUSTED_HOSTS="a.example, b.example,")
    assert load().trusted_hosts == ("a.example", "b.example")
    assert load(TRUSTED_HOSTS=["c.example"]).trusted_hosts == ("c.example",)
    assert "comma-separated" in refusal(TRUSTED_HOSTS=5)


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "tasks.db", "postgresql://user:hidden@host:port/db"]
)
def test_invalid_database_url_is_rejected_without_repeating_it(url):
    message = refusal(DATABASE_URL=url)
    assert message.startswith("TASKAPI_DATABASE_URL: ")
    assert "hidden" not in message


@pytest.mark.parametrize("url", ["localhost:6379", "redis://:hidden@host:port/0", "http://host"])
def test_invalid_redis_url_is_rejected_without_repeating_it(url):
    assert refusal(REDIS_URL=url) == "TASKAPI_REDIS_URL: Must be redis://…, rediss://… or unix://…."


def test_misspelt_environment_names_are_found(folder, setenv):
    (folder / ".env").write_text("TASKAPI_BCRYPT_ROUNDZ=6\n")
    setenv(LOG_LEVLE="info", TEST_DATABASE_URL="postgresql:///", REQUIRE_SERVICES="1", JWT_SECRET_KEY_FILE="/key")
    assert unknown_names() == ["TASKAPI_BCRYPT_ROUNDZ", "TASKAPI_LOG_LEVLE"]


def test_kubernetes_names_are_not_reported_as_misspelt(setenv):
    links = {
        "SERVICE_HOST": "10.0.0.1", "SERVICE_PORT": "8000", "SERVICE_PORT_HTTP": "8000", "PORT": "tcp://10.0.0.1:8000",
        "PORT_8000_TCP": "tcp://10.0.0.1:8000", "PORT_8000_TCP_PROTO": "tcp", "PORT_8000_TCP_PORT": "8000",
        "PORT_8000_TCP_ADDR": "10.0.0.1", "WEB_SERVICE_HOST": "10.0.0.2", "WEB_PORT": "udp://10.0.0.2:80",
        "WEB_PORT_80_UDP_ADDR": "10.0.0.2",
    }  # fmt: skip
    setenv(**links, TRUSTED_HOST="example.org")
    assert kubernetes_names() == sorted(f"TASKAPI_{name}" for name in links)
    assert unknown_names() == ["TASKAPI_TRUSTED_HOST"]
    setenv(PORT="8000")  # somebody means PORT
    assert unknown_names() == ["TASKAPI_PORT", "TASKAPI_TRUSTED_HOST"]


TEXT_ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]


def encoded(text, encoding):
    """Return text as Windows programs write it: with a byte order mark for UTF-16, and CRLF."""
    mark = "\ufeff" if encoding in {"utf-16-le", "utf-16-be"} else ""
    return (mark + text.replace("\n", "\r\n")).encode(encoding)


@pytest.mark.parametrize("encoding", TEXT_ENCODINGS)
def test_dotenv_is_read_in_the_encodings_of_windows(folder, encoding):
    lines = f"TASKAPI_BCRYPT_ROUNDS=6\nTASKAPI_JWT_SECRET_KEY={STRONG}\nTASKAPI_LOG_LEVLE=info\n"
    (folder / ".env").write_bytes(encoded(lines, encoding))
    assert (load().bcrypt_rounds, load().jwt_secret_key) == (6, STRONG)
    assert unknown_names() == ["TASKAPI_LOG_LEVLE"]


@pytest.mark.parametrize("encoding", TEXT_ENCODINGS)
def test_secret_file_is_read_in_the_encodings_of_windows(folder, setenv, encoding):
    (folder / "key").write_bytes(encoded(f"{STRONG}\n", encoding))
    setenv(JWT_SECRET_KEY_FILE=folder / "key")
    assert load().jwt_secret_key == STRONG


@pytest.mark.parametrize(
    "data",
    ["key".encode("utf-16-le"), "key \N{LATIN SMALL LETTER E WITH ACUTE}".encode("latin-1")],
    ids=["utf-16", "latin-1"],
)
def test_other_encodings_are_refused_in_a_line(folder, setenv, data):
    (folder / ".env").write_bytes(data)
    assert refusal() == f"{folder / '.env'}: Is neither UTF-8 nor UTF-16 text."
    (folder / ".env").rename(folder / "key")
    setenv(JWT_SECRET_KEY_FILE=folder / "key")
    assert refusal() == f"TASKAPI_JWT_SECRET_KEY_FILE: {folder / 'key'} is neither UTF-8 nor UTF-16 text."


def test_value_that_begins_with_a_byte_order_mark_is_refused(setenv):
    setenv(JWT_SECRET_KEY=f"\ufeff{STRONG}")
    assert refusal() == "TASKAPI_JWT_SECRET_KEY: Begins with a byte order mark (U+FEFF). Remove it."


MODES = pytest.mark.parametrize(
    ("mode", "starts"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False), (0o666, False)]
)


@MODES
@pytest.mark.parametrize("name", ["JWT_SECRET_KEY", "JWT_PRIVATE_KEY"])
def test_production_refuses_a_key_file_that_others_may_use(folder, setenv, name, mode, starts):
    key = folder / "key"
    key.write_text(STRONG if name == "JWT_SECRET_KEY" else pem("ES256"))
    key.chmod(mode)
    setenv(**{f"{name}_FILE": key})
    settings = {name: value for name, value in PRODUCTION.items() if name != "JWT_SECRET_KEY"}
    if starts:
        assert load(**settings).production
    else:
        says = f"TASKAPI_{name}_FILE: {key} has mode {mode:04o}, so that others may use the key: chmod 600 {key}."
        assert refusal(**settings) == says
        assert not load(**settings | {"ENV": "development"}).production


def test_misspelt_name_in_a_file_or_override_is_rejected(folder):
    (folder / "config.py").write_text("BCRYPT_ROUNDZ = 5\n")
    message = refusal(LOG_LEVLE="info")
    assert "BCRYPT_ROUNDZ" in message
    assert "LOG_LEVLE" in message


def test_failing_config_file_is_a_one_line_error(folder):
    (folder / "config.py").write_text("BCRYPT_ROUNDS = \n")
    message = refusal()
    assert message.startswith(f"{folder / 'config.py'}: Cannot be run: SyntaxError")
    assert "\n" not in message


def test_uncreatable_instance_folder_is_a_one_line_error(folder):
    (folder / "file").touch()
    message = refusal(INSTANCE_PATH=str(folder / "file" / "instance"))
    assert message.startswith("TASKAPI_INSTANCE_PATH: The folder ")
    assert "\n" not in message


def test_secrets_stay_out_of_repr():
    shown = repr(load(JWT_SECRET_KEY=STRONG, DATABASE_URL="postgresql://user:hidden@host/db"))
    assert STRONG not in shown
    assert "hidden" not in shown


def test_production_starts_on_settings_that_are_fit():
    assert load(**PRODUCTION).production


@pytest.mark.parametrize("name", ["TRUSTED_HOSTS", "REDIS_URL"])
def test_production_does_not_start_without(name):
    assert refusal(**PRODUCTION | {name: None}).startswith(f"TASKAPI_{name}: Must be set in production")


def test_message_names_the_number_of_characters():
    assert refusal(JWT_ISSUER="x" * 201) == "TASKAPI_JWT_ISSUER: Must have 1 to 200 characters."


def test_production_without_a_key_names_all_settings_for_one():
    message = refusal(**PRODUCTION | {"JWT_SECRET_KEY": None})
    assert message.startswith("TASKAPI_JWT_KEYS: Must be set in production, or else TASKAPI_JWT_SECRET_KEY or ")


@pytest.mark.parametrize(
    "key",
    [
        "your-256-bit-secret-your-256-bit",
        "a-string-secret-at-least-256-bits-long",
        "0123456789abcdef0123456789abcdef",
        "abcdefghijklmnopqrstuvwxyz012345",
        "Please change this before you go live!",
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "x" * 64,
    ],
)
def test_production_rejects_a_guessable_key_without_repeating_it(key):
    message = refusal(**PRODUCTION | {"JWT_SECRET_KEY": key})
    assert message == "TASKAPI_JWT_SECRET_KEY: Is well known or easily guessed."


@pytest.mark.parametrize(
    ("make", "size"), [(secrets.token_hex, 16), (secrets.token_hex, 64), (secrets.token_urlsafe, 32)]
)
def test_production_takes_random_keys(make, size):
    key = make(size)
    assert load(**PRODUCTION | {"JWT_SECRET_KEY": key}).jwt_secret_key == key


@pytest.mark.parametrize("value", ["1", "true"])
def test_production_does_not_start_in_debug_mode(monkeypatch, value):
    monkeypatch.setenv("FLASK_DEBUG", value)
    assert refusal(**PRODUCTION).startswith("TASKAPI_ENV: FLASK_DEBUG must not be set in production")
    assert not load(**PRODUCTION | {"ENV": "development"}).production
    monkeypatch.setenv("FLASK_DEBUG", "0")
    assert load(**PRODUCTION).production


@pytest.mark.parametrize("env", ["development", "production"])
def test_short_key_is_rejected_in_every_environment(env):
    message = refusal(**PRODUCTION | {"ENV": env, "JWT_SECRET_KEY": secrets.token_hex(15)})
    assert message == "TASKAPI_JWT_SECRET_KEY: Must have at least 32 bytes (RFC 7518, section 3.2)."


def test_pem_key_is_rejected_as_hmac_secret():
    assert "PEM" in refusal(JWT_SECRET_KEY="-----BEGIN PUBLIC KEY-----\n" + STRONG)


@pytest.mark.parametrize(("key", "warns"), [("password" * 8, True), ("J7pd3mXkqKZz0wTQfR9uYbLhVs4nEcAi", False)])
def test_development_warns_of_a_guessable_key(make_app, caplog, key, warns):
    make_app(JWT_SECRET_KEY=key)
    assert ("TASKAPI_JWT_SECRET_KEY is well known or easily guessed" in caplog.text) == warns
    assert key not in caplog.text
