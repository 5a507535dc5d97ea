"""Responses of authenticators (WebAuthn, level 3, sections 7.1 and 7.2), which the library `webauthn` verifies."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_attestation_object,
    parse_client_data_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm
from webauthn.helpers.structs import AttestationFormat
from webauthn.registration.verify_registration_response import VerifiedRegistration

from taskapi.extensions.passkeys.challenges import nonce_of
from taskapi.extensions.passkeys.settings import require_passkeys
from taskapi.security.jws import base64url_decode, base64url_encode

# What Windows, Apple, Android and security keys support
ALGORITHMS: Final = [Algorithm.ECDSA_SHA_256, Algorithm.EDDSA, Algorithm.RSASSA_PKCS1_v1_5_SHA_256]
# The options ask for no attestation, so browsers send none, or one by the key itself
FORMATS: Final = {AttestationFormat.NONE, AttestationFormat.PACKED}
RSA_BITS: Final = range(2048, 4097)
MAX_ID: Final = 1023  # bytes


class Refused(Exception):  # noqa: N818 - named by what has happened
    """A response that proves nothing. The message is for the log of the server."""


def check_registration(credential: dict[str, Any], *bound_to: str) -> tuple[str, VerifiedRegistration]:
    """Return the random part of the challenge, and the credential, of a registration. Raises Refused."""
    with _refusing():
        attestation = parse_attestation_object(base64url_decode(credential["response"]["attestationObject"]))
        _require(attestation.fmt in FORMATS and not attestation.att_stmt.x5c, "There is an attestation.")
        nonce, expected = _expected(credential, bound_to)
        verified = verify_registration_response(**expected, supported_pub_key_algs=ALGORITHMS)
        key = decoded_public_key_to_cryptography(decode_credential_public_key(verified.credential_public_key))
        _require(not isinstance(key, RSAPublicKey) or key.key_size in RSA_BITS, "The key is too short or too long.")
        _require(base64url_encode(verified.credential_id) == credential["rawId"], "The credential id is another one.")
        _require(len(verified.credential_id) <= MAX_ID, "The credential id is too long.")
    return nonce, verified


def check_assertion(credential: dict[str, Any], public_key: bytes, handle: bytes, *bound_to: str) -> tuple[str, int]:
    """Return the random part of the challenge, and the counter, of a sign-in. Raises Refused.

    `handle` is that of the account. The caller compares the counter with the previous one.
    """
    with _refusing():
        _require(base64url_decode(credential["response"]["userHandle"]) == handle, "The account is another one.")
        nonce, expected = _expected(credential, bound_to)
        verified = verify_authentication_response(
            **expected, credential_public_key=public_key, credential_current_sign_count=0
        )
    return nonce, verified.new_sign_count


def _expected(credential: dict[str, Any], bound_to: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Return the random part of the challenge, and what the library compares the response with."""
    client_data = parse_client_data_json(base64url_decode(credential["response"]["clientDataJSON"]))
    _require(not client_data.cross_origin, "The page was in a frame of another origin.")
    return nonce_of(client_data.challenge, *bound_to), {
        "credential": {**credential, "id": credential["rawId"], "type": "public-key"},
        "expected_challenge": client_data.challenge,
        "expected_rp_id": require_passkeys().passkey_rp_id,
        "expected_origin": require_passkeys().origins,
        "require_user_verification": True,
    }


def _require(condition: bool, error: str) -> None:
    if not condition:
        raise ValueError(error)


@contextmanager
def _refusing() -> Iterator[None]:
    """Refuse a response for any error: which ones the decoders of the library raise depends on the bytes."""
    try:
        yield
    except Exception as error:
        raise Refused(f"{type(error).__name__}: {error}"[:300]) from error
