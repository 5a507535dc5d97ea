"""What /auth takes and gives."""

from typing import Any

from marshmallow import Schema, fields

from taskapi.accounts.schemas import Email, Username
from taskapi.api.fields import Choice, Instant, Text

EXAMPLE_PASSWORD = "correct horse battery staple"  # noqa: S105


class Password(Text):
    """A password, spaces and all."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "password", "example": EXAMPLE_PASSWORD}
        super().__init__(1, 1024, trim=False, required=True, load_only=True, metadata=metadata, **kwargs)


class RegisterSchema(Schema):
    """A new account."""

    username = Username(required=True)
    password = Password()
    name = Text(1, 100, allow_none=True)
    email = Email(allow_none=True)


class LoginSchema(Schema):
    """A name and its password."""

    username = Text(1, 256, required=True, metadata={"example": "ada"})
    password = Password()
    cookies = fields.Boolean(
        truthy={True},
        falsy={False},
        load_default=False,
        metadata={"description": "Put the tokens into cookies, for a browser."},
    )


class PasswordSchema(Schema):
    """Your password, once more."""

    password = Password()


class PasswordChangeSchema(Schema):
    """The password you have, and the one you want."""

    current_password = Password()
    new_password = Password()


class RefreshSchema(Schema):
    """A refresh token; none where it is in its cookie."""

    refresh_token = Text(1, 1024, trim=False, load_only=True)


class TokensSchema(Schema):
    """What a sign-in gives; with cookies, the tokens are in them and not here. Durations are seconds."""

    access_token = fields.String()
    token_type = Choice(["Bearer", "Cookie"], required=True)
    expires_in = fields.Integer(required=True)
    refresh_token = fields.String()
    refresh_expires_in = fields.Integer(required=True)
    session_id = fields.UUID(required=True)


class AccessTokenSchema(Schema):
    """A fresh access token for the same session; with cookies it is in one. Durations are seconds."""

    access_token = fields.String()
    token_type = Choice(["Bearer", "Cookie"], required=True)
    expires_in = fields.Integer(required=True)
    session_id = fields.UUID(required=True)


class SessionSchema(Schema):
    """A device that is signed in."""

    id = fields.UUID(required=True)
    created_at = Instant(required=True)
    last_used_at = Instant(required=True)
    expires_at = Instant(required=True)
    ip = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    current = fields.Boolean(required=True)


class SessionsSchema(Schema):
    """The devices that are signed in."""

    items = fields.List(fields.Nested(SessionSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class EndSessionsSchema(Schema):
    """Whether to end the current session too."""

    include_current = fields.Boolean(truthy={"true"}, falsy={"false"}, load_default=False)
