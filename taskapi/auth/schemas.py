"""Schemas of /auth and /me/password."""

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
from taskapi.config import Settings
from taskapi.security.passwords import MAX_LENGTH, length_error
from taskapi.users.schemas import Email, Username


class Password(Text):
    """A password. Leading and trailing spaces are part of it."""

    def __init__(self, example: str = PASSWORD, **kwargs: Any) -> None:
        metadata = {"format": "password", "example": example}
        super().__init__(1, 1024, trim=False, required=True, load_only=True, metadata=metadata, **kwargs)


class NewPassword(Password):
    """A new password. Its length is checked with the other fields, so that one 422 reports all errors."""

    def limits(self, settings: Settings) -> dict[str, int]:
        """Return the limits that the OpenAPI document states."""
        return {"minLength": settings.password_min_length, "maxLength": MAX_LENGTH}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        password = super()._deserialize(value, attr, data, **kwargs)
        if message := length_error(password):
            raise ValidationError(message)
        return password


class RegisterSchema(BodySchema):
    """A new account. Its role is `editor`: `roles` is ignored, like `id` and `created_at`."""

    read_only = ("id", "roles", "created_at")

    username = Username(required=True)
    password = NewPassword()
    name = Text(1, 100, allow_none=True)
    email = Email(allow_none=True)
    timezone = Timezone(
        metadata={"example": "Europe/Berlin", "description": "The time zone, an IANA name; `UTC` by default."}
    )


REGISTER_EXAMPLES = {
    "Required fields": body_example(RegisterSchema()),
    "With name and e-mail address": {
        **body_example(RegisterSchema()),
        "name": "Ada Lovelace",
        "email": "ada@example.org",
    },
}


class LoginSchema(BodySchema):
    """A username and its password."""

    username = Text(1, 256, required=True, metadata={"example": USERNAME})
    password = Password()
    cookies = Flag(
        load_default=False,
        metadata={"description": "Set the tokens as cookies, for a browser.", "example": False},
    )


LOGIN_EXAMPLES = {
    "Tokens": body_example(LoginSchema()),
    "Cookies, for a browser": {**body_example(LoginSchema()), "cookies": True},
}


class PasswordSchema(BodySchema):
    """Your password."""

    password = Password()


class PasswordChangeSchema(BodySchema):
    """Your current password and the new one."""

    current_password = Password()
    new_password = NewPassword(NEW_PASSWORD)


class RefreshSchema(BodySchema):
    """A refresh token. Omit it if you send it as a cookie."""

    refresh_token = Text(1, 1024, trim=False, load_only=True, metadata={"example": REFRESH_TOKEN})


REFRESH_EXAMPLES = {"A refresh token": {"refresh_token": REFRESH_TOKEN}}


class TokenTypeChoice(Choice):
    """`Bearer`: the tokens are in the body. `Cookie`: they are in cookies."""

    values = ("Bearer", "Cookie")


class AccessTokenSchema(Schema):
    """A fresh access token for the same session. With cookies it is in a cookie. Durations are in seconds."""

    access_token = fields.String(
        metadata={"sometimes": True, "description": "For `Authorization: Bearer …`.", "example": ACCESS_TOKEN}
    )
    token_type = TokenTypeChoice()
    expires_in = fields.Integer(metadata={"description": "The life of the access token.", "example": 900})
    session_id = fields.UUID(metadata={"example": SESSION_ID})
    csrf_access_token = fields.String(
        metadata={
            "sometimes": True,
            "description": "With cookies: the `X-CSRF-TOKEN` value for unsafe methods.",
            "example": CSRF_ACCESS_TOKEN,
        }
    )


class TokensSchema(AccessTokenSchema):
    """The tokens of a session. With cookies they are in cookies, not in the body. Durations are in seconds."""

    refresh_token = fields.String(
        metadata={
            "sometimes": True,
            "description": "Can be used once: each refresh returns a new one.",
            "example": REFRESH_TOKEN,
        }
    )
    refresh_expires_in = fields.Integer(
        metadata={"description": "Until the session expires without use.", "example": 604800}
    )
    csrf_refresh_token = fields.String(
        metadata={
            "sometimes": True,
            "description": "With cookies: the `X-CSRF-TOKEN` value for refresh and logout.",
            "example": CSRF_REFRESH_TOKEN,
        }
    )


def _token_examples(schema: Schema) -> dict[str, Any]:
    """Return the examples of a response with tokens in the body, and in cookies."""
    shown = response_example(schema)
    tokens = {name: value for name, value in shown.items() if not name.startswith("csrf_")}
    kept = {name: value for name, value in shown.items() if name not in {"access_token", "refresh_token"}}
    return {"Tokens": tokens, "Cookies": {**kept, "token_type": "Cookie"}}


TOKENS_EXAMPLES = _token_examples(TokensSchema())
ACCESS_TOKEN_EXAMPLES = _token_examples(AccessTokenSchema())


class RepeatSchema(Schema):
    """The last repeated use of a spent refresh token within the grace period."""

    at = Instant()
    ip = fields.String(allow_none=True, metadata={"example": "203.0.113.7"})
    user_agent = fields.String(allow_none=True, metadata={"example": "curl/8.5.0"})


class SessionSchema(Schema):
    """A session: a device that is signed in."""

    id = fields.UUID(metadata={"example": SESSION_ID})
    created_at = Instant()
    last_used_at = Instant()
    expires_at = Instant(
        metadata={"description": "The expiry without a refresh.", "example": "2030-02-07T09:00:00Z"},
    )
    ip = fields.String(allow_none=True, metadata={"example": "203.0.113.7"})
    user_agent = fields.String(allow_none=True, metadata={"example": "curl/8.5.0"})
    current = fields.Boolean(metadata={"description": "Whether it is the session of this request.", "example": True})
    repeated_refreshes = fields.Integer(
        metadata={
            "description": "How often a spent refresh token was used again within the grace period: after a lost "
            "response, by two tabs, or by somebody who copied it. Your activity lists each use.",
            "example": 1,
        },
    )
    last_repeat = fields.Nested(RepeatSchema, allow_none=True)


class SessionPageSchema(Schema):
    """A page of sessions."""

    items = fields.List(fields.Nested(SessionSchema), required=True)
    next_cursor = fields.String(allow_none=True)


class EndSessionPageSchema(Schema):
    """Whether the current session ends without a new one."""

    include_current = fields.Boolean(
        truthy={"true"},
        falsy={"false"},
        load_default=False,
        metadata={"description": "End the current session without a new one."},
    )
