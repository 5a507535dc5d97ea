"""All routes, documented operations and kinds of owned rows, so that tests cover new ones without a change."""

import re
from collections.abc import Iterator
from functools import reduce
from importlib import import_module
from operator import or_
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Column, Table

from taskapi.api.blueprint import declaration
from taskapi.database import db
from taskapi.extensions import NAMES
from taskapi.resources.models import Owned
from taskapi.security.rbac import Role

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Who may use a route, in the role matrix
EVERY_ROLE = [role.value for role in Role]
READERS, WRITERS, ADMINS = ["viewer", "editor", "admin"], ["editor", "admin"], ["admin"]
ANYONE = "anyone"
EXPLAINED = "not_found"  # an error that has a page


def declared(name: str, kind: Any = dict) -> Any:
    """Return what the extensions declare for the tests under a name, in tests/extensions/*/declarations.py."""
    folders = sorted(path.parent.name for path in Path(__file__).parent.glob("extensions/*/declarations.py"))
    modules = [import_module(f"tests.extensions.{folder}.declarations") for folder in folders]
    return reduce(or_, (getattr(module, name, kind()) for module in modules), kind())


class Collection(NamedTuple):
    """A kind of owned rows: the path of its list, the name of its id in the rule of an item, and an example."""

    path: str
    id_name: str
    example_id: str
    example: dict[str, Any]  # the body of a POST
    unique: tuple[str, ...]  # the fields of the example that get a new text each time

    def add(self, client: FlaskClient) -> str:
        """Add a row of the client's user; return its id."""
        body = {**self.example, **{name: f"Example {uuid4()}" for name in self.unique}}
        response = client.post(self.path, json=body)
        assert response.status_code == 201, response.text
        return str(response.json["id"])

    def has(self, rule: str) -> bool:
        """Return whether a rule is that of the list or of an item."""
        return rule == self.path or rule.startswith(f"{self.path}/<uuid:{self.id_name}>")


def needs(*extensions: str) -> pytest.MarkDecorator:
    """Skip a test of the core that uses these extensions if one of them was removed."""
    missing = [name for name in extensions if name not in NAMES]
    return pytest.mark.skipif(bool(missing), reason=f"removed: {', '.join(missing)}")


class Route(NamedTuple):
    """A rule with one of its methods, and a path that matches it."""

    method: str
    rule: str
    endpoint: str
    path: str


class Operation(NamedTuple):
    """An operation of the OpenAPI document, with its schemas in place of references."""

    method: str
    path: str
    query: dict[str, Any]
    body: dict[str, Any] | None
    needs_body: bool


def tables_of_users() -> dict[Table, Column[Any]]:
    """Return each table whose rows belong to users, with the column that names the user."""
    owners = {table: table.c.get("owner_id", table.c.get("user_id")) for table in db.metadata.sorted_tables}
    return {table: column for table, column in owners.items() if column is not None}


def routes(app: Flask) -> list[Route]:
    """Return every route of the application with each of its methods except HEAD and OPTIONS."""
    return [
        Route(method, rule.rule, rule.endpoint, fill(rule.rule))
        for rule in app.url_map.iter_rules()
        for method in METHODS
        if method in (rule.methods or ())
    ]


def collections(app: Flask) -> list[Collection]:
    """Return a collection for each model of owned rows. Its path ends with the name of its table."""
    document = app.test_client().get("/openapi.json").json
    models = [mapper.class_ for mapper in db.Model.registry.mappers if issubclass(mapper.class_, Owned)]
    return [_collection(document, f"/api/v1/{model.__tablename__}") for model in models]


def _collection(document: dict[str, Any], path: str) -> Collection:
    [item] = [name for name in document["paths"] if re.fullmatch(rf"{path}/{{\w+}}", name)]
    shown = document["paths"][item]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    example = content["example"] if "example" in content else next(iter(content["examples"].values()))["value"]
    schema = resolve(document, content["schema"])
    texts = [name for name in schema.get("required", ()) if not {"enum", "format"} & schema["properties"][name].keys()]
    return Collection(path, item.rsplit("{")[1][:-1], shown["id"], example, tuple(texts))


def fill(rule: str, value: str | None = None) -> str:
    """Return a path that matches a rule, with ids that do not exist (or `value`) and names that do."""
    path = re.sub(r"<uuid:\w+>", lambda _: value or str(uuid4()), rule)
    return re.sub(r"<(?:\w+:)?\w+>", EXPLAINED, path)


def operations(app: Flask) -> list[Operation]:
    """Return every operation of the document."""
    document = app.test_client().get("/openapi.json").json
    return [
        _operation(document, method, path, item)
        for path, item in document["paths"].items()
        for method in _methods(item)
    ]


def _methods(item: dict[str, Any]) -> Iterator[str]:
    return (method for method in item if method.upper() in METHODS)


def _operation(document: dict[str, Any], method: str, path: str, item: dict[str, Any]) -> Operation:
    operation = item[method]
    body = operation.get("requestBody", {})
    content = body.get("content", {})
    return Operation(
        method.upper(),
        re.sub(r"\{\w+\}", lambda _: str(uuid4()), path),
        {
            p["name"]: _resolve_items(document, p["schema"])
            for p in operation.get("parameters", ())
            if p.get("in") == "query"
        },
        resolve(document, content["application/json"]["schema"]) if "application/json" in content else None,
        body.get("required", False),
    )


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that a reference refers to."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _resolve_items(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    schema = resolve(document, schema)
    return schema | {"items": resolve(document, schema["items"])} if "items" in schema else schema


def writable(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the properties that a client may send."""
    return {name: field for name, field in schema.get("properties", {}).items() if not field.get("readOnly")}


def access(app: Flask, route: Route) -> Any:
    """Return who may use a route, as its view declares it."""
    return declaration(app.view_functions[route.endpoint]).access
