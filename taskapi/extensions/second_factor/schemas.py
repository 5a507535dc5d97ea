"""Schemas of the second factor."""

from typing import Final

from marshmallow import Schema, fields

from taskapi.api.fields import BodySchema, Flag, Instant, Text
from taskapi.api.openapi_components import PROBLEM_MEMBERS
from taskapi.api.openapi_examples import PASSWORD
from taskapi.auth.schemas import TOKENS_EXAMPLES, TokensSchema
from taskapi.extensions.second_factor.codes import RECOVERY_CODES

CODE: Final = "492039"
SECRET: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105 - an example
CHALLENGE: Final = "WyIwMTk4MGE1YyJd.ZzQ4dA.Qm9vZ2llLVdvb2dpZS1CdWdsZS1Cb3k"
RECOVERY: Final = ["k3mt-x2qa-7vhd-rw5e-b6zn-q4yc"] * RECOVERY_CODES
URI: Final = f"otpauth://totp/taskapi:ada?secret={SECRET}&issuer=taskapi"
QR: Final = "data:image/svg+xml;charset=utf-8,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 49 49'/%3E"
PROBLEM_MEMBERS["second_factor_required"] = {"challenge": CHALLENGE}


class CodeSchema(BodySchema):
    """A code of the authenticator application: six digits. Where the factor is enabled, a recovery code works too."""

    code = Text(1, 40, required=True, load_only=True, metadata={"example": CODE})


class FactorPasswordSchema(BodySchema):
    """Your password. Omit it if your account has none: the fresh token is enough then."""

    password = Text(1, 1024, trim=False, load_only=True, metadata={"format": "password", "example": PASSWORD})


class PasswordAndCodeSchema(CodeSchema, FactorPasswordSchema):
    """Your password, if your account has one, and a code or a recovery code."""


PASSWORD_EXAMPLES = {"Account with a password": {"password": PASSWORD}}
PASSWORD_AND_CODE_EXAMPLES = {"Account with a password": {"password": PASSWORD, "code": CODE}}


class SecondFactorSignInSchema(CodeSchema):
    """The challenge of the 401 of the sign-in, and a code or a recovery code."""

    challenge = Text(1, 1024, trim=False, required=True, load_only=True, metadata={"example": CHALLENGE})
    cookies = Flag(load_default=False, metadata={"description": "Set the tokens as cookies.", "example": False})


class SecondFactorSchema(Schema):
    """Your second factor."""

    available = fields.Boolean(metadata={"description": "Whether this server offers a second factor.", "example": True})
    required = fields.Boolean(metadata={"description": "Whether you must set one up.", "example": False})
    enabled = fields.Boolean(metadata={"description": "Whether you have one.", "example": True})
    enabled_at = Instant(allow_none=True)
    recovery_codes_left = fields.Integer(metadata={"description": "Recovery codes not used yet.", "example": 9})
    needs_password = fields.Boolean(metadata={"description": "Whether changes need your password.", "example": True})


class SecondFactorSetupSchema(Schema):
    """The secret of a new authenticator application, in three forms. Only this response contains it."""

    secret = fields.String(metadata={"description": "In base32, to type it in.", "example": SECRET})
    otpauth_uri = fields.String(metadata={"description": "The address for applications.", "example": URI})
    qr_code = fields.String(metadata={"description": "A QR code as SVG: the `src` of an image.", "example": QR})


class RecoveryCodesSchema(Schema):
    """Recovery codes. Only this response contains them. Each works once, in place of a code of the application."""

    recovery_codes = fields.List(fields.String(), metadata={"example": RECOVERY})


class SecondFactorEnabledSchema(TokensSchema, RecoveryCodesSchema):
    """The recovery codes, and the tokens of the new session. With cookies they are in cookies, not in the body."""


ENABLED_EXAMPLES = {name: {**body, "recovery_codes": RECOVERY} for name, body in TOKENS_EXAMPLES.items()}
