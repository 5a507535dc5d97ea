"""A client of the application for every test: it takes no error that the OpenAPI document does not tell of."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from taskapi.api.errors import MEDIA_TYPE

TOLD: dict[str, set[str]] = {}  # codes by operation; of the first application that is asked, as all have one document


class DocumentedClient(FlaskClient):
    """A client whose errors are held to the document, wherever a test meets them."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request; fails where it is answered by an error that its operation does not have."""
        answer = super().open(*args, **kwargs)
        if answer.mimetype == MEDIA_TYPE and answer.data:
            told = _told_of(self.application, answer.request.method, answer.request.path)
            assert told is None or answer.json["code"] in told, f"undocumented: {answer.request} {answer.json}"
        return answer


def _told_of(app: Flask, method: str, path: str) -> set[str] | None:
    """Return the codes that an operation tells of; None for what is no operation of the document."""
    if not TOLD:
        TOLD.update(
            _operations(
                super(DocumentedClient, app.test_client()).get("/openapi.json", base_url="https://localhost").json
            )
        )
    try:
        rule, _ = app.url_map.bind("").match(path, "GET" if method == "HEAD" else method, return_rule=True)
    except HTTPException:
        return None
    return TOLD.get(rule.endpoint.rpartition(".")[2])


def _operations(document: Any) -> dict[str, set[str]]:
    components = document["components"]["responses"]
    told: dict[str, set[str]] = {}
    for operation in (item[method] for item in document["paths"].values() for method in item if method != "parameters"):
        names = {answer["$ref"].rsplit("/", 1)[1] for answer in operation["responses"].values() if "$ref" in answer}
        contents = [content for name in names for content in components[name]["content"].values()]
        told[operation["operationId"]] = {code for content in contents for code in content["examples"]}
    return told
