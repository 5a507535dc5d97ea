"""Imports: users add the tasks of a JSON file. Other extensions import other formats."""

from taskapi.extensions import Extension
from taskapi.extensions.imports.routes import blp

EXTENSION = Extension(name="imports", blueprints=(blp,))
