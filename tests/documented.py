"""The test client of the application: it fails on a response that the OpenAPI document does not describe."""

import re
from typing import Any, NamedTuple

from flask import Flask
from flask.testing import FlaskClient
from jsonschema_rs import Draft202012Validator
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from taskapi.api.errors import MEDIA_TYPE


class Documented(NamedTuple):
    """What the document says about an operation: the codes of its errors, and its schemas by status and media type."""

    codes: set[str]
    schemas: dict[tuple[str, str], Any]


DOCUMENTED: dict[str, Documented] = {}  # by operation; all applications have the same document
VALIDATORS: dict[str, Draft202012Validator] = {}


class DocumentedClient(FlaskClient):
    """A client that checks the code of every error, and the body of every JSON response, against the document."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request. Fails if its operation does not document the response."""
        response = super().open(*args, **kwargs)
        if response.is_streamed or not response.data or response.mimetype not in {"application/json", MEDIA_TYPE}:
            return response
        documented = _find(self.application, response.request.method, response.request.path)
        if documented is None:
            return response
        if response.mimetype == MEDIA_TYPE:
            assert response.json["code"] in documented.codes, f"undocumented: {response.request} {response.json}"
        status = str(response.status_code)
        schema = documented.schemas.get((status, response.mimetype)) or documented.schemas["default", MEDIA_TYPE]
        error = next(iter(VALIDATORS[schema].iter_errors(response.json)), None)
        assert error is None, f"not as documented: {response.request} {error}"
        return response


def _find(app: Flask, method: str, path: str) -> Documented | None:
    """Return what the document says about an operation; None for a route that is not in the document."""
    if not DOCUMENTED:
        document = super(DocumentedClient, app.test_client()).get("/openapi.json", base_url="https://localhost").json
        DOCUMENTED.update(_operations(document))
    try:
        rule, _ = app.url_map.bind("").match(path, "GET" if method == "HEAD" else method, return_rule=True)
    except HTTPException:
        return None
    return DOCUMENTED.get(rule.endpoint.rpartition(".")[2])


def error_codes(response: Any) -> list[str]:
    """Return the codes of the errors that a response of the document describes."""
    return re.findall(r"/problems/(\w+)\)", response["description"])


def _operations(document: Any) -> dict[str, Documented]:
    found = {}
    for operation in (item[method] for item in document["paths"].values() for method in item if method != "parameters"):
        codes, schemas = set(), {}
        for status, reference_or_response in operation["responses"].items():
            codes.update(error_codes(reference_or_response))
            name = reference_or_response.get("$ref", "").rsplit("/", 1)[-1]
            response = document["components"]["responses"][name] if name else reference_or_response
            for media_type, content in response.get("content", {}).items():
                schemas[status, media_type] = reference = content["schema"].get("$ref")
                if reference and reference not in VALIDATORS:
                    VALIDATORS[reference] = Draft202012Validator(
                        {"$ref": reference, "components": document["components"]}
                    )
        found[operation["operationId"]] = Documented(codes, schemas)
    return found
