"""The OpenAPI document: valid, whole, and true of what the application does."""

import json
import re

import pytest
import schemathesis
from surface import METHODS, routes


@pytest.fixture(scope="module")
def document(app):
    """The document."""
    return app.test_client().get("/openapi.json").json


def test_it_is_valid_openapi_3_1(app):
    schemathesis.openapi.from_wsgi("/openapi.json", app).validate()


def test_it_names_every_route_of_the_api_and_no_other(app, document):
    documented = {(m.upper(), path) for path, item in document["paths"].items() for m in item if m.upper() in METHODS}
    served = {(route.method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.rule)) for route in routes(app)}
    assert documented <= served
    assert {pair for pair in served if pair[1].startswith("/api/")} <= documented


def test_every_reference_leads_somewhere_and_every_component_is_used(document):
    references = set(re.findall(r'"\$ref": ?"#/components/(\w+)/(\w+)"', json.dumps(document)))
    components = {(kind, name) for kind, named in document["components"].items() for name in named}
    assert references <= components
    assert {pair for pair in components if pair[0] not in {"securitySchemes", "responses"}} <= references


def test_every_operation_says_what_it_does_and_what_it_answers(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method.upper() not in METHODS:
                continue
            assert operation["summary"].endswith("."), (method, path)
            assert operation["tags"], (method, path)
            assert any(status[0] == "2" for status in operation["responses"]), (method, path)
            if "security" in operation:
                assert {"401", "403"} <= operation["responses"].keys(), (method, path)
            if "{" in path:
                assert "404" in operation["responses"], (method, path)
