"""What administrators see of people, and what they can change."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import Length

from taskapi.api.fields import Choice, Flag, PatchSchema, QueryFlag, Text
from taskapi.api.openapi_examples import GUEST, body_example
from taskapi.auth.schemas import RegisterSchema
from taskapi.resources.pagination import PageSchema
from taskapi.security.rbac import Role
from taskapi.users.schemas import ROLES, AccountSchema


class Roles(fields.List[str]):
    """At least one role, each once."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Choice(ROLES), validate=Length(1, len(ROLES)), **kwargs)


class UserSchema(AccountSchema):
    """An account as administrators see it."""

    active = fields.Boolean(dump_only=True, metadata={"description": "Whether they may sign in.", "example": True})


class UserCreateSchema(RegisterSchema):
    """An account for somebody else."""

    roles = Roles(load_default=lambda: [Role.EDITOR.value])
    active = Flag(load_default=True, metadata={"description": "Whether they may sign in."})


class UserPatchSchema(PatchSchema):
    """What administrators change in an account: the fields that are named."""

    read_only = tuple(UserSchema().dump_fields)

    name = Text(1, 100, allow_none=True)
    roles = Roles()
    active = Flag()


OPENED = {
    "The least": {**body_example(UserCreateSchema()), "username": GUEST},
    "With a role": {
        **body_example(UserCreateSchema()),
        "username": GUEST,
        "name": "Charles Babbage",
        "roles": ["viewer"],
    },
}
CHANGED = {
    "Another role": {"roles": ["viewer"]},
    "Shut out": {"active": False},
    "Another name": {"name": "Ada King"},
}


class UserPageSchema(Schema):
    """A page of people."""

    items = fields.List(fields.Nested(UserSchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})


class UserQuerySchema(PageSchema):
    """Which people."""

    q = Text(
        1, 200, metadata={"description": "Words in username, name and address. Case and accents make no difference."}
    )
    role = Choice(ROLES, metadata={"description": "Those who have this role."})
    active = QueryFlag(metadata={"description": "Only those who may sign in, or may not."})


class StatsSchema(Schema):
    """The service in figures."""

    users = fields.Integer(metadata={"example": 42})
    active_users = fields.Integer(metadata={"example": 41})
    users_by_role = fields.Dict(
        keys=Choice(ROLES), values=fields.Integer(), metadata={"example": {"viewer": 3, "editor": 37, "admin": 2}}
    )
    sessions = fields.Integer(metadata={"description": "Devices that are signed in.", "example": 57})
    tasks = fields.Integer(metadata={"description": "Everybody's, those in the trash included.", "example": 1830})
    sign_ins_today = fields.Integer(metadata={"description": "Within 24 hours.", "example": 19})
    failed_sign_ins_today = fields.Integer(metadata={"description": "Within 24 hours.", "example": 2})
