"""Schemas of the sign-in with the OpenID provider."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError

from taskapi.api.fields import Switch, Text
from taskapi.config import settings
from taskapi.extensions.openid.settings import require_openid

_PATH: Final = r"/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@%/-]*(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
_ORIGIN: Final = r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?"
_ADDRESS: Final = re.compile(rf"({_ORIGIN})?({_PATH})?", re.ASCII)


class Digits(Text):
    """A code, a challenge or a verifier: characters of base64url, a verifier also with dot and tilde (RFC 7636)."""

    def __init__(self, longest: int, example: str, description: str) -> None:
        self.form = re.compile(rf"[A-Za-z0-9._~-]{{43,{longest}}}")
        metadata = {"pattern": f"^{self.form.pattern}$", "example": example, "description": description}
        super().__init__(43, longest, trim=False, required=True, metadata=metadata)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if self.form.fullmatch(text) is None:
            raise ValidationError("Must have only letters, digits and `-._~`.")
        return text


class Address(Text):
    """The page that the browser returns to: a path here, or a page of this origin or of one that CORS allows."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        address = super()._deserialize(value, attr, data, **kwargs)
        own = urlsplit(require_openid().openid_public_url)
        found = _ADDRESS.fullmatch(address)
        if not found or found[1] not in {None, f"{own.scheme}://{own.netloc}", *settings().cors_origins}:
            raise ValidationError("Must be a path, or a page of an origin in TASKAPI_CORS_ORIGINS, without a fragment.")
        return address


class StartSchema(Schema):
    """The start of a sign-in at the provider."""

    next = Address(1, 500, load_default="/")
    challenge = Digits(43, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "BASE64URL(SHA-256(verifier)).")
    reauthenticate = Switch(load_default=False)
