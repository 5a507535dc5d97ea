"""Schemas of /me."""

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields

from taskapi.api.fields import Choice, Instant, PatchSchema, Text, Timezone
from taskapi.api.openapi_examples import USER_ID, USERNAME
from taskapi.security.rbac import Role

ROLES = [role.value for role in Role]
_USERNAME = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class RoleChoice(Choice):
    """A role. `docs/authorization.md` lists its permissions."""

    values = ROLES


class Username(Text):
    """A username: 3 to 64 of the characters `a-z 0-9 . _ -`, case-folded."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(3, 64, metadata={"pattern": "^[A-Za-z0-9._-]+$", "example": USERNAME}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        if name and not _USERNAME.fullmatch(name):  # before case folding, which turns other letters into a-z
            raise ValidationError("Must have only letters a-z, digits, dots, underscores and hyphens.")
        return name.lower()


class Email(Text):
    """An e-mail address: text, an at sign and a domain. It is not verified."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(3, 254, metadata={"format": "email", "example": "ada@example.org"}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        address = super()._deserialize(value, attr, data, **kwargs)
        if address and not _EMAIL.fullmatch(address):
            raise ValidationError("Not an e-mail address.")
        return address


class AccountSchema(Schema):
    """An account."""

    id = fields.UUID(dump_only=True, metadata={"example": USER_ID})
    username = fields.String(dump_only=True, metadata={"example": USERNAME})
    name = Text(1, 100, allow_none=True, metadata={"example": "Ada Lovelace"})
    email = Email(allow_none=True)
    timezone = Timezone(
        metadata={
            "example": "Europe/Berlin",
            "description": "Your time zone, by an IANA name that browsers know. Days in filters, `sort=due`, `overdue` "
            "and the summary are days in this zone. By default you may change it 20 times an hour.",
        }
    )
    roles = fields.List(RoleChoice(), dump_only=True, metadata={"example": ["editor"]})
    created_at = Instant(dump_only=True)


class AccountPatchSchema(PatchSchema, AccountSchema):
    """Changes of your account. Null clears a field."""


ACCOUNT = AccountSchema()
ACCOUNT_CHANGES = AccountPatchSchema()
PATCH_EXAMPLES = {
    "A time zone": {"timezone": "Europe/Berlin"},
    "A name, and no e-mail address": {"name": "Ada Lovelace", "email": None},
}
