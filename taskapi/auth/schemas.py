"""What /auth takes and gives."""

from marshmallow import Schema, fields

from taskapi.accounts.schemas import Email, Username
from taskapi.api.fields import Text


class RegisterSchema(Schema):
    """A new account."""

    username = Username(required=True)
    password = Text(
        1,
        1024,
        trim=False,
        required=True,
        load_only=True,
        metadata={"format": "password", "example": "correct horse battery"},
    )
    name = Text(1, 100, allow_none=True)
    email = Email(allow_none=True)


class LoginSchema(Schema):
    """A name and its password."""

    username = Text(1, 256, required=True, metadata={"example": "ada"})
    password = Text(
        1,
        1024,
        trim=False,
        required=True,
        load_only=True,
        metadata={"format": "password", "example": "correct horse battery"},
    )


class TokensSchema(Schema):
    """What a sign-in gives. Durations are seconds."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"enum": ["Bearer"]})
    expires_in = fields.Integer(required=True)
    session_id = fields.UUID(required=True)
