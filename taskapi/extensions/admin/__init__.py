"""Administration of accounts: /api/v1/admin and `flask users`."""

from taskapi.extensions import Extension
from taskapi.extensions.admin.commands import users
from taskapi.extensions.admin.routes import blp

EXTENSION = Extension(name="admin", blueprints=(blp,), commands=(users,))
