"""The test client of the application: it fails on an error that the OpenAPI document does not list."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from taskapi.api.errors import MEDIA_TYPE

DOCUMENTED: dict[str, set[str]] = {}  # error codes by operation; all applications have the same document


class DocumentedClient(FlaskClient):
    """A client that checks every error response against the document."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request. Fails if its operation does not document the error that it gets."""
        response = super().open(*args, **kwargs)
        if response.mimetype == MEDIA_TYPE and response.data:
            codes = _documented_codes(self.application, response.request.method, response.request.path)
            assert codes is None or response.json["code"] in codes, f"undocumented: {response.request} {response.json}"
        return response


def _documented_codes(app: Flask, method: str, path: str) -> set[str] | None:
    """Return the error codes of an operation; None for a route that is not in the document."""
    if not DOCUMENTED:
        DOCUMENTED.update(
            _operations(
                super(DocumentedClient, app.test_client()).get("/openapi.json", base_url="https://localhost").json
            )
        )
    try:
        rule, _ = app.url_map.bind("").match(path, "GET" if method == "HEAD" else method, return_rule=True)
    except HTTPException:
        return None
    return DOCUMENTED.get(rule.endpoint.rpartition(".")[2])


def _operations(document: Any) -> dict[str, set[str]]:
    components = document["components"]["responses"]
    codes: dict[str, set[str]] = {}
    for operation in (item[method] for item in document["paths"].values() for method in item if method != "parameters"):
        names = {
            response["$ref"].rsplit("/", 1)[1] for response in operation["responses"].values() if "$ref" in response
        }
        contents = [content for name in names for content in components[name]["content"].values()]
        codes[operation["operationId"]] = {code for content in contents for code in content["examples"]}
    return codes
