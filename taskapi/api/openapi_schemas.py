"""The rules by which schemas and fields become components of the OpenAPI document."""

from typing import Any

from marshmallow import Schema, fields

from taskapi.api.fields import Variant
from taskapi.api.openapi_examples import describe, parameter_example
from taskapi.config import Settings

ANNOTATIONS = {"description", "example"}  # of a field, beside the reference to its component
OF_MEMBER = {"readOnly", "writeOnly", "default"}  # depend on where a value is used, so that no component has them
LIMITS = {"pattern", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"}


def component_name(schema: Any) -> Any:
    """Return the name of a schema in the document. None leaves out those of flask-smorest, which we do not use."""
    kind = schema if isinstance(schema, type) else type(schema)
    return None if kind.__module__.startswith("flask_smorest") else kind.__name__.strip("_").removesuffix("Schema")


def complete_schema(definition: dict[str, Any], schema: Schema, settings: Settings) -> dict[str, Any]:
    """Return the description of a schema, and of a response its required members.

    A body has no `default`: generated clients would require or send the member. The `limits` of its fields are those of
    the settings. A response always has all members, except those whose field has the metadata `sometimes`; it is not
    null where the field has `never_null`; and it has no limits, which only matter to those who write. A schema may have
    more keywords in `described`.
    """
    described: dict[str, Any] = {"description": describe(schema), **getattr(schema, "described", {})}
    unwanted = OF_MEMBER | (set() if getattr(schema, "is_body", False) else LIMITS)
    for property_ in definition["properties"].values():
        for part in (property_, property_.get("items", {})):
            for name in unwanted & part.keys():
                del part[name]
    if getattr(schema, "is_body", False):
        for name, field in schema.load_fields.items():
            if hasattr(field, "limits"):
                definition["properties"][name] |= field.limits(settings)
        return described
    for name, field in schema.dump_fields.items():
        if field.metadata.get("never_null"):
            definition["properties"][name]["type"] = definition["properties"][name]["type"][0]
    required = [name for name, field in schema.dump_fields.items() if not field.metadata.get("sometimes")]
    return described | ({"required": required} if required else {})


def refer_to_component(self: Any, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """Replace the schema of a field whose class has `is_component` by a reference to a component, named by the class.

    A field with only one value becomes a constant.
    """
    if len(ret.get("enum", ())) == 1:
        ret["const"] = ret.pop("enum")[0]
    if not getattr(field, "is_component", False):
        return {}
    name = type(field).__name__.removesuffix("Choice").removesuffix("Variant")
    for key in OF_MEMBER & ret.keys():
        del ret[key]
    schema = {key: ret.pop(key) for key in ret.keys() - ANNOTATIONS}
    if isinstance(field, Variant):
        schema = _one_of(self, field)
    if name not in self.spec.components.schemas:
        self.spec.components.schema(name, {"description": " ".join((type(field).__doc__ or "").split()), **schema})
    return {"$ref": f"#/components/schemas/{name}"}


def show_example(_converter: Any, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """Give a parameter an example, beside its schema. Raises LookupError for a field that needs one in its metadata."""
    ret["schema"].pop("example", None)
    return {"example": parameter_example(field)}


def _one_of(converter: Any, field: Variant) -> dict[str, Any]:
    references = {kind: converter.field2property(fields.Nested(schema)) for kind, schema in field.schemas.items()}
    mapping = {kind: reference["$ref"] for kind, reference in references.items()}
    return {"oneOf": [*references.values()], "discriminator": {"propertyName": field.by, "mapping": mapping}}
