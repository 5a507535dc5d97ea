"""The HTTP layer: the blueprint of the routes, parsing, fields, responses, errors and the OpenAPI document."""

from taskapi.api.blueprint import Blueprint, public
from taskapi.api.errors import invalid, problem
from taskapi.api.responses import dump, json_response, reject_version, require_match

__all__ = ["Blueprint", "dump", "invalid", "json_response", "problem", "public", "reject_version", "require_match"]
