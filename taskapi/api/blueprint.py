"""Our dialect of flask-smorest: it documents with marshmallow, reads strictly, and answers with plain rows."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, NoReturn

from flask import Response
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema

from taskapi.api.documenting import document_operation, path_parameters
from taskapi.api.encoding import to_json
from taskapi.api.errors import problem
from taskapi.api.examples import answers, bodies, said_of
from taskapi.api.header_docs import LIMITS
from taskapi.api.header_docs import headers as documented_headers
from taskapi.api.parsing import JSON, Parser
from taskapi.api.preconditions import fails_to_match, is_known, tag_of
from taskapi.context import current_request
from taskapi.database import JsonRow

OWNED = "private, no-cache"


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    """A feature's routes. A view returns a row, a mapping or None, or that with extra headers.

    With a `tag`, the document shows them in the group of the blueprint that is called so.
    """

    ARGUMENTS_PARSER = Parser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.tag = kwargs.pop("tag", None)
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(document_operation)

    def arguments(self, schema: Any, **options: Any) -> Callable[..., Any]:
        """Load the body (or `location="query"`) by `schema` into the view's next argument.

        `examples` are bodies by what is said of each; without any, the shortest that the schema takes is one.
        """
        loaded = schema() if isinstance(schema, type) else schema
        if "location" not in options:
            options |= bodies(loaded, options.get("examples"))
        decorate = super().arguments(loaded, **options)

        def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
            decorated: Callable[..., Any] = decorate(view)
            documented = decorated._apidoc["arguments"]  # type: ignore[attr-defined]
            documented["parameters"][-1]["required"] = not options.get("optional")
            documented["media_types"] = options.get("media_types", (JSON,))
            return decorated

        return decorator

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **options: Any
    ) -> None:
        """Register a route; one that names a thing may not find it."""
        view_func._apidoc = {**getattr(view_func, "_apidoc", {}), "name": view_func.__name__}
        if "<" in rule:
            self.problems("not_found")(view_func)
        named = {"tags": [self.tag] if self.tag else None, "parameters": path_parameters(rule)}
        super().add_url_rule(rule, endpoint, view_func, *args, **{**options, **named})

    def response(
        self,
        status_code: int,
        schema: Any = None,
        *,
        etag: bool = False,
        headers: tuple[str, ...] = (),
        **doc: Any,
    ) -> Callable[..., Any]:
        """Answer with `status_code` and what `schema` shows; `etag` makes it an owned, conditional resource.

        For the document there are the names of `headers`, and `examples` by what is said of each.
        """
        shown = schema() if isinstance(schema, type) else schema
        doc["headers"] = documented_headers("Cache-Control", *LIMITS, *(["ETag"] if etag else []), *headers)
        if shown is not None:
            doc.setdefault("description", said_of(shown))
        document = super().response(status_code, shown, **answers(shown, doc.pop("examples", None)), **doc)

        def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
            say = partial(respond, status=status_code, etag=etag, derived=is_derived(shown))
            answering = wraps(document(view))(_answering(view, shown, say))
            if etag:
                answering._apidoc["conditional"] = True  # type: ignore[attr-defined]
            return answering

        return decorator

    @staticmethod
    def problems(*codes: str) -> Callable[[Any], Any]:
        """Document errors that the declarations of a view do not imply, by their codes in the catalogue."""

        def decorator(view: Any) -> Any:
            known = getattr(view, "_apidoc", {})
            view._apidoc = {**known, "problems": {*known.get("problems", ()), *codes}}
            return view

        return decorator


def fields_of(row: Any, names: tuple[str, ...]) -> Any:
    """Return what is shown of a row: a mapping and what is written as they are, an entity by its fields' names."""
    return row if isinstance(row, dict | JsonRow) else {name: getattr(row, name) for name in names}


def _answering(view: Callable[..., Any], schema: Schema | None, say: Callable[..., Response]) -> Callable[..., Any]:
    """Return the view, what it returns said as a response."""
    names = tuple(schema.dump_fields) if schema is not None else ()

    def answering(*args: Any, **kwargs: Any) -> Response:
        result = view(*args, **kwargs)
        if isinstance(result, Response):
            return result
        result, headers = result if isinstance(result, tuple) else (result, {})
        return say(result if schema is None else fields_of(result, names), headers=headers)

    return answering


def respond(body: Any, status: int, headers: dict[str, str], *, etag: bool, derived: bool = False) -> Response:
    """Return the response that says `body`, or 304 where the caller has it already."""
    if body is None or status == 204:
        return Response(status=status, headers=headers)
    data = to_json(body) if isinstance(body, dict) else f"{body.text}\n".encode()
    if etag:
        version = body.get("version") if isinstance(body, dict) else body.version
        tag = tag_of(version, data, derived=derived)
        conditional = {"ETag": f'"{tag}"', "Cache-Control": OWNED}
        if current_request().method in {"GET", "HEAD"} and is_known(tag):
            return Response(status=304, headers=conditional)
        headers = headers | conditional
    return Response(data, status, headers, content_type="application/json")


def require_match(row: Any, schema: Schema) -> None:
    """Answer 412 with the row as it is now unless If-Match names it; without If-Match all is well.

    If-Match names a row by its ETag, or by its version alone, whatever else is shown with the row.
    """
    if "HTTP_IF_MATCH" in current_request().environ and fails_to_match(str(row.version), _tag_of_row(row, schema)):
        refuse_version(row, schema)


def refuse_version(row: Any, schema: Schema) -> NoReturn:
    """Answer 412 with the row as it is now."""
    current = fields_of(row, tuple(schema.dump_fields))
    problem("version_mismatch", headers={"ETag": f'"{_tag_of_row(row, schema)}"'}, current=current)


def _tag_of_row(row: Any, schema: Schema) -> str:
    data = to_json(fields_of(row, tuple(schema.dump_fields)))
    return tag_of(row.version, data, derived=is_derived(schema))


def is_derived(schema: Schema | None) -> bool:
    """Tell whether a schema shows more than a row, so that its tag changes with that too."""
    return getattr(schema, "derived", False)
