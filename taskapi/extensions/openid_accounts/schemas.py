"""Schemas of the sign-in with a code, and of the link of an account."""

from typing import Final

from marshmallow import Schema, fields

from taskapi.api.fields import BodySchema, Flag, Instant
from taskapi.extensions.openid.schemas import Digits

CODE: Final = "pZ4mQx7sVn1cLk8wRt5yBd2hGf9jUe6aOi3vXb0NqYg"
VERIFIER: Final = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # of RFC 7636, appendix B


class OpenidCodeSchema(BodySchema):
    """The code of the address that the browser has returned to, and the verifier of the challenge at the start."""

    code = Digits(43, CODE, "The value after `#openid_code=`. It is valid once, for 2 minutes.")
    verifier = Digits(128, VERIFIER, "The verifier of the challenge (RFC 7636).")


class OpenidExchangeSchema(OpenidCodeSchema):
    """A code and its verifier."""

    cookies = Flag(
        load_default=False,
        metadata={"description": "Set the tokens as cookies, for a browser.", "example": False},
    )


class OpenidIdentitySchema(Schema):
    """The link of your account to the OpenID provider."""

    provider = fields.String(metadata={"description": "The name of the provider.", "example": "Example ID"})
    linked = fields.Boolean(metadata={"example": True})
    linked_at = Instant(allow_none=True)
    last_used_at = Instant(allow_none=True, metadata={"description": "The last sign-in with it; null: none yet."})
    has_password = fields.Boolean(
        metadata={"description": "Whether you can also sign in with a password.", "example": True}
    )
