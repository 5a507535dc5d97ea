"""What /auth takes and gives."""

from typing import Any

from marshmallow import Schema, ValidationError, fields

from taskapi.api.fields import BodySchema, Choice, Flag, Instant, Text, Timezone
from taskapi.api.openapi_examples import (
    ACCESS_TOKEN,
    CSRF_ACCESS_TOKEN,
    CSRF_REFRESH_TOKEN,
    NEW_PASSWORD,
    PASSWORD,
    REFRESH_TOKEN,
    SESSION_ID,
    USERNAME,
    body_example,
    response_example,
)
from taskapi.security.passwords import length_error
from taskapi.users.schemas import Email, Username


class Password(Text):
    """A password, spaces and all."""

    def __init__(self, example: str = PASSWORD, **kwargs: Any) -> None:
        metadata = {"format": "password", "example": example}
        super().__init__(1, 1024, trim=False, required=True, load_only=True, metadata=metadata, **kwargs)


class NewPassword(Password):
    """A password for an account. Its length is checked with the other fields, so that one 422 reports them all."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        password = super()._deserialize(value, attr, data, **kwargs)
        if message := length_error(password):
            raise ValidationError(message)
        return password


class RegisterSchema(BodySchema):
    """A new account. Its role is always `editor`: `roles` are ignored, as `id` and `created_at` are."""

    read_only = ("id", "roles", "created_at")

    username = Username(required=True)
    password = NewPassword()
    name = Text(1, 100, allow_none=True)
    email = Email(allow_none=True)
    timezone = Timezone(
        metadata={"example": "Europe/Berlin", "description": "The time zone, by an IANA name; `UTC` unless given."}
    )


REGISTERED = {
    "The least": body_example(RegisterSchema()),
    "With name and address": {**body_example(RegisterSchema()), "name": "Ada Lovelace", "email": "ada@example.org"},
}


class LoginSchema(Schema):
    """A name and its password."""

    username = Text(1, 256, required=True, metadata={"example": USERNAME})
    password = Password()
    cookies = Flag(
        load_default=False,
        metadata={"description": "Put the tokens into cookies, for a browser.", "example": False},
    )


SIGNING_IN = {
    "Tokens": body_example(LoginSchema()),
    "Cookies, for a browser": {**body_example(LoginSchema()), "cookies": True},
}


class PasswordSchema(Schema):
    """Your password, once more."""

    password = Password()


class PasswordChangeSchema(Schema):
    """The password you have, and the one you want."""

    current_password = Password()
    new_password = NewPassword(NEW_PASSWORD)


class RefreshSchema(Schema):
    """A refresh token; none where it is in its cookie."""

    refresh_token = Text(1, 1024, trim=False, load_only=True, metadata={"example": REFRESH_TOKEN})


REFRESHED = {"A refresh token": {"refresh_token": REFRESH_TOKEN}}


class AccessTokenSchema(Schema):
    """A fresh access token for the same session; with cookies it is in one. Durations are seconds."""

    access_token = fields.String(metadata={"description": "For `Authorization: Bearer …`.", "example": ACCESS_TOKEN})
    token_type = Choice(["Bearer", "Cookie"], required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Of the access token.", "example": 900})
    session_id = fields.UUID(required=True, metadata={"example": SESSION_ID})
    csrf_access_token = fields.String(
        metadata={"description": "With cookies: the `X-CSRF-TOKEN` of unsafe methods.", "example": CSRF_ACCESS_TOKEN}
    )


class TokensSchema(AccessTokenSchema):
    """What a sign-in gives; with cookies, the tokens are in them and not here. Durations are seconds."""

    refresh_token = fields.String(
        metadata={"description": "Each refresh spends it and brings its successor.", "example": REFRESH_TOKEN}
    )
    refresh_expires_in = fields.Integer(required=True, metadata={"description": "Without use.", "example": 604800})
    csrf_refresh_token = fields.String(
        metadata={
            "description": "With cookies: the `X-CSRF-TOKEN` to refresh and to sign out.",
            "example": CSRF_REFRESH_TOKEN,
        }
    )


def by_either_way(schema: Schema) -> dict[str, Any]:
    """Return examples of tokens that are handed over in the body, and in cookies."""
    shown = response_example(schema)
    tokens = {name: value for name, value in shown.items() if not name.startswith("csrf_")}
    kept = {name: value for name, value in shown.items() if name not in {"access_token", "refresh_token"}}
    return {"Tokens": tokens, "Cookies": {**kept, "token_type": "Cookie"}}


SIGNED_IN = by_either_way(TokensSchema())
FRESH = by_either_way(AccessTokenSchema())


class RepeatSchema(Schema):
    """A spent refresh token that came again within the grace."""

    at = Instant(required=True)
    ip = fields.String(required=True, allow_none=True, metadata={"example": "203.0.113.7"})
    user_agent = fields.String(required=True, allow_none=True, metadata={"example": "curl/8.5.0"})


class SessionSchema(Schema):
    """A device that is signed in."""

    id = fields.UUID(required=True, metadata={"example": SESSION_ID})
    created_at = Instant(required=True)
    last_used_at = Instant(required=True)
    expires_at = Instant(required=True, metadata={"description": "Without use.", "example": "2030-02-07T09:00:00Z"})
    ip = fields.String(required=True, allow_none=True, metadata={"example": "203.0.113.7"})
    user_agent = fields.String(required=True, allow_none=True, metadata={"example": "curl/8.5.0"})
    current = fields.Boolean(
        required=True, metadata={"description": "Whether it is the one that asks.", "example": True}
    )
    repeated_refreshes = fields.Integer(
        required=True,
        metadata={
            "description": "How often a spent refresh token came again within the grace: a lost response, two tabs, "
            "or somebody who has copied it. Each is in your activity.",
            "example": 1,
        },
    )
    last_repeat = fields.Nested(RepeatSchema, required=True, allow_none=True)


class SessionsSchema(Schema):
    """The devices that are signed in."""

    items = fields.List(fields.Nested(SessionSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class EndSessionsSchema(Schema):
    """Whether to end the current session too."""

    include_current = fields.Boolean(
        truthy={"true"}, falsy={"false"}, load_default=False, metadata={"description": "This one too."}
    )
