"""The requests of the Postman collection: an operation of the OpenAPI document each, with what checks its answer."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from taskapi.api import openapi_examples as cast

SCRIPTS = Path(__file__).parent.parent / "postman" / "scripts"
JSON = "application/json"
CSV = "text/csv"
VARIABLES = {  # what examples call somebody or something, and the variable that has its place
    **{value: f"{{{{{name.lower()}}}}}" for name, value in vars(cast).items() if name.endswith("_ID")},
    cast.REFRESH_TOKEN: "{{refresh_token}}",
    cast.PASSWORD: "{{password}}",
    cast.NEW_PASSWORD: "{{new_password}}",
    f'"{cast.USERNAME}"': '"{{username}}"',
    f'"{cast.GUEST}"': '"guest-{{$guid}}"',
}
# The parameters that a request has from the start
ASKED = {(f"import_tasks_{form}", "dry_run"): "true" for form in ("json", "csv")}
ENDING = {"logout", "end_session", "delete_account"}  # the session in use


class Operation(NamedTuple):
    """An operation of the document, and where it is."""

    method: str
    path: str
    said: dict[str, Any]

    @property
    def id(self) -> str:
        """Its name for programs."""
        return str(self.said["operationId"])

    @property
    def name(self) -> str:
        """Its name for people."""
        return str(self.said["summary"]).removesuffix(".")


def request_item(document: dict[str, Any], operation: Operation) -> dict[str, Any]:
    """Return an operation as Postman has it: its request, its scripts, and answers to look at."""
    status, answer = next((s, answer) for s, answer in operation.said["responses"].items() if s[0] == "2")
    scripts = {"prerequest": _own_script(operation, "before"), "test": _tests(document, operation, status, answer)}
    request = _request(operation)
    return {
        "name": operation.name,
        "request": request,
        "event": [event(when, script) for when, script in scripts.items() if script],
        "response": [*_saved(operation, request, int(status), answer)],
    }


def _request(operation: Operation) -> dict[str, Any]:
    parameters = operation.said.get("parameters", ())
    headers = [_header(parameter) for parameter in parameters if parameter["in"] == "header"]
    request = {"method": operation.method, "url": _url(operation, parameters)}
    if operation.path.startswith("/api/v1/admin/"):
        request["auth"] = bearer("admin_access_token")
    elif not operation.said["security"] or {} in operation.said["security"]:
        request["auth"] = {"type": "noauth"}
    if bodies := _bodies(operation):
        media_type = _media_type(operation)
        headers.append({"key": "Content-Type", "value": media_type})
        language = {"raw": {"language": "json" if media_type == JSON else "text"}}
        request["body"] = {"mode": "raw", "raw": next(iter(bodies.values())), "options": language}
    return {**request, "header": headers, "description": operation.said["description"]}


def _url(operation: Operation, parameters: Any) -> dict[str, Any]:
    steps = operation.path.strip("/").replace("{", ":").replace("}", "").split("/")
    ids = [step.removeprefix(":") for step in steps if step.startswith(":")]
    query = [_query(operation, parameter) for parameter in parameters if parameter["in"] == "query"]
    raw = "{{base_url}}/" + "/".join(steps)
    if asked := [f"{each['key']}={each['value']}" for each in query if not each["disabled"]]:
        raw += "?" + "&".join(asked)
    variables = [{"key": name, "value": f"{{{{{name}}}}}"} for name in ids]
    return {"raw": raw, "host": ["{{base_url}}"], "path": steps, "query": query, "variable": variables}


def _query(operation: Operation, parameter: dict[str, Any]) -> dict[str, Any]:
    schema = parameter["schema"].get("items", parameter["schema"])
    usual = str(schema.get("default", next(iter(schema.get("enum", ())), "")))
    value = ASKED.get((operation.id, parameter["name"]))
    said = {"key": parameter["name"], "value": value or usual, "disabled": value is None}
    return {**said, "description": parameter["description"]}


def _header(parameter: dict[str, Any]) -> dict[str, Any]:
    key, idempotent = parameter["name"], parameter["name"] == "Idempotency-Key"
    value = "{{$guid}}" if idempotent else ""
    return {"key": key, "value": value, "disabled": not idempotent, "description": parameter["description"]}


def _bodies(operation: Operation) -> dict[str, str]:
    """Return the bodies that the document shows, by what it says of each, with variables in them."""
    media_type = _media_type(operation)
    if media_type is None:
        return {}
    content = operation.said["requestBody"]["content"][media_type]
    if media_type == CSV:
        return _examples(content)
    return {said: _with_variables(value) for said, value in _examples(content).items()}


def _media_type(operation: Operation) -> str | None:
    """Return the type of the body that a request has, if it has one."""
    content = operation.said.get("requestBody", {}).get("content", {})
    return next((media_type for media_type in (JSON, CSV) if media_type in content), None)


def _examples(content: dict[str, Any]) -> dict[str, Any]:
    if "examples" in content:
        return {example["summary"]: example["value"] for example in content["examples"].values()}
    return {"": content["example"]}


def _with_variables(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    for example, variable in VARIABLES.items():
        text = text.replace(example, variable)
    return text


def _tests(document: dict[str, Any], operation: Operation, status: str, answer: dict[str, Any]) -> str:
    """Return what is checked of an answer, and what is kept of it."""
    lines = [f'pm.test("{status} {HTTPStatus(int(status)).phrase}", () => pm.response.to.have.status({status}));']
    if content := answer.get("content", {}).get(JSON):
        schema = _shape(document, content["schema"], next(iter(_examples(content).values())))
        name = content["schema"]["$ref"].rsplit("/", 1)[1]
        lines.append(f'pm.test("{name}", () => pm.response.to.have.jsonSchema({json.dumps(schema)}));')
    kept = next((path for path in document["paths"] if path.startswith(f"{operation.path}/{{")), None)
    if status == "201" and kept:
        name = kept.rsplit("{", 1)[1].removesuffix("}")
        lines.append(f'pm.collectionVariables.set("{name}", pm.response.json().id);')
    if operation.id in ENDING:
        lines.append(read("forget.js"))
    return "\n".join(filter(None, [*lines, _own_script(operation, "after")]))


def _shape(document: dict[str, Any], schema: dict[str, Any], example: Any) -> dict[str, Any]:
    """Return what a schema says of types, and that everything is there which its example has."""
    if "$ref" in schema:
        return _shape(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], example)
    shape = {"type": schema["type"]} if "type" in schema else {}
    if "items" in schema and example:
        shape["items"] = _shape(document, schema["items"], example[0])
    if "properties" in schema and isinstance(example, dict):
        known = {name: each for name, each in schema["properties"].items() if name in example}
        shape["required"] = [*known]
        shape["properties"] = {name: _shape(document, each, example[name]) for name, each in known.items()}
    return shape


def _saved(operation: Operation, request: dict[str, Any], status: int, answer: dict[str, Any]) -> Iterator[Any]:
    """Yield the answers that Postman shows as examples: one for each body that the document shows."""
    content = answer.get("content", {}).get(JSON)
    shown = [*_examples(content).values()] if content else []
    for number, (said, body) in enumerate((_bodies(operation) or {"": None}).items()):
        asked = request if body is None else {**request, "body": {**request["body"], "raw": body}}
        yield {
            "name": said or HTTPStatus(status).phrase,
            "originalRequest": {name: value for name, value in asked.items() if name != "description"},
            "status": HTTPStatus(status).phrase,
            "code": status,
            "_postman_previewlanguage": "json" if content else "text",
            "header": [{"key": "Content-Type", "value": JSON}] if content else [],
            "body": json.dumps(shown[min(number, len(shown) - 1)], indent=2, ensure_ascii=False) if shown else "",
        }


def bearer(variable: str) -> dict[str, Any]:
    """Return the authorization by the token that a variable holds."""
    return {"type": "bearer", "bearer": [{"key": "token", "value": f"{{{{{variable}}}}}", "type": "string"}]}


def event(listen: str, script: str) -> dict[str, Any]:
    """Return a script that runs before a request (`prerequest`) or after its answer (`test`)."""
    return {"listen": listen, "script": {"type": "text/javascript", "exec": script.rstrip("\n").split("\n")}}


def _own_script(operation: Operation, when: str) -> str:
    path = SCRIPTS / f"{when}-{operation.id}.js"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def read(name: str) -> str:
    """Return one of the files that the collection is put together from."""
    return (SCRIPTS / name).read_text(encoding="utf-8")
