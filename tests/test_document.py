"""The OpenAPI document: it is complete, and every operation has a name, a description and its errors."""

import json
import re

import pytest
from surface import METHODS, access, declared, needs, routes

from taskapi.api.error_catalogue import CATALOGUE
from taskapi.security.guard import PUBLIC

LEFT_OUT = {
    "/openapi.json": "the document itself",
    "/docs": "pages that show the document",
    "/docs/": "pages that show the document",
    "/docs/<name>": "pages that show the document",
    "/problems/<code_name>": "pages that the document leads to",
    "/metrics": "text for Prometheus, which knows it",
} | declared("LEFT_OUT")
UNDOCUMENTED = {"access_undeclared", "method_not_allowed"}  # errors of routes that are not in the document
FIRST, LAST = ["auth", "me", "tasks"], ["health", "keys"]


@pytest.fixture(scope="module")
def document(app):
    """The document."""
    return app.test_client().get("/openapi.json").json


@pytest.fixture(scope="module")
def operations(document):
    """The operations of the document, by method and path."""
    items = document["paths"].items()
    return {(m.upper(), path): item[m] for path, item in items for m in item if m.upper() in METHODS}


def answers(document, operation):
    """Yield the responses of an operation, by status."""
    for status, answer in operation["responses"].items():
        name = answer.get("$ref", "").rsplit("/", 1)[-1]
        yield status, document["components"]["responses"][name] if name else answer


def codes(document, operation):
    """Return the codes of the errors that an operation documents."""
    problems = (answer["content"].get("application/problem+json", {}) for _, answer in answers(document, operation)
                if "content" in answer)  # fmt: skip
    return {code for problem in problems for code in problem.get("examples", ())}


def test_document_has_every_route_except_those_listed(app, operations):
    served = {
        (route.method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.rule))
        for route in routes(app)
        if route.rule not in LEFT_OUT
    }
    assert served == operations.keys()


def test_excluded_routes_exist_outside_the_api(app):
    assert {route.rule for route in routes(app)} >= LEFT_OUT.keys()
    assert [rule for rule in LEFT_OUT if rule.startswith("/api/")] == []


@needs("transfer")
def test_every_reference_resolves_and_every_component_is_used(document):
    references = set(re.findall(r'"\$ref": ?"#/components/(\w+)/([\w.-]+)"', json.dumps(document)))
    components = {(kind, name) for kind, named in document["components"].items() for name in named}
    assert references <= components
    assert {kind for kind, _ in components - references} == {"securitySchemes", "examples"}
    assert {name for kind, name in components - references if kind == "examples"} == UNDOCUMENTED


def test_groups_are_in_order_and_have_operations(document, operations):
    names = [tag["name"] for tag in document["tags"]]
    assert (names[:3], names[-2:]) == (FIRST, LAST)
    assert "admin" not in names[:-3]
    assert all(tag["description"].endswith(".") for tag in document["tags"])
    assert {tag for operation in operations.values() for tag in operation["tags"]} == {*names}


def test_every_operation_has_a_unique_descriptive_name(operations):
    names = [operation["operationId"] for operation in operations.values()]
    assert len({*names}) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


def test_every_operation_describes_itself_and_its_responses(document, operations, subtests):
    for name, operation in operations.items():
        with subtests.test(operation=name):
            assert operation["summary"].endswith(".")
            assert "\n" not in operation["summary"]
            assert len(operation["tags"]) == 1
            assert any(status[0] == "2" for status in operation["responses"])
            assert {"default", "422"} <= operation["responses"].keys()
            for status, answer in answers(document, operation):
                assert answer["description"]
                assert "X-Request-ID" in answer["headers"]
                assert ("RateLimit" in answer["headers"]) == (status in {"200", "201", "204", "429"})


def test_every_schema_has_a_description(document):
    silent = [name for name, schema in document["components"]["schemas"].items() if not schema.get("description")]
    assert silent == []


def test_every_parameter_has_a_description(document, operations, subtests):
    for name, operation in operations.items():
        for parameter in (*document["paths"][name[1]].get("parameters", ()), *operation.get("parameters", ())):
            with subtests.test(operation=name, parameter=parameter["name"]):
                assert parameter["description"].endswith(".")


def test_every_error_response_links_to_the_pages_of_its_codes(document, operations, subtests):
    for name, operation in operations.items():
        for status, answer in answers(document, operation):
            if status[0] not in "45d":
                continue
            with subtests.test(operation=name, status=status):
                content = answer["content"]["application/problem+json"]
                told = content["schema"]["allOf"][1]["properties"]["code"]["enum"]
                assert [*content["examples"]] == told
                assert all(f"(/problems/{code})" in answer["description"] for code in told)
                assert {str(CATALOGUE[code].status) for code in told} == {status} or status == "default"


@needs("transfer")
def test_every_error_of_the_catalogue_is_documented(document, operations):
    told = {code for operation in operations.values() for code in codes(document, operation)}
    assert told == CATALOGUE.keys() - UNDOCUMENTED


def test_every_operation_documents_its_permission(app, document, operations, subtests):
    for route in routes(app):
        name = (route.method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.rule))
        declared = access(app, route)
        if name not in operations:
            continue
        with subtests.test(operation=name):
            operation = operations[name]
            if declared == PUBLIC:
                assert operation["security"] == [] or {} in operation["security"]
                assert "Needs no access token." in operation["description"]
                continue
            bearer, cookie = operation["security"]
            assert bearer == {"bearer": [declared.permission]}
            assert cookie == {"cookie": [declared.permission]} | ({"csrf": []} if route.method != "GET" else {})
            assert f"Needs the permission `{declared.permission}`" in operation["description"]
            assert ("must come from a password" in operation["description"]) == declared.fresh
            expected = {"token_expired", "token_revoked", "permission_denied", "too_many_requests", "unavailable"}
            assert expected <= codes(document, operation)
            assert ("fresh_token_required" in codes(document, operation)) == declared.fresh
            assert ("csrf_failed" in codes(document, operation)) == (route.method != "GET")


def test_security_schemes_match_the_application(document):
    schemes = document["components"]["securitySchemes"]
    assert schemes["bearer"]["scheme"] == "bearer"
    assert {scheme["name"] for scheme in schemes.values() if "name" in scheme} == {
        "__Host-access_token", "__Host-refresh_token", "X-CSRF-TOKEN",
    }  # fmt: skip
    assert all(scheme["description"] for scheme in schemes.values())


def test_document_supports_conditional_requests(client):
    answer = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert answer.headers["Cache-Control"] == again.headers["Cache-Control"] == "public, max-age=0"
