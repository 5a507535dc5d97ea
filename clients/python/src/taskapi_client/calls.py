"""Calls of the API: what a method sends, and how its response is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import ValidationError
from pydantic_core import to_json, to_jsonable_python

from taskapi_client.errors import UnexpectedResponse, problem_of
from taskapi_client.models import Model

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """An operation with its arguments. `parse` reads the body of the response."""

    method: str
    path: str
    parse: Callable[[bytes], T]
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    media_type: str = "application/json"
    version: int | None = None
    idempotency_key: str | None = None
    parse_current: Callable[[Any], object] | None = None

    def request(self, http: httpx.Client | httpx.AsyncClient, base_url: str) -> httpx.Request:
        """Return the request. Members of the query that are None are left out."""
        query = {name: value for name, value in to_jsonable_python(self.query).items() if value is not None}
        headers = {"Accept": "application/json, */*"}
        if self.version is not None:
            headers["If-Match"] = f'"{self.version}"'
        if self.idempotency_key is not None:
            headers["Idempotency-Key"] = self.idempotency_key
        content = self.body
        if content is not None:
            headers["Content-Type"] = self.media_type
            content = content if isinstance(content, str | bytes) else to_json(content)
        return http.build_request(self.method, base_url + self.path, params=query, content=content, headers=headers)

    def result(self, response: httpx.Response) -> T:
        """Return the result, or raise the error of the response."""
        if not response.is_success:
            raise problem_of(response, self.parse_current)
        try:
            return self.parse(response.content)
        except ValidationError as error:
            raise UnexpectedResponse(f"{self.method} {self.path}: {error}") from error

    def after(self, cursor: str) -> "Call[T]":
        """Return the call for the next page."""
        return replace(self, query={**self.query, "cursor": cursor})


def nothing(_: bytes) -> None:
    """Read a response without a result."""


def text(body: bytes) -> str:
    """Read a text in UTF-8."""
    return body.decode()


def path(template: str, *resources: object) -> str:
    """Return a path with the ids of resources. Each of them is a resource or its id."""
    return template.format(*(quote(str(_attribute(each, "id", each)), safe="") for each in resources))


def version_of(resource: object, version: int | None) -> int | None:
    """Return the version that the server compares: the given one, or that of the resource. An id has none."""
    return _attribute(resource, "version", None) if version is None else version


def _attribute(resource: object, name: str, default: Any) -> Any:
    """Return an attribute of a resource, or the default for an id. A UUID has an attribute `version` of its own."""
    return getattr(resource, name, default) if isinstance(resource, Model) else default


def new_key() -> str:
    """Return a new Idempotency-Key."""
    return str(uuid4())
