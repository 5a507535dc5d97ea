"""Attacks with forged tokens of RSA, ECDSA and Ed25519 keys: each is a 401."""

import hashlib
import hmac
import json
import socket
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask

from taskapi.security.jws import base64url_decode
from tests.forging import assert_refused, b64, decode_token, signing_input
from tests.key_sets import ASYMMETRIC, GOOD, KeySetFile, bearer, new_key, public, try_token

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

HMACS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def attempt(app: Flask, token: str) -> None:
    """Send a forged token, and assert that it is refused."""
    assert_refused(bearer(app, token).get("/api/v1/me"), "token_invalid")


def pyjwk(member: dict[str, Any]) -> jwt.PyJWK:
    """Return a key for PyJWT, which knows Ed25519 as EdDSA only."""
    return jwt.PyJWK({**member, "alg": "EdDSA"} if member["alg"] == "Ed25519" else member)


def hmac_signed(header: dict[str, Any], claims: dict[str, Any], secret: bytes, alg: str) -> str:
    text = signing_input({**header, "alg": alg}, claims)
    return f"{text}.{b64(hmac.digest(secret, text.encode(), HMACS[alg]))}"


def signed(header: dict[str, Any], claims: dict[str, Any], member: dict[str, Any]) -> str:
    """Sign with the algorithm of the key, independent of the header."""
    text = signing_input(header, claims)
    key = pyjwk(member)
    return f"{text}.{b64(key.Algorithm.sign(text.encode(), key.key))}"


def spellings(member: dict[str, Any]) -> dict[str, bytes]:
    """Return the public key in every form that a verifier might use as an HMAC secret."""
    key = pyjwk(member).key.public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    lines = pem.decode().splitlines()
    bare = public(member)
    forms = {
        "pem": pem,
        "pem without its last newline": pem.rstrip(),
        "pem on one line": b"".join(pem.splitlines()),
        "pem with CRLF": pem.replace(b"\n", b"\r\n"),
        "body of the pem": "\n".join(lines[1:-1]).encode(),
        "body of the pem on one line": "".join(lines[1:-1]).encode(),
        "der": key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(bare).encode(),
        "jwk set": json.dumps({"keys": [bare]}).encode(),
        "x or n": str(bare.get("x") or bare["n"]).encode(),
        "bytes of x or n": base64url_decode(bare.get("x") or bare["n"]),
        "kid": member["kid"].encode(),
        "nothing": b"",
    }
    if member["kty"] == "RSA":
        forms["pkcs1 pem"] = key.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        forms["pkcs1 der"] = key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return forms


@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_public_key_is_never_used_as_a_secret(serve, new_token, alg):
    member = new_key(alg)
    app = serve(member, new_key("HS256", "verifying"))
    header, claims = decode_token(new_token(app))
    for secret in spellings(member).values():
        for by in HMACS:
            attempt(app, hmac_signed(header, claims, secret, by))


def test_public_key_cannot_sign_under_the_kid_of_a_secret(serve, new_token):
    member, secret = new_key("RS256"), new_key("HS256", "verifying")
    app = serve(member, secret)
    header, claims = decode_token(new_token(app))
    for spelling in spellings(member).values():
        attempt(app, hmac_signed({**header, "kid": secret["kid"]}, claims, spelling, "HS256"))


@pytest.mark.parametrize("alg", [*ASYMMETRIC, "HS256"])
def test_algorithm_none_is_refused(serve, new_token, alg):
    app = serve(new_key(alg))
    token = new_token(app)
    header, claims = decode_token(token)
    for none in ("none", "None", "NONE", "nOnE", "", None):
        text = signing_input({**header, "alg": none}, claims)
        attempt(app, f"{text}.{token.rsplit('.', 1)[1]}")
        attempt(app, f"{text}.")


def test_key_is_accepted_with_its_own_algorithm_only(serve, new_token):
    """A key is accepted with the one algorithm that the key set names, even if its owner signs."""
    member = new_key("RS256")
    app = serve(member)
    header, claims = decode_token(new_token(app))
    for by in ("RS384", "RS512", "PS256", "PS384", "PS512"):
        attempt(app, signed({**header, "alg": by}, claims, {**member, "alg": by}))
        attempt(app, signed(header, claims, {**member, "alg": by}))


def test_token_must_name_the_key_that_signed_it(serve, new_token):
    """Each of two valid keys verifies its own tokens only."""
    one, two = new_key("ES256"), new_key("ES256", "verifying")
    app = serve(one, two)
    header, claims = decode_token(new_token(app))
    assert try_token(app, signed({**header, "kid": two["kid"]}, claims, two)) == GOOD
    attempt(app, signed({**header, "kid": one["kid"]}, claims, two))


def test_sealing_key_cannot_sign_tokens(serve, new_token):
    seal = new_key("HS256", use="seal")
    app = serve(new_key("ES256"), seal)
    header, claims = decode_token(new_token(app))
    attempt(app, hmac_signed({**header, "kid": seal["kid"]}, claims, base64url_decode(seal["k"]), "HS256"))


def test_retired_key_cannot_sign_tokens(serve, new_token):
    retired = new_key("ES256")
    app = serve(new_key("EdDSA"), public(retired) | {"state": "retired"})
    header, claims = decode_token(new_token(app))
    attempt(app, signed({**header, "alg": "ES256", "kid": retired["kid"]}, claims, retired))


KIDS = [
    None, "", " ", 0, 1, True, [], {}, ["kid"], "../../../../dev/null", "/dev/null", "file:///etc/passwd",
    "' OR '1'='1", "x' UNION SELECT 'key' --", "; cat /etc/passwd", "k" * 4000, "\0", "\ud800", "\u202e",
]  # fmt: skip


def test_kid_names_a_key_of_the_key_set_only(serve, new_token):
    mine = new_key("ES256")
    app = serve(new_key("ES256"))
    header, claims = decode_token(new_token(app))
    for kid in KIDS:
        attempt(app, signed({**header, "kid": kid}, claims, mine))
        attempt(app, hmac_signed({**header, "kid": kid}, claims, b"", "HS256"))


def test_kid_must_match_exactly(serve, new_token):
    member = new_key("ES256")
    app = serve(member)
    header, claims = decode_token(new_token(app))
    kid = member["kid"]
    for other in (kid + "=", kid + "\n", f" {kid}", kid[:-1], kid.swapcase(), [kid], {"kid": kid}):
        attempt(app, signed({**header, "kid": other}, claims, member))


def certificate(member: dict[str, Any]) -> str:
    """Return a self-signed certificate in the form of `x5c`."""
    key, name = jwt.PyJWK(member).key, x509.Name([])
    begin = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=9))
    return b64encode(made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)).decode()


def test_key_in_a_token_is_refused(serve, new_token):
    mine = new_key("ES256")
    app = serve(new_key("ES256"))
    header, claims = decode_token(new_token(app))
    ways = ({"jwk": public(mine)}, {"x5c": [certificate(mine)]}, {"x5t#S256": mine["kid"]})
    for brought, kid in product(ways, (mine["kid"], header["kid"], None)):
        attempt(app, signed({**header, "kid": kid, **brought}, claims, mine))
        attempt(app, signed({**header, "kid": kid, **brought, "crit": list(brought)}, claims, mine))


@pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA"])
def test_url_in_a_token_is_never_fetched(serve, new_token, alg):
    mine = new_key(alg)
    app = serve(new_key(alg))
    header, claims = decode_token(new_token(app))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/.well-known/jwks.json"
        for member in ("jku", "x5u", "jwk", "x5c", "kid"):
            attempt(app, signed({**header, member: url}, {**claims, "iss": url, "aud": url}, mine))
            attempt(app, signed({**header, member: url}, claims, mine))
        with pytest.raises(BlockingIOError):
            listener.accept()


def der_signature(signature: bytes) -> bytes:
    """Return an ECDSA signature in DER form."""
    half = len(signature) // 2
    return utils.encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))


@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_changed_signature_is_refused(serve, new_token, alg):
    app = serve(new_key(alg))
    token = new_token(app)
    text, _, last = token.rpartition(".")
    signature = base64url_decode(last)
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    forged = {
        "none": b"", "one byte": b"\0", "zeros": bytes(len(signature)), "ones": b"\xff" * len(signature),
        "cut": signature[:-1], "half": signature[: len(signature) // 2], "longer": signature + b"\0",
        "zero in front": b"\0" + signature, "flipped": flipped, "twice": signature * 2,
        "digest": hashlib.sha512(text.encode()).digest(), "four times": signature * 4,
    }  # fmt: skip
    if alg.startswith("ES"):
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        forged |= {"der": der_signature(signature), "r = s = n": order.to_bytes(len(signature) // 2) * 2}
    for signature in forged.values():
        attempt(app, f"{text}.{b64(signature)}")
    assert try_token(app, token) == GOOD


def test_changed_claims_are_refused(serve, new_token):
    app = serve(new_key("EdDSA"))
    token = new_token(app)
    header, claims = decode_token(token)
    for change in ({"roles": ["admin"]}, {"sub": decode_token(new_token(app))[1]["sub"]}, {"exp": claims["exp"] + 1}):
        attempt(app, f"{signing_input(header, {**claims, **change})}.{token.rsplit('.', 1)[1]}")


def test_key_on_another_curve_is_refused(serve, new_token):
    member = new_key("ES256")
    app = serve(member)
    header, claims = decode_token(new_token(app))
    text = signing_input(header, claims)
    der = ec.generate_private_key(ec.SECP384R1()).sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(der)
    attempt(app, f"{text}.{b64(r.to_bytes(48) + s.to_bytes(48))}")


def test_verify_only_instance_refuses_hmac(serve, new_token, make_app, tmp_path):
    """With public keys only, nothing in the key set can sign."""
    member = new_key("RS256")
    token = new_token(serve(member))
    verifier_file = KeySetFile(tmp_path / "verifier.json")
    verifier_file.write(public(member))
    verifier = make_app(JWT_KEYS=str(verifier_file.path))
    header, claims = decode_token(token)
    assert try_token(verifier, token) == GOOD
    for secret in spellings(member).values():
        attempt(verifier, hmac_signed(header, claims, secret, "HS256"))


def test_every_attack_gets_the_same_response(serve, new_token):
    """The response shows neither which keys exist nor which check failed."""
    member = new_key("ES256")
    app = serve(member)
    header, claims = decode_token(new_token(app))
    mine = new_key("ES256")
    tokens = [
        signed(header, claims, mine),
        signed({**header, "kid": "unknown"}, claims, mine),
        signed({**header, "typ": "JWT"}, claims, member),
        signed(header, {**claims, "aud": "another"}, member),
    ]
    responses = [bearer(app, token).get("/api/v1/me").json for token in tokens]
    assert len({json.dumps({**response, "request_id": None}) for response in responses}) == 1
