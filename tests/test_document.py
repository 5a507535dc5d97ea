"""The OpenAPI document: it is complete, and every operation has a name, a description and its errors."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from documented import error_codes
from surface import METHODS, access, declared, needs, routes

from taskapi.api.error_catalogue import CATALOGUE
from taskapi.security.guard import PUBLIC
from taskapi.security.rbac import Permission, Role

LEFT_OUT = {
    "/openapi.json": "the document itself",
    "/docs": "pages that show the document",
    "/docs/": "pages that show the document",
    "/docs/<name>": "pages that show the document",
    "/problems/<code_name>": "pages that the document leads to",
    "/metrics": "text for Prometheus, which knows it",
} | declared("LEFT_OUT")
# Errors of routes that are not in the document
UNDOCUMENTED = {"access_undeclared", "method_not_allowed"} | declared("UNDOCUMENTED", set)
BODIES = {
    "Register", "Login", "Refresh", "Password", "PasswordChange", "CreateTask", "UpdateTask", "DeleteTask", "Batch",
    "TaskFile", "FileTask", "TaskMove", "Upload", *declared("BODIES", set),
}  # fmt: skip
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


def responses(document, operation):
    """Yield the responses of an operation, by status. A description beside a reference overrides that of the target."""
    for status, response in operation["responses"].items():
        name = response.get("$ref", "").rsplit("/", 1)[-1]
        yield status, document["components"]["responses"][name] | response if name else response


def codes(document, operation):
    """Return the codes of the errors that an operation documents."""
    return {code for _, response in responses(document, operation) for code in error_codes(response)}


def test_first_requests_at_once_get_the_whole_document(make_app, document):
    """It is created when it is first requested."""
    app = make_app()
    with ThreadPoolExecutor(4) as pool:
        responses = [*pool.map(lambda _: app.test_client().get("/openapi.json"), range(4))]
    assert [response.json for response in responses] == [document] * 4


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


@needs("exports")
def test_every_reference_resolves_and_every_component_is_used(document):
    references = set(re.findall(r'"\$ref": ?"#/components/(\w+)/([\w.-]+)"', json.dumps(document)))
    components = {(kind, name) for kind, named in document["components"].items() for name in named}
    assert references <= components
    assert {kind for kind, _ in components - references} == {"securitySchemes"}


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
            for status, response in responses(document, operation):
                assert response["description"]
                assert "X-Request-ID" in response["headers"]
                assert ("RateLimit" in response["headers"]) == (status in {"200", "201", "202", "204", "429"})


def test_every_schema_has_a_description(document):
    silent = [name for name, schema in document["components"]["schemas"].items() if not schema.get("description")]
    assert silent == []


def objects(schema):
    """Yield the inline objects of a schema that have members; references are not followed."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for name, value in schema.items():
            if name not in {"example", "examples"}:
                yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


def test_every_object_and_enum_is_a_component(document, operations):
    for name, schema in document["components"]["schemas"].items():
        parts = [*schema.get("properties", {}).values()]
        assert [*objects(parts)] == [], name
        assert '"enum"' not in json.dumps(parts), name
    assert [*objects([*operations.values()])] == []
    assert '"enum"' not in json.dumps([*operations.values()])
    assert '"anyOf"' not in json.dumps([*operations.values()])


def test_enums_list_the_values_of_the_code(document):
    enums = {name: {*schema["enum"]} for name, schema in document["components"]["schemas"].items() if "enum" in schema}
    assert enums["Permission"] == {*Permission}
    assert enums["Role"] == {*Role}
    assert enums["ErrorCode"] == CATALOGUE.keys()
    assert document["components"]["schemas"]["Problem"]["properties"]["permission"]["$ref"].endswith("/Permission")


def is_body(document, name):
    """Return whether a component is only part of requests."""
    return name in BODIES or name.endswith(("Create", "Patch", "Restore"))


def is_sign_in(schema):
    return "refresh_expires_in" in schema.get("properties", {})


def test_every_member_of_a_response_is_required_except_those_listed(document):
    optional = {
        (name, member)
        for name, schema in document["components"]["schemas"].items()
        if not is_body(document, name)
        for member in schema.get("properties", {}).keys() - schema.get("required", ())
        if member not in {"index", "count", "task_id", "permission", "down", "challenge"}
    }
    places = {("ValidationErrors", place) for place in ("json", "query", "path", "header", "csv", "form")}
    sign_ins = [name for name, schema in document["components"]["schemas"].items() if is_sign_in(schema)]
    tokens = {(name, member) for name in ("AccessToken", *sign_ins) for member in ("access_token", "csrf_access_token")}
    tokens |= {(name, member) for name in sign_ins for member in ("refresh_token", "csrf_refresh_token")}
    assert optional == places | tokens | {
        ("ValidationProblem", "errors_omitted"), ("ValidationProblem", "invalid_rows"),
        *(("Jwk", member) for member in ("crv", "x", "y", "n", "e")),
    }  # fmt: skip


def test_no_schema_or_member_has_a_default_or_is_read_only(document):
    for name, schema in document["components"]["schemas"].items():
        for member, part in {"": schema, **schema.get("properties", {})}.items():
            assert {"default", "readOnly", "writeOnly"}.isdisjoint(part), (name, member)


@needs("changes")
def test_unions_name_their_schemas_by_a_member(document):
    schemas = document["components"]["schemas"]
    unions = {name: schema for name, schema in schemas.items() if "discriminator" in schema}
    assert "Change" in unions
    for union in unions.values():
        kinds = union["discriminator"]
        assert [{"$ref": reference} for reference in kinds["mapping"].values()] == union["oneOf"]
        for kind, reference in kinds["mapping"].items():
            schema = schemas[reference.rsplit("/", 1)[1]]
            assert schema["properties"][kinds["propertyName"]]["const"] == kind
            assert kinds["propertyName"] in schema["required"]


def test_created_resource_links_to_its_operations(document, operations):
    named = {operation["operationId"]: name for name, operation in operations.items()}
    linked = set()
    for (_, path), operation in operations.items():
        for link in operation["responses"].get("201", {}).get("links", {}).values():
            [(parameter, source)] = link["parameters"].items()
            method, item = named[link["operationId"]]
            assert (item, source) == (f"{path}/{{{parameter}}}", "$response.body#/id")
            linked.add((method, path.rsplit("/", 1)[1]))
    methods = ("GET", "PATCH", "DELETE")
    assert linked >= {(method, name) for method in methods for name in ("tasks", "projects", "labels")}


def test_server_address_is_that_of_the_request_if_the_host_is_trusted(make_app):
    client = make_app(TRUSTED_HOSTS="tasks.example.org").test_client()
    response = client.get("/openapi.json", base_url="https://tasks.example.org:8443")
    assert response.json["servers"] == [{"url": "https://tasks.example.org:8443"}]
    forged = client.get("/openapi.json", base_url="https://elsewhere.example")
    assert (forged.status_code, "elsewhere" in forged.text) == (400, False)


def test_command_prints_the_document_that_is_served(app, document):
    printed = app.test_cli_runner().invoke(args=["openapi", "print"])
    assert json.loads(printed.output) == document | {"servers": [{"url": "/"}]}


def test_new_password_has_the_limits_of_the_settings(document, make_app):
    strict = make_app(PASSWORD_MIN_LENGTH=20).test_client().get("/openapi.json").json
    for least, found in ((12, document), (20, strict)):
        schemas = found["components"]["schemas"]
        for name, member in (("Register", "password"), ("PasswordChange", "new_password")):
            limits = schemas[name]["properties"][member]
            assert (limits["minLength"], limits["maxLength"]) == (least, 128)
        assert schemas["Login"]["properties"]["password"]["minLength"] == 1


def test_every_query_parameter_has_an_example(operations):
    silent = [
        (name, parameter["name"])
        for name, operation in operations.items()
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query" and "example" not in parameter
    ]
    assert silent == []


def test_every_parameter_has_a_description(document, operations, subtests):
    for name, operation in operations.items():
        for parameter in (*document["paths"][name[1]].get("parameters", ()), *operation.get("parameters", ())):
            with subtests.test(operation=name, parameter=parameter["name"]):
                assert parameter["description"].endswith(".")


def test_every_error_response_links_to_the_pages_of_its_codes(document, operations, subtests):
    for name, operation in operations.items():
        for status, response in responses(document, operation):
            if status[0] not in "45d":
                continue
            with subtests.test(operation=name, status=status):
                told = error_codes(response)
                assert {*told} <= response["content"]["application/problem+json"]["examples"].keys()
                assert {str(CATALOGUE[code].status) for code in told} == {status} or status == "default"


@needs("csv_imports", "openid_accounts")
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
    response = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert response.headers["Cache-Control"] == again.headers["Cache-Control"] == "public, max-age=0"
