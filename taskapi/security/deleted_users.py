"""Errors of requests whose caller's account is deleted while they run: 401 instead of 404 or 500."""

from flask import Response, g

from taskapi.api.errors import Problem, respond_to_unexpected_error
from taskapi.security.tokens import is_revoked


def respond_to_database_error(error: Exception) -> Response:
    """Respond 401 if a request failed because its caller's account was deleted while it ran, otherwise 500."""
    try:
        is_deleted = "caller" in g and is_revoked(g.caller)
    except Problem as unavailable:
        return unavailable.get_response()
    if is_deleted:
        return Problem("token_revoked").get_response()
    return error.get_response() if isinstance(error, Problem) else respond_to_unexpected_error(error)


def respond_to_problem(problem: Problem) -> Response:
    """Respond with a problem; a 404 becomes 401 if the caller's account was deleted while the request ran."""
    return respond_to_database_error(problem) if problem.code_name == "not_found" else problem.get_response()
