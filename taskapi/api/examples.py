"""Examples in the OpenAPI document: one story, told by the fields of the schemas."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from taskapi.api.fields import Instant

# The cast. What they are called is theirs alone, so that whoever sends an example can put others in their place
USER_ID = "01980a5c-3f00-7a10-8c4e-5d1f0a2b3c01"
SESSION_ID = "01980a5c-3f00-7a10-8c4e-5d1f0a2b3c02"
TASK_ID = "01980a5c-3f00-7a10-8c4e-5d1f0a2b3c03"
PROJECT_ID = "01980a5c-3f00-7a10-8c4e-5d1f0a2b3c04"
LABEL_ID = "01980a5c-3f00-7a10-8c4e-5d1f0a2b3c05"
ENTRY_ID = "01980a5c-3f00-7a10-8c4e-5d1f0a2b3c06"
REQUEST_ID = "5fb4e1a743cd4f67b112c2c10d7fe9d8"
USERNAME = "ada"
GUEST = "charles"
PASSWORD = "correct horse battery staple"  # noqa: S105
NEW_PASSWORD = "analytical engine no 9"  # noqa: S105
ACCESS_TOKEN = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJhdCtqd3QifQ.eyJzdWIiOiIwMTk4In0.c2lnbmF0dXJl"  # noqa: S105
REFRESH_TOKEN = "q0ZkVb6u3m1QY8eT5xJwK2nRrL7sAhDfGcP9oXiUvBE"  # noqa: S105
CSRF_ACCESS_TOKEN = "mW2Yt0Xn5kQbA7rLd9cVgJ3hPz6sEuTf"  # noqa: S105
CSRF_REFRESH_TOKEN = "p4Hs8Kd1vRxZ6yNc2wGqBj7mLtEf9uAo"  # noqa: S105
MOMENT = "2030-01-31T09:00:00Z"


def body_of(schema: Schema) -> dict[str, Any]:
    """Return the shortest body that `schema` takes."""
    return {name: _value(field) for name, field in schema.load_fields.items() if field.required}


def answer_of(schema: Schema) -> dict[str, Any]:
    """Return an answer as `schema` shows it."""
    return {name: _value(field) for name, field in schema.dump_fields.items()}


def said_of(schema: Schema) -> str:
    """Return what a schema's docstring says of what it shows."""
    return " ".join((type(schema).__doc__ or "").split())


def bodies(schema: Schema, examples: dict[str, Any] | None) -> dict[str, Any]:
    """Return what OpenAPI calls examples of a body: those given, by what is said of each, or the shortest there is."""
    return {"examples": _named(examples)} if examples else {"example": body_of(schema)}


def answers(schema: Schema | None, examples: dict[str, Any] | None) -> dict[str, Any]:
    """Return what OpenAPI calls examples of an answer: those given, by what is said of each, or one of its schema."""
    if examples:
        return {"examples": _named(examples)}
    return {} if schema is None else {"example": answer_of(schema)}


def _named(examples: dict[str, Any]) -> dict[str, Any]:
    return {
        summary.lower().replace(",", "").replace(" ", "_"): {"summary": summary, "value": value}
        for summary, value in examples.items()
    }


def _value(field: fields.Field[Any]) -> Any:
    if "example" in field.metadata:
        return field.metadata["example"]
    if isinstance(field, fields.Nested):
        return answer_of(field.schema)
    if isinstance(field, fields.List):
        return [_value(field.inner)]
    return None if field.allow_none else _usual(field)


def _usual(field: fields.Field[Any]) -> Any:
    """Return what a field of its kind has for an example; raises LookupError where a kind has none."""
    if isinstance(field, fields.Boolean):
        return False
    if isinstance(field, Instant):
        return MOMENT
    words = [word for check in field.validators if isinstance(check, OneOf) for word in check.choices]
    if not words:
        raise LookupError(f"{field} has no example in its metadata")
    return words[0]
