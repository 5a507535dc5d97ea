"""The blueprint of all routes: flask-smorest's, with the body, response and errors that this API documents."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import Response
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema

from taskapi.api.concurrency import ConcurrencyLimit
from taskapi.api.openapi_components import RATE_LIMIT_HEADERS, header_references
from taskapi.api.openapi_examples import body_examples, describe, response_examples
from taskapi.api.parsing import JSON, MERGE_PATCH, Parser
from taskapi.api.responses import dump, is_derived, json_response

PUBLIC = "public"
View = TypeVar("View", bound=Callable[..., Any])


@dataclass
class Declaration:
    """What the decorators of a view declare. The guard, the parser and the OpenAPI document read it."""

    access: Any = None  # PUBLIC, or what @requires sets; without either the guard rejects every request
    limits: tuple[Any, ...] = ()  # the rate limits per address
    concurrency: ConcurrencyLimit | None = None
    uses_password_queue: bool = False
    streams_body: bool = False  # the view reads the body, in pieces; otherwise the guard does
    accepts_query: bool = False
    idempotent: bool = False  # it accepts Idempotency-Key
    conditional: bool = False  # the response has an entity tag
    errors: tuple[str, ...] = ()  # codes of the catalogue, besides those that the other fields imply
    current: Schema | None = None  # the schema of the current resource in a `version_mismatch`


def declaration(view: Any) -> Declaration:
    """Return the declaration of a view, to read it or to add to it. `functools.wraps` copies it to wrappers."""
    if not hasattr(view, "declaration"):
        view.declaration = Declaration()
    found: Declaration = view.declaration
    return found


def runs_within(limit: ConcurrencyLimit) -> Callable[[View], View]:
    """Declare a limit on concurrent requests. The guard counts a request before its body is read."""

    def decorate(view: View) -> View:
        declaration(view).concurrency = limit
        return view

    return decorate


def public(view: View) -> View:
    """Declare that a view needs no access token."""
    declaration(view).access = PUBLIC
    return view


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    """The routes of a feature. A view returns a row, a dictionary or None, optionally with a dictionary of headers.

    `tag` is the group of its operations in the OpenAPI document, by default the name of the blueprint.
    """

    ARGUMENTS_PARSER = Parser()

    def __init__(self, *args: Any, tag: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tag = tag or self.name

    def arguments(
        self,
        schema: Schema | type[Schema],
        *,
        location: str = "json",
        media_types: tuple[str, ...] = (JSON,),
        optional: bool = False,
        examples: dict[str, Any] | None = None,
    ) -> Callable[..., Any]:
        """Load the body, or with `location="query"` the query, by `schema` into the next argument of the view.

        `examples` are bodies by summary; the default is the shortest valid body.
        """
        loaded = schema() if isinstance(schema, type) else schema
        if location == "query":
            load_query = super().arguments(loaded, location=location)

            def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
                declaration(view).accepts_query = True
                return load_query(view)  # type: ignore[no-any-return]

            return decorate
        documented = body_examples(loaded, examples) | {"required": not optional}
        if MERGE_PATCH in media_types:
            # Not as a second media type: for two with one schema, generators create clients that do not compile
            documented["description"] = f"`{MERGE_PATCH}` (RFC 7396) is accepted too, with the same meaning."
        return super().arguments(loaded, media_types=media_types, optional=optional, **documented)  # type: ignore[no-any-return]

    def response(  # noqa: PLR0913  most of them only document
        self,
        status_code: int,
        schema: Schema | type[Schema] | None = None,
        *,
        etag: bool = False,
        headers: tuple[str, ...] = (),
        errors: tuple[str, ...] = (),
        examples: dict[str, Any] | None = None,
        current: Schema | None = None,
    ) -> Callable[..., Any]:
        """Respond with `status_code` and the fields of `schema`.

        With `etag`, the response has an entity tag, and a GET is conditional. `headers` (names), `errors` (codes),
        `examples` (by summary) and `current` only go to the OpenAPI document. `current` is the schema of the current
        resource in a `version_mismatch`, by default `schema`.
        """
        shown = schema() if isinstance(schema, type) else schema
        names = ("Cache-Control", *RATE_LIMIT_HEADERS, *(["ETag"] if etag else []), *headers)
        documented = response_examples(shown, examples) | {"headers": header_references(*names)}
        if shown is not None:
            documented["description"] = describe(shown)
        document, derived = super().response(status_code, shown, **documented), is_derived(shown)

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Response:
                result = view(*args, **kwargs)
                if isinstance(result, Response):
                    return result
                body, extra = result if isinstance(result, tuple) else (result, {})
                body = body if shown is None else dump(body, shown)
                return json_response(body, status_code, extra, etag=etag, derived=derived)

            declared = declaration(wrapper)
            declared.conditional |= etag
            declared.errors += errors
            declared.current = current or shown
            return document(wrapper)  # type: ignore[no-any-return]

        return decorate

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **options: Any
    ) -> None:
        """Register a route. Its operations are in the group `tag`."""
        super().add_url_rule(rule, endpoint, view_func, *args, **{**options, "tags": [self.tag]})
