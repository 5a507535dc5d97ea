"""The Postman collection and its environments, made from the OpenAPI document."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from docs.postman_requests import Operation, bearer, event, read, request_item
from taskapi import create_app
from taskapi.api import openapi_examples as samples

FOLDER = Path(__file__).parent.parent / "postman"
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
LAST_OF_FOLDER = ["list_user_tokens", "delete_user_tokens", "delete_user", "delete_personal_tokens"]
LAST = "delete_account"  # in a folder of its own, after all others


def openapi() -> Any:
    """Return the OpenAPI document, as a new application serves it."""
    with TemporaryDirectory() as folder:
        app = create_app({"INSTANCE_PATH": folder, "ENV": "development", "LOG_LEVEL": "error"})
        return app.test_client().get("/openapi.json").json


def documents(document: dict[str, Any]) -> dict[Path, str]:
    """Return the collection and its environments by path."""
    texts = {
        "taskapi.postman_collection.json": collection(document),
        "local.postman_environment.json": _environment("Task API, local", "http://127.0.0.1:8000"),
        "production.postman_environment.json": _environment("Task API, production", "https://tasks.example.org"),
    }
    return {FOLDER / name: json.dumps(text, indent=2, ensure_ascii=False) + "\n" for name, text in texts.items()}


def _environment(name: str, base_url: str) -> dict[str, Any]:
    secrets = [{"key": key, "value": "", "type": "secret"} for key in ("admin_username", "admin_password")]
    return {"name": name, "values": [{"key": "base_url", "value": base_url, "type": "default"}, *secrets]}


def collection(document: dict[str, Any]) -> dict[str, Any]:
    """Return the collection: a folder for each group of the document. It can run from start to end."""
    operations = [*_operations(document)]
    folders = {
        tag["name"]: (
            tag["description"],
            [one for one in operations if tag["name"] in one.document["tags"] and one.id != LAST],
        )
        for tag in document["tags"]
    }
    last = [one for one in operations if one.id == LAST]
    folders["leave"] = ("Deletes the account of the run, with all its resources.", last)
    fresh = [one.name for one in operations if "must come from a password" in one.document["description"]]
    return {
        "info": {"name": document["info"]["title"], "description": read("about.md"), "schema": SCHEMA},
        "item": [
            {"name": name, "description": description, "item": [request_item(document, one) for one in _in_order(mine)]}
            for name, (description, mine) in folders.items()
        ],
        "auth": bearer("access_token"),
        "event": [
            event("prerequest", f"const FRESH = {json.dumps(fresh)};\n\n{read('before-each.js')}"),
            event("test", read("after-each.js")),
        ],
        "variable": [
            {"key": "username", "value": ""},
            {"key": "password", "value": samples.PASSWORD},
            {"key": "new_password", "value": samples.NEW_PASSWORD},
        ],
    }


def _operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        yield from (Operation(method.upper(), path, item[method]) for method in item if method != "parameters")


def _in_order(operations: list[Operation]) -> list[Operation]:
    return sorted(operations, key=lambda one: LAST_OF_FOLDER.index(one.id) if one.id in LAST_OF_FOLDER else -1)
