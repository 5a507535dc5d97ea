"""Schemas of /admin: users as administrators see and change them, and statistics."""

from typing import Any

from marshmallow import Schema, fields

from taskapi.api.fields import Flag, Items, PatchSchema, QueryFlag, Text
from taskapi.api.openapi_examples import GUEST, body_example
from taskapi.auth.schemas import RegisterSchema
from taskapi.resources.pagination import PageSchema
from taskapi.security.rbac import Role
from taskapi.users.schemas import ROLES, AccountSchema, RoleChoice


class Roles(fields.List[str]):
    """A list of roles, at least one. Their order and repetitions have no meaning."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(RoleChoice(), validate=Items(1, len(ROLES)), **kwargs)


class UserSchema(AccountSchema):
    """An account as administrators see it."""

    active = fields.Boolean(dump_only=True, metadata={"description": "Whether the user can sign in.", "example": True})


class UserCreateSchema(RegisterSchema):
    """A new account for another user."""

    roles = Roles(load_default=lambda: [Role.EDITOR.value])
    active = Flag(load_default=True, metadata={"description": "Whether the user can sign in."})


class UserPatchSchema(PatchSchema):
    """The changes of an account by an administrator. Fields that are not named keep their value."""

    read_only = tuple(UserSchema().dump_fields)

    name = Text(1, 100, allow_none=True)
    roles = Roles()
    active = Flag()


OPENED = {
    "Only the required fields": {**body_example(UserCreateSchema()), "username": GUEST},
    "With a role": {
        **body_example(UserCreateSchema()),
        "username": GUEST,
        "name": "Charles Babbage",
        "roles": ["viewer"],
    },
}
CHANGED = {
    "Another role": {"roles": ["viewer"]},
    "Deactivated": {"active": False},
    "Another name": {"name": "Ada King"},
}


class UserPageSchema(Schema):
    """A page of users."""

    items = fields.List(fields.Nested(UserSchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})


class UserQuerySchema(PageSchema):
    """The filters of a list of users."""

    q = Text(
        1,
        200,
        metadata={
            "description": "Words in the username, name or e-mail address, ignoring case and accents.",
            "example": "lovelace",
        },
    )
    role = RoleChoice(metadata={"description": "Only users with this role."})
    active = QueryFlag(metadata={"description": "`true`: only users who can sign in. `false`: only the others."})


class RoleCountsSchema(Schema):
    """The numbers of users by role."""

    viewer = fields.Integer(metadata={"example": 3})
    editor = fields.Integer(metadata={"example": 37})
    admin = fields.Integer(metadata={"example": 2})


class StatsSchema(Schema):
    """Statistics of the service."""

    users = fields.Integer(metadata={"example": 42})
    active_users = fields.Integer(metadata={"example": 41})
    users_by_role = fields.Nested(RoleCountsSchema)
    sessions = fields.Integer(metadata={"description": "Sessions that have not expired.", "example": 57})
    tasks = fields.Integer(metadata={"description": "Tasks of all users, including the trash.", "example": 1830})
    sign_ins_today = fields.Integer(metadata={"description": "In the last 24 hours.", "example": 19})
    failed_sign_ins_today = fields.Integer(metadata={"description": "In the last 24 hours.", "example": 2})
