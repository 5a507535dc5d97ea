"""Forged and malformed responses of authenticators: none signs anybody in, and none is a server error."""

import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from taskapi.security.jws import base64url_decode, base64url_encode
from tests.extensions.passkeys.authenticator import (
    BACKED_UP,
    PASSKEYS,
    PRESENT,
    SETTINGS,
    SIGN_IN,
    VERIFIED,
    ada,
    encode_key,
    invalid,
    new_person,
    passkey_app,
    refused,
    sign_in_options,
)

__all__ = ["ada", "new_person", "passkey_app"]  # fixtures
pytestmark = [pytest.mark.slow, pytest.mark.one_database]


# What both kinds of responses must not have
FORGED = {
    "another challenge": {"client": {"challenge": base64url_encode(secrets.token_bytes(32))}},
    "no challenge": {"client": {"challenge": ""}},
    "a challenge of another type": {"client": {"challenge": 7}},
    "another origin": {"client": {"origin": "https://evil.example"}},
    "an origin below the domain": {"client": {"origin": "https://evil.tasks.example.org"}},
    "an origin with a port": {"client": {"origin": "https://tasks.example.org:8443"}},
    "plain HTTP": {"client": {"origin": "http://tasks.example.org"}},
    "a frame of another origin": {"client": {"crossOrigin": True}},
    "another domain": {"rp_id": "evil.example"},
    "no verification of the user": {"flags": PRESENT},
    "no presence of the user": {"flags": VERIFIED},
    "no flags": {"flags": 0},
    "impossible flags": {"flags": PRESENT | VERIFIED | BACKED_UP},
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED)
def test_forged_response_is_refused(ada, new_person, changes):
    refused(ada.sign_in(**changes))
    assert ada.sign_in().status_code == 200
    other = new_person()
    invalid(other.add(**changes))
    assert other.client.get(PASSKEYS).json == {"items": []}


def test_response_of_the_other_kind_is_refused(ada, new_person):
    refused(ada.sign_in(client={"type": "webauthn.create"}))
    invalid(new_person().add(client={"type": "webauthn.get"}))


@pytest.mark.parametrize("signature", [b"", b"\0" * 70, b"\x30" * 64], ids=len)
def test_wrong_signature_is_refused(ada, signature):
    response = ada.sign_in(signature=signature)
    if signature:
        refused(response)
    else:
        refused(response, "validation_failed", 422)


@pytest.mark.parametrize("change", ["pad", "cut", "forge", "time"])
def test_changed_challenge_is_refused(ada, change):
    options = sign_in_options(ada.app)
    text = base64url_decode(options["challenge"]).decode()
    body, time, signature = text.split(".")
    other = ("A" if signature[0] != "A" else "B") + signature[1:]
    changed = {
        "pad": f"{text}==",
        "cut": text[:-2],
        "forge": f"{body}.{time}.{other}",
        "time": f"{body}.AAAAAA.{signature}",
    }
    refused(ada.sign_in({**options, "challenge": base64url_encode(changed[change].encode())}))


def test_challenge_of_another_deployment_is_refused(ada, make_app):
    refused(ada.sign_in(sign_in_options(make_app(**SETTINGS))))


def other_key(alg, key=None):
    return encode_key(key or ec.generate_private_key(ec.SECP256R1()), alg)


KEYS = {
    "an algorithm that was not offered": other_key(-36),
    "RSA with SHA-1": other_key(-65535, rsa.generate_private_key(65537, 1024)),
    "RSA with 1,024 bits": other_key(-257, rsa.generate_private_key(65537, 1024)),
    "no key": b"",
    "no CBOR": b"\xff\xff",
    "a number": b"\x01",
    "no map of a key": b"\xa0",
    "a point that is not on the curve": encode_key(ec.generate_private_key(ec.SECP256R1()))[:-32] + b"\1" * 32,
    "an endless array": b"\x9f" * 500,
    "a huge length": b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_unusable_key_is_refused(new_person, key):
    invalid(new_person().add(public_key=key))


@pytest.mark.parametrize("object_", [b"", b"\xff", b"\xa0", b"\x81" * 3000, b"x" * 200], ids=len)
def test_malformed_attestation_is_refused(new_person, object_):
    response = new_person().add(object=object_)
    assert response.status_code == 422


@pytest.mark.parametrize("form", ["tpm", "android-key", "android-safetynet", "fido-u2f", "apple", "nonsense", 7])
def test_other_attestations_are_refused(new_person, form):
    invalid(new_person().add(statement={"fmt": form, "attStmt": {"sig": b"x", "alg": -7, "x5c": [b"x"]}}))


@pytest.mark.parametrize("x5c", [[b"x"], [b"x" * 1000] * 5, "text", {}])
def test_certificates_are_never_read(new_person, x5c):
    invalid(new_person().add(statement={"fmt": "packed", "attStmt": {"sig": b"x", "alg": -7, "x5c": x5c}}))


def test_id_beside_the_response_must_be_that_of_the_response(new_person):
    person = new_person()
    credential = person.authenticator.create(person.options())
    credential["rawId"] = base64url_encode(secrets.token_bytes(32))
    invalid(person.client.post(PASSKEYS, json={"name": "Phone", "credential": credential}))


ODD = [None, 7, "x", [], {}, {"rawId": "x"}, {"rawId": "x", "response": {}}, {"rawId": 7, "response": []}]


@pytest.mark.parametrize("credential", ODD, ids=repr)
def test_credential_without_its_members_is_422(ada, credential):
    response = ada.app.test_client().post(SIGN_IN, json={"credential": credential})
    assert response.json["code"] == "validation_failed"
    assert ada.client.post(PASSKEYS, json={"name": "x", "credential": credential}).json["code"] == "validation_failed"


TEXTS = ["x", "x" * 2000, "\u00e9", "====", "AAAA\n", "-_-_", "\U0001f4a9", "A A"]


@pytest.mark.parametrize("member", ["rawId", "clientDataJSON", "authenticatorData", "signature", "userHandle"])
def test_no_text_is_a_server_error(ada, passkey_app, member):
    for text in TEXTS:
        credential = ada.authenticator.get(sign_in_options(passkey_app))
        (credential if member == "rawId" else credential["response"])[member] = text
        response = passkey_app.test_client().post(SIGN_IN, json={"credential": credential})
        assert response.status_code in {401, 422}, text


CLIENT_DATA = [b"null", b"[]", b"{}", b"7", b"[" * 3000, b'{"type":"webauthn.get"}', b"\xff\xfe", b'"' + b"x" * 2000]


@pytest.mark.parametrize("text", CLIENT_DATA, ids=lambda text: repr(text)[:20])
def test_malformed_client_data_is_refused(ada, passkey_app, text):
    credential = ada.authenticator.get(sign_in_options(passkey_app))
    credential["response"]["clientDataJSON"] = base64url_encode(text)
    refused(passkey_app.test_client().post(SIGN_IN, json={"credential": credential}))


def test_huge_body_is_refused_before_it_is_decoded(ada, passkey_app):
    credential = ada.authenticator.get(sign_in_options(passkey_app))
    credential["response"]["signature"] = "A" * 900_000
    response = passkey_app.test_client().post(SIGN_IN, json={"credential": credential})
    refused(response, "validation_failed", 422)
    credential["response"]["signature"] = "A" * 2_000_000
    refused(passkey_app.test_client().post(SIGN_IN, json={"credential": credential}), "body_too_large", 413)


def test_host_header_has_no_influence(ada, passkey_app):
    client = passkey_app.test_client()
    options = client.post(f"{SIGN_IN}/options", base_url="https://evil.example").json["options"]
    assert options["rpId"] == SETTINGS["PASSKEY_RP_ID"]
    credential = ada.authenticator.get(options, client={"origin": "https://evil.example"})
    refused(client.post(SIGN_IN, json={"credential": credential}, base_url="https://evil.example"))


def test_log_has_the_reason_and_no_secret(new_person, make_app, capsys):
    person = new_person(app=make_app(**SETTINGS, LOG_LEVEL="info"))
    person.added()
    capsys.readouterr()
    refused(person.sign_in(client={"origin": "https://evil.example/" + "x" * 2000}))
    [line] = [line for line in capsys.readouterr().err.splitlines() if "rejected" in line]
    assert "https://evil.example/xxx" in line
    assert len(line) < 600
