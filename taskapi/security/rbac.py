"""Roles and their permissions."""

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """The roles of users; a claim of the token."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


class Permission(StrEnum):
    """The permissions that views require: resource and action."""

    ACCOUNT_READ = "account:read"
    ACCOUNT_WRITE = "account:write"
    TASK_READ = "task:read"
    TASK_WRITE = "task:write"
    USER_READ = "user:read"
    USER_MANAGE = "user:manage"
    AUDIT_READ = "audit:read"


_ACCOUNT = {Permission.ACCOUNT_READ, Permission.ACCOUNT_WRITE}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset(_ACCOUNT | {Permission.TASK_READ}),
    Role.EDITOR: frozenset(_ACCOUNT | {Permission.TASK_READ, Permission.TASK_WRITE}),
    Role.ADMIN: frozenset(Permission),
}


def grants(roles: Iterable[str], permission: Permission) -> bool:
    """Tell whether any of the roles grants the permission; an unknown role grants nothing."""
    return any(permission in GRANTS.get(role, ()) for role in roles)  # type: ignore[call-overload]


def roles_with(permission: Permission) -> tuple[str, ...]:
    """Return the roles that grant the permission."""
    return tuple(role.value for role in Role if permission in GRANTS[role])
