"""The examples of the OpenAPI document: requests are accepted, and responses look like the real ones."""

import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from conftest import PASSWORD
from jsonschema_rs import Draft202012Validator
from surface import METHODS, collections, declared, needs

from taskapi.api import openapi_examples as cast

pytestmark = [pytest.mark.slow, pytest.mark.one_database]


class Request(NamedTuple):
    """An example request, and its operation."""

    method: str
    path: str
    operation: dict[str, Any]
    media_type: str | None = None
    body: Any = None


@pytest.fixture(scope="module")
def app(make_app):
    """The application with the settings that the examples of extensions need."""
    return make_app(**declared("EXAMPLE_SETTINGS"))


@pytest.fixture(scope="module")
def document(app):
    """The document."""
    return app.test_client().get("/openapi.json").json


def requests(document) -> Iterator[Request]:
    """Yield a request for each example, and one for each operation without a body."""
    for path, item in document["paths"].items():
        for method in (name for name in item if name.upper() in METHODS):
            request = Request(method.upper(), path, item[method])
            content = item[method].get("requestBody", {}).get("content", {})
            yield from (request._replace(media_type=m, body=b) for m in content for b in values(content[m]))
            if not content:
                yield request


def values(content):
    """Return the examples of a media type, at least one."""
    return (
        [example["value"] for example in content["examples"].values()]
        if "examples" in content
        else [content["example"]]
    )


def success(operation):
    """Return the success status of an operation, and its response."""
    status = next(status for status in operation["responses"] if status[0] == "2")  # a query may select another
    return int(status), operation["responses"][status]


def held_to(document, schema):
    """Return a validator for a schema of the document."""
    return Draft202012Validator({**schema, "components": document["components"]})


@pytest.fixture
def make_world(app, signed_in):
    """Create a user with the resources of the examples; return the client, and real values by example value."""

    def make(operation):
        admin = signed_in("admin")
        credentials = {"username": admin.username, "password": PASSWORD}
        elsewhere = app.test_client().post("/api/v1/auth/login", json=credentials).json
        rows = sorted(collections(app), key=lambda one: one.id_name != "task_id")  # an example has version 1
        return admin, {
            **{collection.example_id: collection.add(admin) for collection in rows},
            **{f"<{name}>": make(admin) for name, make in declared("MAKERS").items()},
            **{example: make(admin) for example, make in declared("EXAMPLES").items()},
            cast.USER_ID: signed_in().get("/api/v1/me").json["id"],
            cast.SESSION_ID: elsewhere["session_id"],
            cast.REFRESH_TOKEN: elsewhere["refresh_token"],
            f'"{cast.USERNAME}"': f'"{uuid4().hex if operation["operationId"] == "register" else admin.username}"',
            f'"{cast.GUEST}"': f'"{uuid4().hex}"',
            **declared("PREPARED").get(operation["operationId"], lambda _: {})(admin),
        }

    return make


def retold(text, names):
    """Return an example text with the real values."""
    for name, other in names.items():
        text = text.replace(name, other)
    return text


def data_of(request, text):
    """Return the body of a request. A form has files only."""
    if request.media_type == "multipart/form-data":
        return {name: (BytesIO(file.encode()), f"{name}.csv") for name, file in json.loads(text).items()}
    return text if request.media_type else None


def test_every_example_request_is_accepted_as_documented(app, document, make_world, subtests):
    ids = {collection.id_name: collection.example_id for collection in collections(app)}
    ids |= {"user_id": cast.USER_ID, "session_id": cast.SESSION_ID} | {name: f"<{name}>" for name in declared("MAKERS")}
    for request in requests(document):
        with subtests.test(operation=request.operation["operationId"], body=request.body):
            client, names = make_world(request.operation)
            text = request.body if isinstance(request.body, str) else json.dumps(request.body)
            answer = client.open(
                retold(re.sub(r"\{(\w+_id)\}", lambda found: ids[found[1]], request.path), names),
                method=request.method,
                data=data_of(request, retold(text, names)),
                content_type=request.media_type,
            )
            status, documented = success(request.operation)
            assert answer.status_code == status, answer.text
            if "content" not in documented:
                assert answer.data == b""
                continue
            content = documented["content"][answer.mimetype]
            if answer.mimetype != "application/json":
                assert all(isinstance(example, str) for example in values(content))
                answer.close()
                continue
            held_to(document, content["schema"]).validate(answer.json)
            assert any(alike(answer.json, example) for example in values(content))
            answer.close()


@needs("exports")
@pytest.mark.parametrize("form", ["csv", "ics"])
def test_exported_file_begins_like_its_example(document, owner, task, form):
    path = f"/api/v1/tasks/export.{form}"
    answer = owner.get(path)
    content = success(document["paths"][path]["get"])[1]["content"]
    (example,) = values(content[answer.mimetype])
    assert answer.text.splitlines()[0] == example.splitlines()[0]


def alike(value, example):
    """Tell whether a value has the same members as its example."""
    if isinstance(value, list) and isinstance(example, list):
        return all(alike(item, example[0]) for item in value)
    if not (isinstance(value, dict) and isinstance(example, dict)):
        return True
    if "exported_at" in value:  # with the tables in which the user has rows
        value = {name: value[name] for name in example}
    if "columns" in value:  # named by the file
        value = {**value, "columns": example["columns"]}
    if "event" in value or value.get("type") != example.get("type"):  # the details are of another kind
        return value.keys() == example.keys()
    return value.keys() == example.keys() and all(alike(value[name], example[name]) for name in value)


def test_every_example_is_valid_by_its_schema(document, subtests):
    for request in requests(document):
        contents = {
            **request.operation.get("requestBody", {}).get("content", {}),
            **success(request.operation)[1].get("content", {}),
        }
        for content in contents.values():
            with subtests.test(operation=request.operation["operationId"]):
                for example in values(content):
                    held_to(document, content["schema"]).validate(example)


def test_every_error_example_equals_the_response(app, document, subtests):
    for name, response in document["components"]["responses"].items():
        content = response["content"]["application/problem+json"]
        for code, example in content["examples"].items():
            with subtests.test(response=name, code=code):
                value = (document["components"]["examples"][code] if "$ref" in example else example)["value"]
                held_to(document, content["schema"]).validate(value)
                assert value["code"] == code
    answer = app.test_client().get("/nowhere").json
    example = document["components"]["examples"]["not_found"]["value"]
    assert answer | {"request_id": None} == example | {"request_id": None}


def test_every_patch_has_examples(document):
    for request in requests(document):
        if request.method == "PATCH":
            assert {*request.operation["requestBody"]["content"]} == {"application/json"}
            assert 0 < len(request.body) < 3
