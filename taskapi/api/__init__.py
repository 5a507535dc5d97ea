"""Our dialect of flask-smorest: Blueprint, problem, fields, and the OpenAPI document."""

from taskapi.api.blueprint import Blueprint, fields_of, refuse_version, require_match, respond
from taskapi.api.errors import invalid, problem

__all__ = ["Blueprint", "fields_of", "invalid", "problem", "refuse_version", "require_match", "respond"]
