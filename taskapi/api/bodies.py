"""Bodies that create or change a resource, made from the schema that shows it."""

from collections.abc import Iterable
from typing import Any, ClassVar

from marshmallow import Schema, pre_load


class BodySchema(Schema):
    """A body that a client sends.

    Fields that the resource shows and that no client sets (`id`, `version`, …) are accepted and ignored, so that a
    client can send back what it read. The document does not list them.
    """

    read_only: ClassVar[Iterable[str]] = ()  # besides the `dump_only` fields that the body inherits

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        inherited = self.dump_fields.keys() - self.load_fields.keys()
        for name in inherited:
            del self.fields[name], self.dump_fields[name]
        self.ignored = inherited.union(self.read_only) - self.load_fields.keys()

    @pre_load
    def ignore_read_only(self, body: Any, **_: Any) -> Any:
        """Return the body without the fields that only the service sets."""
        if not isinstance(body, dict) or self.ignored.isdisjoint(body):
            return body
        return {name: value for name, value in body.items() if name not in self.ignored}


class PatchSchema(BodySchema):
    """A body that changes the fields it names. None of its fields may have a default: clients would send it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(partial=True, **options)
