"""Personal tokens: bearer tokens for scripts and integrations, with their own permissions and expiry."""

from taskapi.extensions import NAMES, Extension
from taskapi.extensions.personal_tokens.authentication import authenticate_personal_token
from taskapi.extensions.personal_tokens.routes import admin, blp
from taskapi.extensions.personal_tokens.schemas import PersonalTokenSettings
from taskapi.extensions.personal_tokens.secret import PREFIX

EXTENSION = Extension(
    name="personal_tokens",
    blueprints=(blp, admin) if "admin" in NAMES else (blp,),
    settings=PersonalTokenSettings,
    bearer_tokens={PREFIX: authenticate_personal_token},
)
