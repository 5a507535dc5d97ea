"""The resources of another user are not found: each route responds as if their ids had never existed.

The cases come from the URL map and the OpenAPI document, so new routes are included. A new kind of id fails here until
the tests know how to create its resource.
"""

import re
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from surface import collections, declared, fill, operations, routes, writable

from taskapi.database import db, reader, rls_user

PASSPHRASE = "correct horse battery staple"
# Administrators reach accounts, and nobody's tasks; tests/extensions/admin tests that
NOT_OWNED = "/api/v1/admin/"


SAMPLES = {"string": "Mine", "integer": 1, "boolean": True, "array": [], "object": {}, "number": 1}


def _sign_in(owner):
    return owner.post("/api/v1/auth/login", json={"username": owner.username, "password": PASSPHRASE})


@pytest.fixture
def makers(app):
    """Functions that create the resource of an id, by the name of the id."""
    of_rows = {collection.id_name: collection.add for collection in collections(app)}
    session = lambda owner: owner.get("/api/v1/auth/sessions").json["items"][0]["id"]  # noqa: E731
    return {**of_rows, "parent_id": of_rows["task_id"], "session_id": session} | declared("MAKERS")


@pytest.fixture
def lists(app):
    """Functions that add an item to a list, by its path."""
    of_rows = {collection.path: collection.add for collection in collections(app)}
    return {**of_rows, "/api/v1/auth/sessions": _sign_in, "/api/v1/me/activity": _sign_in} | declared("LISTS")


@pytest.fixture
def stranger(signed_in):
    """A client of another user."""
    return signed_in("admin")


def path_cases(app):
    """Return every route with an id in its path, with the name of the id."""
    return [
        (route, name)
        for route in routes(app)
        for name in re.findall(r"<uuid:(\w+)>", route.rule)
        if not route.rule.startswith(NOT_OWNED)
    ]


def value_cases(app):
    """Return every operation that takes an id in its query or its body, with the place and the name of the id."""
    return [
        (operation, place, name)
        for operation in operations(app)
        for place, fields in (("query", operation.query), ("body", writable(operation.body or {})))
        for name, field in fields.items()
        if field.get("format") == "uuid" and not operation.path.startswith(NOT_OWNED)
    ]


def sample(body):
    """Return a body that a schema accepts: the required fields, or else the first text field."""
    fields = writable(body or {})
    texts = [name for name, field in fields.items() if field.get("type") == "string" and field.get("format") != "uuid"]
    names = (body or {}).get("required") or texts[:1]
    return {name: fields[name].get("enum", [SAMPLES.get(fields[name].get("type"), "Mine")])[0] for name in names}


def body_example(app, method, rule, thing):
    """Return a body for a route, from its operation in the document. Of a body of ids, the first is `thing`."""
    shape = re.sub(r"<(?:\w+:)?\w+>", "*", rule)
    for operation in operations(app):
        path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "*", operation.path)
        if (operation.method, path) == (method, shape) and operation.body is not None:
            ids = [name for name, field in writable(operation.body).items() if field.get("format") == "uuid"]
            return sample(operation.body) or dict.fromkeys(ids[:1], thing)
    return None


def seen(response):
    """Return everything in a response that a client can see, without the request id and times."""
    headers = {
        (k, v) for k, v in response.headers if k not in {"X-Request-ID", "Date"} and not k.startswith("RateLimit")
    }
    body = re.sub(rb'"request_id":"\w+"', b"", response.data)
    return response.status_code, headers, body


def rows_of(app, user):
    """Return every row of a user in the database."""
    owner_id = UUID(user.get("/api/v1/me").json["id"])
    found = {}
    with app.app_context(), rls_user(owner_id):
        for table in db.metadata.sorted_tables:
            owned = [table.c[name] for name in ("owner_id", "user_id") if name in table.c]
            owned += [table.c.id] if table.name == "users" else []
            for column in owned:
                found[table.name] = sorted(map(repr, reader().execute(sa.select(table).where(column == owner_id))))
    return found


def test_every_kind_of_id_has_a_maker(app, makers):
    names = {name for _, name in path_cases(app)} | {name for _, _, name in value_cases(app)}
    assert names <= makers.keys()


def test_id_of_another_user_in_the_path_is_404_as_unknown_id(app, signed_in, stranger, makers, subtests):
    for route, name in path_cases(app):
        with subtests.test(route=f"{route.method} {route.rule}", id=name):
            owner = signed_in()
            thing = makers[name](owner)
            before = rows_of(app, owner)
            body = body_example(app, route.method, route.rule, thing)
            theirs = stranger.open(fill(route.rule, thing), method=route.method, json=body)
            nobodys = stranger.open(fill(route.rule, str(uuid4())), method=route.method, json=body)
            assert seen(theirs) == seen(nobodys)
            assert theirs.status_code == 404
            assert rows_of(app, owner) == before
            assert owner.open(fill(route.rule, thing), method=route.method, json=body).status_code < 300


def test_id_of_another_user_in_query_or_body_is_unknown(app, signed_in, stranger, makers, subtests):
    for operation, place, name in value_cases(app):
        with subtests.test(operation=f"{operation.method} {operation.path}", place=place, id=name):
            owner = signed_in()
            thing = makers[name](owner)
            before = rows_of(app, owner)
            theirs, nobodys = (
                _ask(stranger, makers, operation, place, {name: value}) for value in (thing, str(uuid4()))
            )
            assert seen(theirs) == seen(nobodys)
            assert rows_of(app, owner) == before


def _ask(client, makers, operation, place, value):
    path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", lambda _: makers["task_id"](client), operation.path)
    body = sample(operation.body) if operation.body else None
    if place == "query":
        return client.open(path, method=operation.method, query_string=value, json=body)
    return client.open(path, method=operation.method, json={**(body or {}), **value})


def test_every_list_has_a_maker(app, lists):
    paths = {o.path for o in operations(app) if "cursor" in o.query and not o.path.startswith(NOT_OWNED)}
    assert paths <= lists.keys()


def test_cursor_of_another_user_is_invalid(signed_in, lists, subtests):
    for path, add in lists.items():
        with subtests.test(path=path):
            owner, stranger = signed_in(), signed_in()
            for user in (owner, stranger):
                add(user), add(user)
            cursor = owner.get(f"{path}?limit=1").json["next_cursor"]
            response = stranger.get(path, query_string={"limit": 1, "cursor": cursor})
            assert (response.status_code, response.json["code"]) == (400, "invalid_cursor")
            assert owner.get(path, query_string={"limit": 1, "cursor": cursor}).status_code == 200


def test_lists_contain_own_items_only(signed_in, lists, subtests):
    for path, fill_list in lists.items():
        with subtests.test(path=path):
            owner, stranger = signed_in(), signed_in()
            fill_list(owner)
            mine, theirs = ({str(item) for item in p.get(path).json["items"]} for p in (owner, stranger))
            assert mine
            assert not mine & theirs
