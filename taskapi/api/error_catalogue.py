"""Every kind of error, by its code."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

BEARER = "Bearer"
INVALID = 'Bearer error="invalid_token"'
INSUFFICIENT_SCOPE = 'Bearer error="insufficient_scope"'
STEP_UP = 'Bearer error="insufficient_user_authentication"'


class Entry(NamedTuple):
    """A kind of error: its status, what is said of it, and what the reader of its page can do."""

    status: int
    detail: str
    advice: str
    headers: Mapping[str, str] = MappingProxyType({})


CATALOGUE = {
    "malformed_request": Entry(
        400, "The request cannot be understood.", "Check the request line, its headers and its encoding."
    ),
    "malformed_json": Entry(
        400,
        "The body is not valid JSON.",
        "Send UTF-8 JSON without NaN, Infinity, numbers beyond a double, more than 64 levels, 200 members of an object "
        "or array, or 10,000 values.",
    ),
    "malformed_csv": Entry(
        400,
        "The body is not valid CSV.",
        "Send UTF-8 with a header, commas between cells, and quotes around those that hold commas, quotes or lines.",
    ),
    "invalid_cursor": Entry(
        400,
        "The cursor is not one of this list.",
        "A cursor serves only its owner, with the filters and sort it came with. Start again without one.",
    ),
    "token_missing": Entry(
        401,
        "Authorization token is missing.",
        "Send `Authorization: Bearer <access token>`; a token comes from /api/v1/auth/login.",
        {"WWW-Authenticate": BEARER},
    ),
    "token_malformed": Entry(
        401,
        "Malformed token.",
        "An access token has three base64url parts joined by dots. Send it whole, without quotes.",
        {"WWW-Authenticate": INVALID},
    ),
    "token_invalid": Entry(
        401,
        "Invalid token signature or claims.",
        "The token was not issued by this service, or was altered. Refresh once, then sign in.",
        {"WWW-Authenticate": INVALID},
    ),
    "token_expired": Entry(
        401,
        "Token has expired. Please re-authenticate.",
        "Access tokens are short-lived. Refresh, and repeat the request.",
        {"WWW-Authenticate": INVALID},
    ),
    "token_revoked": Entry(
        401,
        "Token has been revoked.",
        "Its session was ended, or your account changed. Refresh once; sign in again where that fails.",
        {"WWW-Authenticate": INVALID},
    ),
    "fresh_token_required": Entry(
        401,
        "This needs a token from a recent password entry.",
        "Send your password to /api/v1/auth/verify-password, and use the token that comes back. A refresh is no help.",
        {"WWW-Authenticate": STEP_UP},
    ),
    "invalid_refresh_token": Entry(
        401,
        "The refresh token is not valid.",
        "None was sent, it was used before, it has expired, or its session was ended. Sign in again.",
        {"WWW-Authenticate": INVALID},
    ),
    "invalid_credentials": Entry(
        401,
        "The username or the password is wrong.",
        "Check both. The answer is the same for a name that does not exist.",
        {"WWW-Authenticate": BEARER},
    ),
    "access_undeclared": Entry(
        403,
        "This route declares no access, so nobody has it.",
        "A fault of the service: the view lacks @requires or @public.",
    ),
    "permission_denied": Entry(
        403,
        "Your role does not grant this permission.",
        "Ask an administrator for a role that grants the permission named.",
        {"WWW-Authenticate": INSUFFICIENT_SCOPE},
    ),
    "csrf_failed": Entry(
        403,
        "The CSRF header is missing or wrong.",
        "With cookies, unsafe methods need X-CSRF-TOKEN: the `csrf_access_token` of the sign-in's response, or of its "
        "cookie; to refresh and to log out, the `csrf_refresh_token`.",
    ),
    "registration_closed": Entry(
        403, "Accounts are opened by an administrator here.", "Ask an administrator for an account."
    ),
    "https_required": Entry(
        403,
        "This service is reached by HTTPS only.",
        "Use https://, and treat a token that was sent in the clear as lost: sign out and in again.",
    ),
    "not_found": Entry(
        404,
        "There is no such thing here.",
        "Check the address. What belongs to somebody else looks as if it did not exist.",
    ),
    "method_not_allowed": Entry(
        405, "This address does not take that method.", "The `Allow` header lists the methods it takes."
    ),
    "username_taken": Entry(409, "That username is taken.", "Choose another."),
    "name_taken": Entry(
        409, "Another of yours has that name.", "Choose another; upper and lower case make no difference."
    ),
    "project_archived": Entry(
        409,
        "The project is archived.",
        "An archived project takes no new tasks. Set its `archived` to false first, or choose another project.",
    ),
    "in_trash": Entry(409, "It is in the trash.", "Restore it first; what it belongs to before it."),
    "quota_exceeded": Entry(
        409, "You have as many of these as you may.", "Delete some for good, with `?permanent=true`, and try again."
    ),
    "batch_too_large": Entry(
        409,
        "The batch changes or returns too much.",
        "Send fewer operations at once. One operation alone may change any number of subtasks.",
    ),
    "answer_not_kept": Entry(
        409,
        "This request was done before, and its response is no longer kept.",
        "Read what it made. Sent under another key, it would be done again.",
    ),
    "last_admin": Entry(
        409,
        "Nobody else could manage accounts.",
        "The last active administrator stays one. Make somebody else an administrator first.",
    ),
    "version_mismatch": Entry(
        412,
        "It has been changed since you read it.",
        "`current` is what it is now: merge, and send its `version` as If-Match.",
    ),
    "body_too_large": Entry(413, "The body is larger than this service takes.", "Send less at once."),
    "uri_too_long": Entry(414, "The address is too long.", "Shorten the query."),
    "unsupported_media_type": Entry(
        415,
        "The body must be JSON.",
        "Send `Content-Type: application/json`, in UTF-8 and without Content-Encoding.",
    ),
    "idempotency_key_in_use": Entry(
        409,
        "The request with this Idempotency-Key is still under way.",
        "Wait for as many seconds as `Retry-After` says, then send the same request again to get its response.",
        {"Retry-After": "5"},
    ),
    "idempotency_key_reused": Entry(
        422,
        "This Idempotency-Key came with another request before.",
        "Make a new key for each new request; send the old one with the same request only.",
    ),
    "validation_failed": Entry(
        422, "The request has invalid values.", "`errors` names each field and what is wrong with it."
    ),
    "too_many_requests": Entry(429, "Too many requests.", "Wait for as many seconds as `Retry-After` says."),
    "headers_too_large": Entry(431, "The headers are too large.", "Send fewer or shorter headers."),
    "internal_error": Entry(
        500, "Something went wrong on our side.", "Report the `request_id`; the log has the cause under it."
    ),
    "signing_unavailable": Entry(
        503,
        "Nobody signs in here: this instance verifies tokens, and issues none.",
        "Sign in and refresh at the instance that issues them; its tokens are good here.",
    ),
    "unavailable": Entry(
        503,
        "The service cannot answer for the moment.",
        "Try again after as many seconds as `Retry-After` says.",
        {"Retry-After": "2"},
    ),
}
BY_STATUS = {
    400: "malformed_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 414: "uri_too_long",
    415: "unsupported_media_type", 429: "too_many_requests", 431: "headers_too_large", 503: "unavailable",
}  # fmt: skip
