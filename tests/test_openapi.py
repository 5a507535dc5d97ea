"""The OpenAPI document: it is valid, and the application conforms to it."""

from functools import partial
from uuid import uuid4

import pytest
import schemathesis
from conftest import PASSWORD
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from surface import collections, declared

pytestmark = pytest.mark.slow

load_all_checks()
EXAMPLES = 5
ENDING = {"POST /api/v1/auth/logout", "DELETE /api/v1/auth/sessions", "PUT /api/v1/me/password", "DELETE /api/v1/me"}
TAKING = {"parameters", "requestBody", "security"}  # operations without these have no invalid requests
EVERYWHERE = {  # on any response, so that the operations do not list them
    "content-type", "content-length", "date", "vary", "set-cookie", "ratelimit", "ratelimit-policy",
    "content-security-policy", "cross-origin-resource-policy", "permissions-policy", "referrer-policy",
    "x-content-type-options",
}  # fmt: skip
ACCEPTABLE = {
    "password": PASSWORD, "current_password": PASSWORD, "new_password": PASSWORD, "timezone": "Europe/Berlin",
    "due_at": None, "project_id": None, "parent_id": None, "completed_at": None, "recurrence": None,
    "reminders": [],
}  # fmt: skip
INSTANTS = {f"{event}_{side}" for event in ("created", "updated", "completed", "due") for side in ("after", "before")}


def test_document_is_valid_openapi_3_1(app):
    schemathesis.openapi.from_wsgi("/openapi.json", app).validate()


def documented_status(_ctx, response, case):
    """The operation documents the status by itself, not by `default`."""
    assert str(response.status_code) in case.operation.definition.raw["responses"]


def documented_headers(_ctx, response, case):
    """Every header of a response is documented, or one that all responses have."""
    answer = case.operation.definition.raw["responses"][str(response.status_code)]
    if "$ref" in answer:
        answer = case.operation.schema.raw_schema["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
    of_errors = {"cache-control"} if response.status_code >= 400 else set()  # always no-store
    known = EVERYWHERE | of_errors | {name.lower() for name in answer.get("headers", {})}
    assert {*response.headers} <= known, {*response.headers} - known


@pytest.fixture
def things(app, owner, signed_in):
    """Create a resource for an id in a path: one of the administrator who sends the request, or a user."""

    add = {collection.id_name: collection.add for collection in collections(app)} | declared("MAKERS")

    def make(asking, name):
        if name == "user_id":
            return signed_in().get("/api/v1/me").json["id"]
        if name == "session_id":
            credentials = {"username": asking.username, "password": PASSWORD}
            return app.test_client().post("/api/v1/auth/login", json=credentials).json["session_id"]
        return add[name](asking)

    return make


@pytest.mark.parametrize("mode", GenerationMode)
def test_application_conforms_to_the_document(app, signed_in, things, subtests, mode):
    """Every operation accepts generated valid requests, and rejects generated invalid ones."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    schema.config.checks.positive_data_acceptance.expected_statuses += ["410", "412"]  # the version is not the latest
    admin = signed_in("admin")
    for operation in (found.ok() for found in schema.get_all_operations()):
        if mode is GenerationMode.NEGATIVE and not any(operation.definition.raw.get(name) for name in TAKING):
            continue
        if mode is GenerationMode.POSITIVE and "multipart/form-data" in str(operation.definition.raw):
            continue  # a file of random bytes is not CSV; test_csv_import.py sends CSV
        if "text/event-stream" in str(operation.definition.raw):
            continue  # Schemathesis compares each event with the schema of the body
        with subtests.test(operation=operation.label):
            sign_in = partial(signed_in, "admin") if operation.label in ENDING else lambda: admin
            try_out(operation, mode, sign_in, things)


def try_out(operation, mode, sign_in, things):
    """Send generated requests of an operation, and check the responses."""

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=[*HealthCheck],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case):
        asking = sign_in()
        if mode is GenerationMode.POSITIVE:
            make_acceptable(case, asking, things)
        else:
            assume(not any(is_absent(value) for value in (case.query or {}).values()))
            assume(not is_padded(case.body))  # spaces around a line are trimmed before validation
        headers = {"Authorization": f"Bearer {asking.token}"}
        case.call_and_validate(headers=headers, additional_checks=[documented_status, documented_headers])

    run()


def is_absent(value):
    """Tell whether a query parameter is sent with an empty value, which means that it is absent."""
    return value in ("", None, [], [""]) or isinstance(value, dict)


def is_padded(value):
    """Tell whether a text of a body has spaces around it."""
    if isinstance(value, dict | list):
        return any(is_padded(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and value != value.strip()


def make_acceptable(case, asking, things):
    """Set what a schema cannot express: ids exist, an Idempotency-Key is new, a cursor comes from the service."""
    for name in case.path_parameters or {}:
        case.path_parameters[name] = things(asking, name)
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = uuid4().hex
    if "cursor" in (case.query or {}):
        del case.query["cursor"]
    if "project_id" in (case.query or {}):
        case.query["project_id"] = things(asking, "project_id")
    for name in (case.query or {}).keys() & INSTANTS:  # the day exists in every month
        case.query[name] = case.query[name][:8] + "28" + case.query[name][10:]
    if "sort" in (case.query or {}):  # each key once
        case.query["sort"] = ",".join({key.removeprefix("-"): key for key in case.query["sort"].split(",")}.values())
    if isinstance(case.body, dict):
        case.body = acceptable(case.body)
        case.body |= {name: make(asking) for name, make in declared("MAKERS").items() if name in case.body}
        case.body |= declared("NEEDED").get(case.operation.definition.raw["operationId"], {})
    assert case.meta.generation.mode is GenerationMode.POSITIVE, "it was a good request before"


def acceptable(value):
    """Set what a schema cannot express: valid passwords, time zones and ids, and only one due date."""
    if isinstance(value, list):
        return [acceptable(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "count" in value:
        return {"op": "trash", "count": 0}
    if "op" in value:
        return {"op": "create", "data": {"title": "Water the plants"}}
    left_out = {"id", "expires_at"}  # an expiry is in the next year
    return {name: ACCEPTABLE.get(name, acceptable(item)) for name, item in value.items() if name not in left_out}
