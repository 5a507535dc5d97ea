"""The settings of accounts of the OpenID provider."""

from dataclasses import dataclass
from typing import Any, Final

from flask import Flask
from marshmallow import fields

from taskapi.config import SettingsError, setting, settings_of, text
from taskapi.extensions.openid.settings import matching
from taskapi.security.rbac import Role

_ROLE: Final = rf"[^,=][^,]*=({'|'.join(Role)})"


@dataclass(frozen=True, kw_only=True)
class OpenidAccountSettings:
    """The settings of accounts of the OpenID provider."""

    openid_name: str = setting(
        "",
        "The name of the OpenID provider on the sign-in page; empty: its host.",
        text(0, 40),
    )
    openid_create_accounts: bool = setting(
        False,
        "Whether a first sign-in with the OpenID provider creates an account; `false`: users link their account first.",
        fields.Boolean(truthy={"true", True}, falsy={"false", False}),
    )
    openid_roles_claim: str = setting(
        "",
        "The claim of the ID token with the roles, such as `roles` or `realm_access.roles`; empty: the OpenID provider "
        "does not decide roles.",
        text(0, 200),
    )
    openid_roles: str = setting(
        "",
        "The role for each value of the claim, such as `task-admins=admin,staff=editor`. Without a match it is "
        "`viewer`.",
        matching(rf"\Z|{_ROLE}(,{_ROLE})*", "Must be like task-admins=admin,staff=editor."),
    )


def mapped_roles(claims: dict[str, Any]) -> list[str] | None:
    """Return the roles that the claims of a person have; None if no claim decides roles."""
    found = settings_of(OpenidAccountSettings)
    if not found.openid_roles_claim:
        return None
    value: Any = claims.get(found.openid_roles_claim)
    if value is None:  # the claim may be inside of others, as `realm_access.roles`
        value = claims
        for name in found.openid_roles_claim.split("."):
            value = value.get(name) if isinstance(value, dict) else None
    values = value if isinstance(value, list) else [value]
    pairs = [pair.rpartition("=") for pair in found.openid_roles.split(",")]
    return sorted({role for name, _, role in pairs if name in values}) or [Role.VIEWER.value]


def check_settings(app: Flask) -> None:
    """Refuse a claim whose values have no role. Raises SettingsError."""
    with app.app_context():
        found = settings_of(OpenidAccountSettings)
    if found.openid_roles_claim and not found.openid_roles:
        raise SettingsError("TASKAPI_OPENID_ROLES: Must be set with TASKAPI_OPENID_ROLES_CLAIM.")
