# ruff: noqa: N815 - the members of responses have the names of the standard
"""Schemas of passkeys. Options and responses are those of WebAuthn, in its JSON."""

from typing import Final

from marshmallow import EXCLUDE, Schema, fields

from taskapi.api.fields import BodySchema, Flag, Instant, Text

PASSKEY_ID: Final = "01980a5c-3f00-7a10-8c4e-5d1f0a2b3c0d"
CREDENTIAL_ID: Final = "q3nYz0bT4R2mJc8vLd1Xew"
CHALLENGE: Final = "V3lJd2FERkRhRUZzVEdWdVIyVWlMQ0p6YVdkdUxXbHVJbDAuYVNzMU1nLlpUVm1abVo"
RP: Final = {"name": "taskapi", "id": "tasks.example.org"}
COMMON: Final = {"challenge": CHALLENGE, "timeout": 300_000}
SIGN_IN_OPTIONS: Final = {**COMMON, "rpId": RP["id"], "allowCredentials": [], "userVerification": "required"}
REGISTRATION_OPTIONS: Final = {
    "rp": RP,
    "user": {"id": "AZgKXD8AehCMTl0fCis8AQ", "name": "ada", "displayName": "Ada Lovelace"},
    "challenge": CHALLENGE,
    "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (-7, -8, -257)],
    "timeout": 300_000,
    "excludeCredentials": [{"type": "public-key", "id": CREDENTIAL_ID}],
    "authenticatorSelection": {
        "residentKey": "required", "requireResidentKey": True, "userVerification": "required",
    },
    "attestation": "none",
}  # fmt: skip
ATTESTATION: Final = {
    "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoi4oCmIn0",
    "attestationObject": "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVi0",
}
ASSERTION: Final = {
    "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoi4oCmIn0",
    "authenticatorData": "dKbqkhPJnC90siSSsyDPQCYqlMGpUKA5fyklC2CEHvAFAAAAAQ",
    "signature": "MEUCIQDx2t4hH0Vv8cXo4m1Jt3oQ",
    "userHandle": "AZgKXD8AehCMTl0fCis8AQ",
}


class Bytes(Text):
    """Bytes in base64url, of at most `longest` characters."""

    def __init__(self, longest: int, example: str) -> None:
        super().__init__(1, longest, trim=False, required=True, metadata={"example": example})


class AttestationResponseSchema(BodySchema):
    """The response to the options of a registration."""

    clientDataJSON = Bytes(4096, ATTESTATION["clientDataJSON"])
    attestationObject = Bytes(8192, ATTESTATION["attestationObject"])


class NewCredentialSchema(BodySchema):
    """What `toJSON()` of the created credential returns. Other members are accepted and ignored."""

    rawId = Bytes(1400, CREDENTIAL_ID)
    response = fields.Nested(AttestationResponseSchema, unknown=EXCLUDE, required=True)


class AssertionResponseSchema(BodySchema):
    """The response to the options of a sign-in."""

    clientDataJSON = Bytes(4096, ASSERTION["clientDataJSON"])
    authenticatorData = Bytes(2048, ASSERTION["authenticatorData"])
    signature = Bytes(2048, ASSERTION["signature"])
    userHandle = Bytes(100, ASSERTION["userHandle"])


class KnownCredentialSchema(BodySchema):
    """What `toJSON()` of the credential that signs in returns. Other members are accepted and ignored."""

    rawId = Bytes(1400, CREDENTIAL_ID)
    response = fields.Nested(AssertionResponseSchema, unknown=EXCLUDE, required=True)


class PasskeySignInSchema(BodySchema):
    """The credential of `navigator.credentials.get()`."""

    credential = fields.Nested(KnownCredentialSchema, unknown=EXCLUDE, required=True)
    cookies = Flag(
        load_default=False, metadata={"description": "Set the tokens as cookies, for a browser.", "example": False}
    )


class PasskeySchema(Schema):
    """A passkey."""

    id = fields.UUID(dump_only=True, metadata={"example": PASSKEY_ID})
    name = Text(1, 100, required=True, metadata={"description": "Where the passkey is.", "example": "Ada's phone"})
    created_at = Instant(dump_only=True)
    last_used_at = Instant(
        dump_only=True, allow_none=True, metadata={"description": "The last sign-in with it; null: none yet."}
    )


class PasskeyCreateSchema(BodySchema, PasskeySchema):
    """A name, and the credential of `navigator.credentials.create()`."""

    credential = fields.Nested(NewCredentialSchema, unknown=EXCLUDE, required=True)


class PasskeysSchema(Schema):
    """Your passkeys."""

    items = fields.List(fields.Nested(PasskeySchema))


class PasskeyOptionsSchema(Schema):
    """Options of WebAuthn. They are valid once, for 5 minutes."""

    options = fields.Dict(metadata={"description": "In the JSON of the standard.", "example": SIGN_IN_OPTIONS})
