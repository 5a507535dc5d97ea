"""Schemas of password reset and of the address of an account."""

from typing import Any

from marshmallow import Schema, ValidationError, fields

from taskapi.api.fields import BodySchema, Text
from taskapi.api.openapi_examples import NEW_PASSWORD, USERNAME
from taskapi.auth.schemas import NewPassword
from taskapi.extensions.mail.settings import is_mailable
from taskapi.users.schemas import Email

RESET_TOKEN = "Vq3n0cXkU7mZs5rT9aLbE1wYdHj2PfGuI6oKxMvBt4A"  # noqa: S105 - an example
VERIFICATION_TOKEN = "d8Lw2RjT0yHqN6vKzXe4PbMs1UoCg9FaI7iBnVkQh3E"  # noqa: S105 - an example


class MailAddress(Email):
    """An e-mail address to which mail can be sent: ASCII, without quotes and comments."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        address = super()._deserialize(value, attr, data, **kwargs)
        if address and not is_mailable(address):
            raise ValidationError("Must be an address in ASCII, such as ada@example.org.")
        return address


class LinkToken(Text):
    """The token of a link, as the URL of the mail has it after its last slash."""

    def __init__(self, example: str) -> None:
        metadata = {"example": example}
        super().__init__(1, 200, trim=False, required=True, load_only=True, metadata=metadata)


class PasswordResetSchema(BodySchema):
    """The account whose password is forgotten."""

    login = Text(
        1,
        254,
        required=True,
        metadata={"description": "A username, or a verified e-mail address.", "example": USERNAME},
    )


class PasswordResetConfirmSchema(BodySchema):
    """The token of the link, and the new password."""

    token = LinkToken(RESET_TOKEN)
    new_password = NewPassword(NEW_PASSWORD)


class EmailSchema(Schema):
    """The e-mail address of your account."""

    email = fields.String(allow_none=True, metadata={"format": "email", "example": "ada@example.org"})
    verified = fields.Boolean(
        metadata={
            "description": "Whether you confirmed the address. Only a verified address receives links for a new "
            "password.",
            "example": True,
        }
    )


class EmailChangeSchema(BodySchema):
    """The address to confirm: that of the account, or another one."""

    email = MailAddress(required=True)


class EmailConfirmSchema(BodySchema):
    """The token of the link."""

    token = LinkToken(VERIFICATION_TOKEN)
