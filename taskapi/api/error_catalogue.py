"""The catalogue of errors, by code. Extensions add theirs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

BEARER = "Bearer"
INVALID = 'Bearer error="invalid_token"'
INSUFFICIENT_SCOPE = 'Bearer error="insufficient_scope"'
STEP_UP = 'Bearer error="insufficient_user_authentication"'


class Entry(NamedTuple):
    """An error: its status, its message, the advice on its page, and its headers."""

    status: int
    detail: str
    advice: str
    headers: Mapping[str, str] = MappingProxyType({})


CATALOGUE = {
    "malformed_request": Entry(
        400, "The request is malformed.", "Check the request line, its headers and its encoding."
    ),
    "malformed_json": Entry(
        400,
        "The body is not valid JSON.",
        "Send UTF-8 JSON with at most 64 levels, 200 members of an object or array, and 10,000 values. NaN, Infinity "
        "and numbers larger than a double are not JSON.",
    ),
    "invalid_cursor": Entry(
        400,
        "The cursor does not belong to this list.",
        "A cursor is valid only for its user and for the same filters and sort order. Start again without a cursor.",
    ),
    "token_missing": Entry(
        401,
        "Authorization token is missing.",
        "Send `Authorization: Bearer <access token>`, with a token from /api/v1/auth/login.",
        {"WWW-Authenticate": BEARER},
    ),
    "token_malformed": Entry(
        401,
        "Malformed token.",
        "An access token has three base64url parts, separated by dots. Send the complete token without quotes.",
        {"WWW-Authenticate": INVALID},
    ),
    "token_invalid": Entry(
        401,
        "Invalid token signature or claims.",
        "The token was not issued by this service, or it was changed. Refresh once; if that fails, sign in again.",
        {"WWW-Authenticate": INVALID},
    ),
    "token_expired": Entry(
        401,
        "Token has expired. Please re-authenticate.",
        "Access tokens expire after a few minutes. Refresh, then repeat the request.",
        {"WWW-Authenticate": INVALID},
    ),
    "token_revoked": Entry(
        401,
        "Token has been revoked.",
        "Its session has ended, or your account has changed. Refresh once; if that fails, sign in again.",
        {"WWW-Authenticate": INVALID},
    ),
    "fresh_token_required": Entry(
        401,
        "This operation needs a token from a recent password entry.",
        "Send your password to /api/v1/auth/verify-password and use the returned token. A refresh does not help.",
        {"WWW-Authenticate": STEP_UP},
    ),
    "invalid_refresh_token": Entry(
        401,
        "The refresh token is not valid.",
        "The refresh token is missing, was used before or has expired, or its session has ended. Sign in again.",
        {"WWW-Authenticate": INVALID},
    ),
    "invalid_credentials": Entry(
        401,
        "The username or password is wrong.",
        "Check both. The response is the same if the username does not exist.",
        {"WWW-Authenticate": BEARER},
    ),
    "access_undeclared": Entry(
        403,
        "This route does not declare its access, so every request is rejected.",
        "This is an error in the service: the view has neither @requires nor @public.",
    ),
    "permission_denied": Entry(
        403,
        "Your role does not grant this permission.",
        "Ask an administrator for a role that grants the permission in `permission`.",
        {"WWW-Authenticate": INSUFFICIENT_SCOPE},
    ),
    "csrf_failed": Entry(
        403,
        "The CSRF header is missing or wrong.",
        "With cookies, unsafe methods need the header X-CSRF-TOKEN. Its value is the `csrf_access_token` of the login "
        "response or of the cookie; to refresh and to log out, it is the `csrf_refresh_token`.",
    ),
    "registration_closed": Entry(
        403, "Only an administrator can create accounts here.", "Ask an administrator for an account."
    ),
    "https_required": Entry(
        403,
        "This service accepts HTTPS only.",
        "Use https://. A token that was sent over plain HTTP may have been read: sign out, then sign in again.",
    ),
    "not_found": Entry(
        404,
        "The resource does not exist.",
        "Check the URL. Other users' resources return 404, as if they did not exist.",
    ),
    "method_not_allowed": Entry(
        405, "This URL does not support the method.", "The `Allow` header lists the supported methods."
    ),
    "username_taken": Entry(409, "The username is taken.", "Choose another username."),
    "name_taken": Entry(
        409, "Another of your resources has this name.", "Choose another name. Upper and lower case do not matter."
    ),
    "project_archived": Entry(
        409,
        "The project is archived.",
        "An archived project accepts no new tasks. Set its `archived` to false first, or choose another project.",
    ),
    "in_trash": Entry(409, "The resource is in the trash.", "Restore its project or parent first, then the resource."),
    "quota_exceeded": Entry(
        409, "You have reached a quota.", "Delete some resources permanently, with `?permanent=true`, then try again."
    ),
    "response_not_stored": Entry(
        409,
        "This request was processed before, and its response is no longer stored.",
        "Read the resource that the request created. With another key, the request would be processed again.",
    ),
    "last_admin": Entry(
        409,
        "The last active administrator cannot be removed.",
        "Add the role `admin` to another user first.",
    ),
    "version_mismatch": Entry(
        412,
        "The resource has changed since you read it.",
        "`current` is the current resource. Merge your changes, then send its `version` as If-Match.",
    ),
    "body_too_large": Entry(413, "The body is too large.", "Send a smaller body."),
    "uri_too_long": Entry(414, "The URL is too long.", "Send a shorter query."),
    "unsupported_media_type": Entry(
        415,
        "The body must be JSON.",
        "Send `Content-Type: application/json`, in UTF-8 and without Content-Encoding.",
    ),
    "idempotency_key_in_use": Entry(
        409,
        "The first request with this Idempotency-Key is still running.",
        "Wait for the number of seconds in `Retry-After`, then send the same request again to get its response.",
        {"Retry-After": "5"},
    ),
    "idempotency_key_reused": Entry(
        422,
        "This Idempotency-Key was used for another request.",
        "Use a new key for each request. Send a key again only with the same request.",
    ),
    "validation_failed": Entry(422, "The request has invalid values.", "`errors` lists the messages of each field."),
    "too_many_requests": Entry(429, "Too many requests.", "Wait for the number of seconds in `Retry-After`."),
    "headers_too_large": Entry(431, "The headers are too large.", "Send fewer or shorter headers."),
    "internal_error": Entry(
        500, "An unexpected error occurred.", "Report the `request_id`. The log contains the cause under this id."
    ),
    "signing_unavailable": Entry(
        503,
        "This instance verifies tokens, and does not issue them.",
        "Sign in and refresh at the instance that issues tokens. Its tokens are valid here.",
    ),
    "unavailable": Entry(
        503,
        "The service is temporarily unavailable.",
        "Try again after the number of seconds in `Retry-After`.",
        {"Retry-After": "2"},
    ),
}
BY_STATUS = {
    400: "malformed_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 414: "uri_too_long",
    415: "unsupported_media_type", 429: "too_many_requests", 431: "headers_too_large", 503: "unavailable",
}  # fmt: skip
