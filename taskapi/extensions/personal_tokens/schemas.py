"""The settings and the schemas of personal tokens."""

from dataclasses import dataclass
from typing import Final

from marshmallow import Schema, fields

from taskapi.api.fields import BodySchema, Choice, Instant, Items, Text, Whole
from taskapi.config import setting, whole
from taskapi.security.rbac import Permission

MAX_DAYS: Final = 366
# A personal token reads and changes data. It never changes an account
NEVER_GRANTED: Final = {Permission.ACCOUNT_WRITE, Permission.USER_MANAGE}
TOKEN_ID: Final = "01980a5c-3f00-7a10-8c4e-5d1f0a2b3c08"  # noqa: S105 - an example
SECRET: Final = "tka_7Qm2xV9sKc4LrTz8WnBf3HyPd6GuJe1XaSo5RvMiYtZ2wu3Ni"  # noqa: S105


@dataclass(frozen=True, kw_only=True)
class PersonalTokenSettings:
    """The settings of personal tokens."""

    max_personal_tokens: int = setting(
        50, "Personal tokens of one user, including those that expired less than 30 days ago.", whole(1, 1000)
    )


class TokenPermissionChoice(Choice):
    """A permission that a personal token can have. Later versions can add permissions."""

    values = tuple(permission.value for permission in Permission if permission not in NEVER_GRANTED)


class PersonalTokenSchema(Schema):
    """A personal token, without its secret."""

    id = fields.UUID(dump_only=True, metadata={"example": TOKEN_ID})
    name = Text(1, 100, required=True, metadata={"description": "What the token is for.", "example": "Backup script"})
    permissions = fields.List(
        TokenPermissionChoice(),
        required=True,
        validate=Items(1, len(TokenPermissionChoice.values)),
        metadata={
            "description": "What the token may do, as far as your roles grant it. No token changes an account.",
            "example": ["task:read"],
        },
    )
    hint = fields.String(
        dump_only=True, metadata={"description": "The first characters of the token.", "example": SECRET[:8]}
    )
    created_at = Instant(dump_only=True)
    expires_at = Instant(
        metadata={
            "description": f"The expiry, at most {MAX_DAYS} days after the creation. The default is 30 days.",
            "example": "2030-03-02T09:00:00Z",
        }
    )
    last_used_at = Instant(
        dump_only=True,
        allow_none=True,
        metadata={"description": "The last use, to the minute; null: never used.", "example": "2030-01-31T09:00:00Z"},
    )


class NewPersonalTokenSchema(PersonalTokenSchema):
    """A new personal token. Only this response contains `token`."""

    token = fields.String(
        dump_only=True,
        metadata={"description": "The token, for `Authorization: Bearer …`. Store it now.", "example": SECRET},
    )


class PersonalTokenCreateSchema(BodySchema, PersonalTokenSchema):
    """A new personal token, with `expires_at`, with `expires_in_days`, or with neither for 30 days."""

    expires_in_days = Whole(1, MAX_DAYS, metadata={"description": "The expiry in days from now.", "example": 90})


class PersonalTokenPageSchema(Schema):
    """A page of personal tokens."""

    items = fields.List(fields.Nested(PersonalTokenSchema), required=True)
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})
