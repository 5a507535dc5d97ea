"""The requests of the Postman collection: one for each operation, with tests of its response."""

import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from taskapi.api import openapi_examples as samples

SCRIPTS = Path(__file__).parent.parent / "postman" / "scripts"
JSON = "application/json"
FORM = "multipart/form-data"
FILES = {".csv": "text/csv", ".ics": "text/calendar"}  # the media types of files, by the end of the path
VARIABLES = {  # the values of the examples that the collection replaces by variables
    **{value: f"{{{{{name.lower()}}}}}" for name, value in vars(samples).items() if name.endswith("_ID")},
    samples.REFRESH_TOKEN: "{{refresh_token}}",
    samples.PASSWORD: "{{password}}",
    samples.NEW_PASSWORD: "{{new_password}}",
    f'"{samples.USERNAME}"': '"{{username}}"',
    f'"{samples.GUEST}"': '"guest-{{$guid}}"',
}
# The query parameters that are enabled
ENABLED = {(f"import_tasks_{form}", "dry_run"): "true" for form in ("json", "csv", "ics")}
ENDING = {"logout", "end_session", "delete_account"}  # operations that end the current session
# The statuses of operations that need a mail server, a link from a mail, a second factor, a passkey or an OpenID
# provider, without it; and those of an invalid code
WITHOUT: dict[str, tuple[int, ...]] = {
    "request_password_reset": (409,), "change_email": (409,), "confirm_password_reset": (410,), "confirm_email": (410,),
    "start_second_factor": (409,), "confirm_second_factor": (409,), "renew_recovery_codes": (409,),
    "disable_second_factor": (409,), "sign_in_with_code": (401,), "exchange_openid_code": (401, 409),
    "show_passkey_sign_in_options": (409,), "sign_in_with_passkey": (401, 409),
    "show_passkey_registration_options": (409,), "create_passkey": (409,), "delete_passkey": (404,),
    "show_openid_identity": (409,), "link_openid_identity": (401, 409), "unlink_openid_identity": (409,),
}  # fmt: skip


class Operation(NamedTuple):
    """An operation of the document, with its method and path."""

    method: str
    path: str
    document: dict[str, Any]

    @property
    def id(self) -> str:
        """Return the operationId."""
        return str(self.document["operationId"])

    @property
    def name(self) -> str:
        """Return the summary without its full stop."""
        return str(self.document["summary"]).removesuffix(".")


def request_item(document: dict[str, Any], operation: Operation) -> dict[str, Any]:
    """Return an operation in the format of Postman: its request, its scripts and example responses."""
    status, response = next((s, response) for s, response in operation.document["responses"].items() if s[0] == "2")
    scripts = {"prerequest": _own_script(operation, "before"), "test": _tests(document, operation, status, response)}
    request = _request(operation)
    return {
        "name": operation.name,
        "request": request,
        "event": [event(when, script) for when, script in scripts.items() if script],
        "response": [*_saved(operation, request, int(status), response)],
    }


def _request(operation: Operation) -> dict[str, Any]:
    parameters = operation.document.get("parameters", ())
    headers = [_header(parameter) for parameter in parameters if parameter["in"] == "header"]
    request = {"method": operation.method, "url": _url(operation, parameters)}
    if operation.path.startswith("/api/v1/admin/"):
        request["auth"] = bearer("admin_access_token")
    elif not operation.document["security"] or {} in operation.document["security"]:
        request["auth"] = {"type": "noauth"}
    if bodies := _bodies(operation):
        media_type = _media_type(operation)
        headers.append({"key": "Content-Type", "value": media_type})
        language = {"raw": {"language": "json" if media_type == JSON else "text"}}
        request["body"] = {"mode": "raw", "raw": next(iter(bodies.values())), "options": language}
    return {**request, "header": headers, "description": operation.document["description"]}


def _url(operation: Operation, parameters: Any) -> dict[str, Any]:
    steps = operation.path.strip("/").replace("{", ":").replace("}", "").split("/")
    ids = [step.removeprefix(":") for step in steps if step.startswith(":")]
    query = [_query(operation, parameter) for parameter in parameters if parameter["in"] == "query"]
    raw = "{{base_url}}/" + "/".join(steps)
    if enabled := [f"{each['key']}={each['value']}" for each in query if not each["disabled"]]:
        raw += "?" + "&".join(enabled)
    variables = [{"key": name, "value": f"{{{{{name}}}}}"} for name in ids]
    return {"raw": raw, "host": ["{{base_url}}"], "path": steps, "query": query, "variable": variables}


def _query(operation: Operation, parameter: dict[str, Any]) -> dict[str, Any]:
    schema = parameter["schema"].get("items", parameter["schema"])
    usual = str(schema.get("default", next(iter(schema.get("enum", ())), "")))
    value = ENABLED.get((operation.id, parameter["name"]))
    query = {"key": parameter["name"], "value": value or usual, "disabled": value is None}
    return {**query, "description": parameter["description"]}


def _header(parameter: dict[str, Any]) -> dict[str, Any]:
    key, idempotent = parameter["name"], parameter["name"] == "Idempotency-Key"
    value = "{{$guid}}" if idempotent else ""
    return {"key": key, "value": value, "disabled": not idempotent, "description": parameter["description"]}


def _bodies(operation: Operation) -> dict[str, str]:
    """Return the example bodies by summary, with variables."""
    media_type = _media_type(operation)
    if media_type is None:
        return {}
    documented = operation.document["requestBody"]["content"]
    if media_type != JSON:
        return {"": documented[FORM]["example"]["file"]}
    return {summary: _with_variables(value) for summary, value in _examples(documented[JSON]).items()}


def _media_type(operation: Operation) -> str | None:
    """Return the media type of the body, or None. A collection contains no files: a file is the body itself."""
    content = operation.document.get("requestBody", {}).get("content", {})
    if FORM in content:
        return FILES[PurePosixPath(operation.path).suffix]
    return JSON if JSON in content else None


def _examples(content: dict[str, Any]) -> dict[str, Any]:
    if "examples" in content:
        return {example["summary"]: example["value"] for example in content["examples"].values()}
    return {"": content["example"]}


def _with_variables(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    for example, variable in VARIABLES.items():
        text = text.replace(example, variable)
    return re.sub(r'"count": \d+', '"count": {{task_count}}', text)


def _tests(document: dict[str, Any], operation: Operation, status: str, response: dict[str, Any]) -> str:
    """Return the script that tests a response and sets variables from it."""
    if also := WITHOUT.get(operation.id):
        known = [int(status), *also]
        name = " or ".join(map(str, known))
        lines = [f'pm.test("{name}", () => pm.expect(pm.response.code).to.be.oneOf({known}));']
    else:
        lines = [f'pm.test("{status} {HTTPStatus(int(status)).phrase}", () => pm.response.to.have.status({status}));']
    if content := response.get("content", {}).get(JSON):
        schema = _shape(document, content["schema"], next(iter(_examples(content).values())))
        name = content["schema"]["$ref"].rsplit("/", 1)[1]
        test = f'pm.test("{name}", () => pm.response.to.have.jsonSchema({json.dumps(schema)}));'
        lines.append(f"if (pm.response.code === {status}) {test}" if operation.id in WITHOUT else test)
    kept = next((path for path in document["paths"] if path.startswith(f"{operation.path}/{{")), None)
    if status == "201" and kept:
        name = kept.removeprefix(f"{operation.path}/{{").partition("}")[0]
        lines.append(f'pm.collectionVariables.set("{name}", pm.response.json().id);')
    if operation.id in ENDING:
        lines.append(read("forget.js"))
    return "\n".join(filter(None, [*lines, _own_script(operation, "after")]))


def _shape(document: dict[str, Any], schema: dict[str, Any], example: Any) -> dict[str, Any]:
    """Return a JSON schema with the types of a schema. The members of the example are required."""
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


def _saved(operation: Operation, request: dict[str, Any], status: int, response: dict[str, Any]) -> Iterator[Any]:
    """Yield the example responses: one for each example body."""
    content = response.get("content", {}).get(JSON)
    shown = [*_examples(content).values()] if content else []
    for number, (summary, body) in enumerate((_bodies(operation) or {"": None}).items()):
        example = request if body is None else {**request, "body": {**request["body"], "raw": body}}
        yield {
            "name": summary or HTTPStatus(status).phrase,
            "originalRequest": {name: value for name, value in example.items() if name != "description"},
            "status": HTTPStatus(status).phrase,
            "code": status,
            "_postman_previewlanguage": "json" if content else "text",
            "header": [{"key": "Content-Type", "value": JSON}] if content else [],
            "body": json.dumps(shown[min(number, len(shown) - 1)], indent=2, ensure_ascii=False) if shown else "",
        }


def bearer(variable: str) -> dict[str, Any]:
    """Return the authorization with the token in a variable."""
    return {"type": "bearer", "bearer": [{"key": "token", "value": f"{{{{{variable}}}}}", "type": "string"}]}


def event(listen: str, script: str) -> dict[str, Any]:
    """Return a script that runs before a request (`prerequest`) or after its response (`test`)."""
    return {"listen": listen, "script": {"type": "text/javascript", "exec": script.rstrip("\n").split("\n")}}


def _own_script(operation: Operation, when: str) -> str:
    path = SCRIPTS / f"{when}-{operation.id}.js"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def read(name: str) -> str:
    """Return a file of the folder postman/scripts."""
    return (SCRIPTS / name).read_text(encoding="utf-8")
