"""The examples of the OpenAPI document, made from the fields of the schemas."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import Equal, OneOf

from taskapi.api.fields import Instant, Variant

# Each value is used for one thing only, so that a program that sends the examples can replace it by a real value
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
CURSOR = "m5Qe0Yh1wXbT7uKcN2rLzFsJ8pVgA3dE6oIyWkBqRxhbIjIwMzAtMDEtMzEiXQ"
MOMENT = "2030-01-31T09:00:00Z"


def body_example(schema: Schema) -> dict[str, Any]:
    """Return the shortest body that `schema` accepts."""
    return {name: _field_example(field) for name, field in schema.load_fields.items() if field.required}


def response_example(schema: Schema) -> dict[str, Any]:
    """Return a response as `schema` shows it."""
    return {name: _field_example(field) for name, field in schema.dump_fields.items()}


def parameter_example(field: fields.Field[Any]) -> Any:
    """Return the example of a query parameter. That of a flag is true, because most of them are false by default."""
    return True if isinstance(field, fields.Boolean) else _field_example(field)


def body_examples(schema: Schema, examples: dict[str, Any] | None) -> dict[str, Any]:
    """Return the examples of a body in the form of OpenAPI: those given by summary, or the shortest valid body."""
    return {"examples": _by_name(examples)} if examples else {"example": body_example(schema)}


def response_examples(schema: Schema | None, examples: dict[str, Any] | None) -> dict[str, Any]:
    """Return the examples of a response in the form of OpenAPI: those given by summary, or one made from `schema`."""
    if examples:
        return {"examples": _by_name(examples)}
    return {} if schema is None else {"example": response_example(schema)}


def describe(schema: Schema) -> str:
    """Return the docstring of a schema as one line."""
    return " ".join((type(schema).__doc__ or "").split())


def _by_name(examples: dict[str, Any]) -> dict[str, Any]:
    return {
        summary.lower().replace(",", "").replace(" ", "_"): {"summary": summary, "value": value}
        for summary, value in examples.items()
    }


def _field_example(field: fields.Field[Any]) -> Any:
    """Return the example in the metadata of a field, or one for its type. Raises LookupError if it has neither."""
    if "example" in field.metadata:
        return field.metadata["example"]
    if isinstance(field, fields.Nested | Variant):
        return response_example(
            field.schema if isinstance(field, fields.Nested) else next(iter(field.schemas.values()))
        )
    if isinstance(field, fields.List):
        return [_field_example(field.inner)]
    if field.allow_none and not field.metadata.get("never_null"):
        return None
    if isinstance(field, fields.Boolean | Instant):
        return MOMENT if isinstance(field, Instant) else False
    choices = [choice for validator in field.validators if isinstance(validator, OneOf) for choice in validator.choices]
    choices += [validator.comparable for validator in field.validators if isinstance(validator, Equal)]
    if not choices:
        raise LookupError(f"{field} has no example in its metadata")
    return choices[0]
