"""Invalid keys: the service does not start, names the setting, and shows no secret."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from taskapi.config import SettingsError
from taskapi.security.keys.key import generate_key
from tests.conftest import AppFactory
from tests.key_sets import KeySetFile, new_key, pem, public, rsa_pem

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

ENCRYPTED = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase")
)


@pytest.mark.parametrize(
    ("settings", "name", "why"),
    [
        ({"JWT_SECRET_KEY": "s" * 32, "JWT_ALGORITHM": "HS512"}, "JWT_SECRET_KEY", "at least 64 bytes"),
        ({"JWT_SECRET_KEY": "s" * 32, "JWT_ALGORITHM": "ES256"}, "JWT_SECRET_KEY", "not of the kind that ES256"),
        ({"JWT_SECRET_KEY": pem("ES256", private=False)}, "JWT_SECRET_KEY", "not an HMAC secret"),
        ({"JWT_SECRET_KEY": " \n" + pem("ES256", private=False)}, "JWT_SECRET_KEY", "not an HMAC secret"),
        ({"JWT_SECRET_KEY": json.dumps(generate_key("ES256"))}, "JWT_SECRET_KEY", "not an HMAC secret"),
        ({"JWT_PRIVATE_KEY": pem("ES256", private=False)}, "JWT_PRIVATE_KEY", "public key where a private one"),
        ({"JWT_PRIVATE_KEY": "s" * 64}, "JWT_PRIVATE_KEY", "not a PEM key"),
        ({"JWT_PRIVATE_KEY": ENCRYPTED.decode()}, "JWT_PRIVATE_KEY", "encrypted"),
        ({"JWT_PRIVATE_KEY": pem("ES256"), "JWT_ALGORITHM": "ES384"}, "JWT_PRIVATE_KEY", "P-384"),
        ({"JWT_PRIVATE_KEY": pem("ES256"), "JWT_ALGORITHM": "RS256"}, "JWT_PRIVATE_KEY", "RSA"),
        ({"JWT_PRIVATE_KEY": rsa_pem(1024)}, "JWT_PRIVATE_KEY", "2048 bits"),
        ({"JWT_PRIVATE_KEY": pem("ES256"), "JWT_SECRET_KEY": "s" * 32}, "JWT_SECRET_KEY", "only one"),
        ({"JWT_ALGORITHM": "none"}, "JWT_ALGORITHM", "Must be one of"),
        ({"JWT_KEYS": "/nowhere/keys.json"}, "JWT_KEYS", "cannot be read"),
        ({"JWT_KEYS": "env:NOT_THERE"}, "JWT_KEYS", "is not set"),
        ({"JWT_KEYS": "ftp://host/keys"}, "JWT_KEYS", "unknown scheme: ftp://"),
    ],
)
def test_service_does_not_start_with_an_invalid_key(make_app: AppFactory, settings, name, why):
    with pytest.raises(SettingsError) as caught:
        make_app(**settings)
    assert f"TASKAPI_{name}" in caught.value.message
    assert why in caught.value.message


def mixed() -> dict[str, Any]:
    """Return the private half of one key with the public half of another."""
    return {**new_key("ES256"), "d": generate_key("ES256")["d"]}


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([], "no key for tokens"),
        ([new_key("HS256", use="seal")], "no key for tokens"),
        ([new_key("ES256"), new_key("ES256")], "2 keys with the state signing"),
        ([new_key("ES256", "staged")], "no key with the state signing"),
        ([new_key("ES256") | {"kid": "a"}, new_key("ES256", "staged") | {"kid": "a"}], "two keys with the same kid"),
        ([new_key("ES256") | {"alg": "ES512"}], "has the algorithm ES512"),
        ([new_key("ES256") | {"alg": "HS256"}], "not of the kind that HS256 needs"),
        ([new_key("ES256") | {"crv": "P-384"}], "not of the kind that ES256 needs"),
        ([new_key("ES256") | {"x": "AAAA"}], "not a valid EC key"),
        ([new_key("ES256") | {"state": "asleep"}], "'asleep'"),
        ([new_key("ES256") | {"use": "enc"}], "'enc'"),
        ([new_key("ES256") | {"kid": 7}], "kid that is not text"),
        ([new_key("EdDSA") | {"crv": "Ed448"}], "not of the kind that EdDSA needs"),
        ([mixed()], "not a valid EC key"),
        ([new_key("HS256") | {"k": "c2hvcnQ"}], "at least 32 bytes"),
        ([new_key("HS384") | {"k": generate_key("HS256")["k"]}], "at least 48 bytes"),
        ([public(new_key("ES256")) | {"state": "signing"}], "a public key where a private one is needed"),
    ],
)
def test_service_does_not_start_with_an_invalid_key_set(serve, members, why):
    with pytest.raises(SettingsError) as caught:
        serve(*members)
    assert caught.value.message.startswith("TASKAPI_JWT_KEYS: ")
    assert why in caught.value.message


def test_refusal_shows_no_part_of_the_key(serve):
    jwk = new_key("ES256") | {"alg": "ES384"}
    with pytest.raises(SettingsError) as caught:
        serve(jwk)
    assert jwk["d"] not in str(caught.value.message)


def test_rsa_key_below_3072_bits_logs_advice(make_app: AppFactory, caplog):
    make_app(JWT_PRIVATE_KEY=rsa_pem(2048))
    assert "has 2048 bits; at least 3072 are advised" in caplog.text


def test_algorithm_setting_must_match_the_signing_key(make_app: AppFactory, key_set_file: KeySetFile):
    key_set_file.write(new_key("ES256"))
    with pytest.raises(SettingsError, match="TASKAPI_JWT_ALGORITHM: The signing key is for ES256"):
        make_app(JWT_KEYS=str(key_set_file.path), JWT_ALGORITHM="EdDSA")
