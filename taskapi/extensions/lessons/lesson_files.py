"""The lessons: their files in the folder `course`, and where Task API does the same work."""

import ast
import shutil
from pathlib import Path
from typing import Final, NamedTuple

import taskapi

COURSE: Final = Path(__file__).with_name("course")
SOURCES: Final = Path(taskapi.__file__).parent


class Place(NamedTuple):
    """A function of Task API, and what it does. The path is that in the package."""

    path: str
    function: str
    work: str


LESSONS: Final = {
    1: "1_login",
    2: "2_by_hand",
    3: "3_strict",
    4: "4_secrets",
    5: "5_own_data",
    6: "6_roles",
    7: "7_refresh",
    8: "8_ending",
    9: "9_browser",
    10: "10_keys",
}  # the folder of each lesson
PLACES: Final = {
    1: (
        Place("auth/service.py", "sign_in", "checks the password; an unknown name takes the same time"),
        Place("security/passwords.py", "check_password", "compares a password with its bcrypt hash"),
        Place("security/guard.py", "bearer_token", "reads the token from the header Authorization only"),
        Place("security/guard.py", "authenticate", "returns the caller, or responds 401"),
        Place("users/routes.py", "show_account", "GET /me"),
    ),
    2: (
        Place("security/tokens.py", "issue_token", "signs the claims with the key of the service"),
        Place("security/jws.py", "parse_token", "splits a token, and reads header and claims unverified"),
        Place("security/tokens.py", "verify_token", "returns the caller of a token; caches verified tokens"),
        Place("security/jws.py", "base64url_decode", "accepts only the canonical encoding of each part"),
    ),
    3: (
        Place("security/tokens.py", "_header_error", "lets the key decide the algorithm"),
        Place("security/tokens.py", "_claims_error", "checks each claim by the table CLAIMS, and the lifetime"),
        Place("security/tokens.py", "_find_key", "checks header and claims before the signature"),
        Place("security/keys/key.py", "pem_to_jwk", "reads a PEM file as a key pair, never as a secret"),
        Place("security/keys/key.py", "_check_length", "rejects short keys"),
    ),
    4: (
        Place("config/sources.py", "refusals", "names all settings that prevent the start, together"),
        Place("config/sources.py", "is_guessable", "estimates how many guesses a secret needs, and knows common ones"),
        Place("config/sources.py", "exposure", "rejects a key file that others may read"),
        Place("security/keys/__init__.py", "init_keys", "loads the keys, or stops the start"),
        Place("security/keys/sources.py", "open_source", "opens a file, a variable or a secret manager"),
    ),
    5: (
        Place("resources/ownership.py", "is_owned", "limits a query to the rows of the caller"),
        Place("resources/ownership.py", "get_owned_or_404", "returns a row of the caller, or responds 404"),
        Place("tasks/queries.py", "find_tasks", "lists the tasks of the caller, and of nobody else"),
        Place("tasks/routes.py", "update_task", "PATCH: the schema names the fields that may be changed"),
        Place(
            "database/session.py",
            "set_rls_user",
            "lets PostgreSQL limit the transaction to the rows of the caller",
        ),
    ),
    6: (
        Place("security/rbac.py", "grants", "tells whether a role grants a permission, by the table GRANTS"),
        Place("security/guard.py", "requires", "declares the permission of a view"),
        Place("api/blueprint.py", "public", "declares that a view needs no token"),
        Place("security/guard.py", "check_request", "runs before each view, and rejects views without a declaration"),
    ),
    7: (
        Place("auth/sessions.py", "create_session", "starts a session with its first refresh token"),
        Place("auth/sessions.py", "store_token", "stores the SHA-256 of a refresh token"),
        Place("auth/sessions.py", "next_expiry", "returns when a session ends: unused for 7 days, or after 30 days"),
        Place("auth/refresh.py", "refresh_session", "exchanges a refresh token for its successor"),
        Place("auth/refresh.py", "_spend_token", "lets one of several parallel requests spend a token"),
        Place("auth/refresh.py", "_repeat_refresh", "tells a lost response from a theft"),
        Place("auth/refresh.py", "_end_stolen_session", "ends the session, and records the theft"),
    ),
    8: (
        Place("security/tokens.py", "is_revoked", "looks up the user, the epoch and the denylist in one statement"),
        Place("security/tokens.py", "revoke_tokens", "revokes one token by its jti, or all access tokens of a session"),
        Place("security/tokens.py", "prune_denylist", "deletes entries whose tokens have expired"),
        Place("auth/sessions.py", "end_session", "logs out: deletes the refresh tokens, and revokes the access tokens"),
        Place("auth/sessions.py", "end_caller_sessions", "logs out on all devices"),
    ),
    9: (
        Place("security/cookies.py", "set_token_cookies", "puts the tokens into HttpOnly cookies"),
        Place(
            "security/cookies.py",
            "cookie_name",
            "adds the prefix __Host-, so that no other host of the domain can set the cookie",
        ),
        Place("security/cookies.py", "require_csrf", "responds 403 without the CSRF value of the token"),
        Place("security/guard.py", "authenticate", "reads the header, or else the cookie, and then the CSRF value"),
        Place("security/headers.py", "init_headers", "adds the Content-Security-Policy and the headers of CORS"),
    ),
    10: (
        Place("security/keys/key.py", "read_key", "binds a key to its only algorithm"),
        Place("security/keys/rotation.py", "stage_key", "publishes a new key before it signs"),
        Place("security/keys/rotation.py", "promote_key", "lets it sign; the key before it still verifies"),
        Place("security/keys/rotation.py", "revoke_key", "retires a leaked key at once"),
        Place("security/keys/key_set.py", "_publish", "returns the public members of a key"),
        Place("security/keys/jwks.py", "show_jwks", "GET /.well-known/jwks.json"),
        Place("security/headers.py", "require_https", "rejects plain HTTP in production"),
    ),
}


def start_lesson(number: int, folder: Path) -> None:
    """Copy the files of a lesson to a new folder. Raises FileExistsError."""
    lesson = COURSE / LESSONS[number]
    folder.mkdir(parents=True)
    shutil.copyfile(start_file(number), folder / "app.py")  # without the mode: an installed file may be read-only
    for path in (lesson / "README.md", lesson / "test_lesson.py", lesson / "attack.py", COURSE / "pytest.ini"):
        shutil.copyfile(path, folder / path.name)


def start_file(number: int) -> Path:
    """Return the file that a lesson starts from: its own, or else the solution of the lesson before it."""
    own = COURSE / LESSONS[number] / "start.py"
    return own if own.is_file() else COURSE / LESSONS[number - 1] / "solution.py"


def line_of(place: Place) -> int:
    """Return the line of a function. Raises LookupError if it does not exist."""
    tree = ast.parse((SOURCES / place.path).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == place.function:
            return node.lineno
    raise LookupError(f"{place.path} has no function {place.function}")
