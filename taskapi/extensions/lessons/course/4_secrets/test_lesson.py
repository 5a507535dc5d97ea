"""The tests of lesson 4. The docstring of each test says what the service must do."""

import hmac
import os
import runpy
import secrets
from base64 import urlsafe_b64decode

import jwt
import pytest

ADA = {"username": "ada", "password": "analytical engine"}
GOOD = secrets.token_hex(32)
WORDS = ["password", "letmein", "qwerty", "secret", "changeme", "jwt-secret", "dev", "your-256-bit-secret"]


def load(**environ):
    """Start the service with these variables in its environment, without any other LESSON_... variable."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("LESSON_")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", {**others, **environ})
        return runpy.run_path("app.py")["app"]


def token_of(app):
    """Return a token of ada."""
    return app.test_client().post("/login", json=ADA).json["token"]


def why_not_started(**environ):
    """Return the message with which the service refuses to start, or None if it starts."""
    try:
        load(**environ)
    except SystemExit as refusal:
        return str(refusal)
    return None


@pytest.fixture(scope="module")
def app():
    """Return the service, started with a good key."""
    return load(LESSON_KEY=GOOD)


def test_key_is_not_in_word_list(app):
    """The key must be one that a list of eight common secrets does not contain."""
    text, _, signature = token_of(app).rpartition(".")
    expected = urlsafe_b64decode(signature + "=")
    found = [word for word in WORDS if hmac.digest(word.encode(), text.encode(), "sha256") == expected]
    assert found == []


def test_key_comes_from_environment(app):
    """The service signs with the bytes of the environment variable LESSON_KEY, so that tokens survive a restart."""
    assert jwt.decode(token_of(app), GOOD.encode(), algorithms=["HS256"], audience="lessons")["sub"] == "ada"


def test_service_does_not_start_without_key():
    """The service does not start without a key: it raises SystemExit with a message that contains LESSON_KEY."""
    assert "LESSON_KEY" in str(why_not_started())


def test_service_does_not_start_with_short_key():
    """The service does not start with a key of fewer than 32 bytes, and says so by SystemExit and LESSON_KEY."""
    assert "LESSON_KEY" in str(why_not_started(LESSON_KEY=secrets.token_hex(32)[:31]))


@pytest.mark.parametrize("key", ["a" * 64, "0123" * 16, "my-jwt-secret-key-that-is-long-enough", "CHANGEME" * 5])
def test_service_does_not_start_with_guessable_key(key):
    """The service does not start if its key contains "secret" or "change", or fewer than 8 different characters."""
    assert "LESSON_KEY" in str(why_not_started(LESSON_KEY=key))


def test_service_does_not_start_with_pem():
    """The service does not start with a PEM file as its key."""
    pem = f"-----BEGIN PUBLIC KEY-----\n{secrets.token_hex(40)}\n-----END PUBLIC KEY-----"
    assert "LESSON_KEY" in str(why_not_started(LESSON_KEY=pem))


def test_message_does_not_contain_key():
    """The message does not contain the rejected key, because messages are stored in logs."""
    weak = f"my-secret-{secrets.token_hex(4)}"
    assert weak not in str(why_not_started(LESSON_KEY=weak))


def test_key_comes_from_file(tmp_path):
    """The service reads the key from the file that LESSON_KEY_FILE names, without the newline at its end."""
    (tmp_path / "key").write_text(f"{GOOD}\n")
    token = token_of(load(LESSON_KEY_FILE=str(tmp_path / "key")))
    assert jwt.decode(token, GOOD.encode(), algorithms=["HS256"], audience="lessons")["sub"] == "ada"


def test_weak_key_in_file_is_rejected_too(tmp_path):
    """The service does not start with a weak key in the file of LESSON_KEY_FILE."""
    (tmp_path / "key").write_text("changeme\n")
    assert "LESSON_KEY" in str(why_not_started(LESSON_KEY_FILE=str(tmp_path / "key")))
