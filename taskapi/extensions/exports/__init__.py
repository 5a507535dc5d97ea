"""Exports: users export their tasks as files, and their whole account."""

from taskapi.extensions import Extension
from taskapi.extensions.exports.downloads import ExportSettings
from taskapi.extensions.exports.routes import blp, me

EXTENSION = Extension(name="exports", blueprints=(blp, me), settings=ExportSettings)
