"""Fields and base schemas of bodies and queries. They reject values that one of the databases cannot store."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from marshmallow import Schema, ValidationError, fields, pre_load
from marshmallow.validate import Length, OneOf, Range

from taskapi.config import length_error

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LINE_BREAK = re.compile(r"[\n\u2028\u2029]")
_CARRIAGE_RETURN = re.compile(r"\r\n?")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(r"(\d{4})-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,19}", re.ASCII)
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

# The same rules as patterns of the OpenAPI document
_SPACE = r"\t\n\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_NO_TEXT = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
_LINE = rf"[^{_NO_TEXT}\n\r\u2028\u2029]*"
LINES_PATTERN = f"^[^{_NO_TEXT}]*$"
LINE_PATTERN = f"^{_LINE}$"
TRIMMED_LINE_PATTERN = f"^[{_SPACE}]*[^{_NO_TEXT}{_SPACE}]{_LINE}[{_SPACE}]*$"
_DATE = r"^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
DAY_PATTERN = f"{_DATE}$"
INSTANT_PATTERN = f"{_DATE}{_TIME}$"
DAY_OR_INSTANT_PATTERN = f"{_DATE}({_TIME})?$"


def _with_pattern(pattern: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a field with a pattern for the OpenAPI document, unless they have one."""
    return {**options, "metadata": {"pattern": pattern, **options.get("metadata", {})}}


class Items(Length):
    """The check that a list has `minimum` to `maximum` items."""

    def __init__(self, minimum: int, maximum: int) -> None:
        super().__init__(minimum, maximum, error=length_error(minimum, maximum, "items"))


class Text(fields.String):
    """Text of `min_length` to `max_length` characters. The line breaks CRLF and CR become LF.

    Other control characters except the tab are rejected, and so are lone surrogates. Text of one line is trimmed
    unless `trim` is false. `multiline` text may contain line breaks and is not trimmed.
    """

    def __init__(
        self, min_length: int, max_length: int, *, multiline: bool = False, trim: bool = True, **kwargs: Any
    ) -> None:
        self.multiline = multiline
        self.trim = trim and not multiline
        one_line = TRIMMED_LINE_PATTERN if self.trim else LINE_PATTERN
        pattern = LINES_PATTERN if multiline else one_line
        length = Length(min_length, max_length, error=length_error(min_length, max_length, "characters"))
        super().__init__(validate=length, **_with_pattern(pattern, kwargs))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if _SURROGATE.search(value):
            raise ValidationError("Must not have a lone surrogate.")
        text: str = _CARRIAGE_RETURN.sub("\n", value)
        if _CONTROL.search(text):
            raise ValidationError("Must not have control characters.")
        text = text.strip() if self.trim else text
        if not self.multiline and _LINE_BREAK.search(text):
            raise ValidationError("Must have one line.")
        return text


class Choice(fields.String):
    """One of several values. A subclass `NameChoice` is the component `Name` of the OpenAPI document."""

    is_component: ClassVar[bool] = True
    values: ClassVar[Iterable[str]]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=OneOf(self.values), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        return value


class Variant(fields.Field[Any]):
    """An object of one of several schemas: the value of its member `by` selects it. A subclass is a component."""

    is_component: ClassVar[bool] = True
    by: ClassVar[str]
    schemas: ClassVar[Mapping[str, Schema]]

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError({"_schema": ["Invalid input type."]})
        if self.by not in value:
            raise ValidationError({self.by: ["Missing data for required field."]})
        if value[self.by] not in [*self.schemas]:
            raise ValidationError({self.by: [f"Must be one of: {', '.join(self.schemas)}."]})
        return self.schemas[value[self.by]].load(value)


class Instant(fields.AwareDateTime):
    """An instant (RFC 3339) with an offset, from 1970 to 9999. It is dumped in UTC with `Z`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**_with_pattern(INSTANT_PATTERN, kwargs))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not _INSTANT.fullmatch(value):
            raise ValidationError("Must be an RFC 3339 date-time with an offset, such as 2030-01-31T09:00:00Z.")
        try:
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError("Must be an existing date and time.") from None
        if instant < EARLIEST:
            raise ValidationError("Must be between 1970 and 9999.")
        return instant


class Day(fields.Date):
    """A day in the form YYYY-MM-DD, from 1970 to 9999."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**_with_pattern(DAY_PATTERN, kwargs))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValidationError("Must be a day, such as 2030-01-31.")
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise ValidationError("Must be an existing day.") from None
        if day < EARLIEST.date():
            raise ValidationError("Must be between 1970 and 9999.")
        return day


class DayOrInstant(fields.Field[date | datetime]):
    """A day or an instant, depending on the format of the text."""

    def __init__(self, description: str, **kwargs: Any) -> None:
        # One pattern instead of two formats: generated clients cannot send a query parameter of one of two types
        metadata = {"pattern": DAY_OR_INSTANT_PATTERN, "description": description, "example": "2030-01-31"}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date | datetime:
        found: date | datetime
        if isinstance(value, str) and _DAY.fullmatch(value):
            found = Day().deserialize(value)
        elif isinstance(value, str) and _INSTANT.fullmatch(value):
            found = Instant().deserialize(value)
        else:
            raise ValidationError("Must be a day, such as 2030-01-31, or an instant, such as 2030-01-31T09:00:00Z.")
        return found


class Whole(fields.Integer):
    """An integer from `minimum` to `maximum`. Booleans and fractions are rejected."""

    def __init__(self, minimum: int, maximum: int, **kwargs: Any) -> None:
        super().__init__(validate=Range(minimum, maximum, error=f"Must be {minimum:,} to {maximum:,}."), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            return int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Color(fields.String):
    """A colour as `#rrggbb`, in lower case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"pattern": "^#[0-9A-Fa-f]{6}$", "example": "#3366ff"}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or not _COLOR.fullmatch(value):
            raise ValidationError("Must be a colour, such as #3366ff.")
        return value.lower()


class Flag(fields.Boolean):
    """A JSON boolean. Other values, such as 1 or "true", are rejected."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class QueryFlag(fields.Boolean):
    """A query parameter that is `true` or `false`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(truthy={"true"}, falsy={"false"}, **kwargs)
        self.error_messages["invalid"] = "Must be true or false."


class Switch(QueryFlag):
    """A query parameter that `true` turns on. `false` is the same as an absent parameter, and is not loaded."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"default": False, **kwargs.pop("metadata", {})}, **kwargs)


@lru_cache(maxsize=1)
def timezone_names() -> frozenset[str]:
    """Return the IANA time zone names that an account can have. Browsers know all of them.

    The names come from the package tzdata, so that every machine accepts the same names.
    """
    return frozenset(files("tzdata").joinpath("zones").read_text().split()) - {"Factory"}


class Timezone(Text):
    """A time zone by its IANA name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(1, 64, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        if name not in timezone_names():
            raise ValidationError("Must be an IANA time zone name, such as Europe/Berlin.")
        return ZoneInfo(name).key


class BodySchema(Schema):
    """A request body, usually made from the schema that shows the resource.

    Fields that the resource shows and that no client sets (`id`, `version`, …) are accepted and ignored, so that a
    client can send back what it read. The OpenAPI document does not list them.
    """

    is_body: ClassVar[bool] = True
    read_only: ClassVar[Iterable[str]] = ()  # besides the `dump_only` fields that the body inherits

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        inherited = self.dump_fields.keys() - self.load_fields.keys()
        for name in inherited:
            del self.fields[name], self.dump_fields[name]
        self.exclude = {*self.exclude, *inherited}  # for the copies that a nested field makes
        self.ignored = inherited.union(self.read_only) - self.load_fields.keys()

    @pre_load
    def ignore_read_only(self, body: Any, **_: Any) -> Any:
        """Return the body without the fields that only the service sets."""
        if not isinstance(body, dict) or self.ignored.isdisjoint(body):
            return body
        return {name: value for name, value in body.items() if name not in self.ignored}


class PatchSchema(BodySchema):
    """A body that changes the fields that it names. No field may have a default: generated clients would send it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(partial=True, **options)


class DeletionSchema(Schema):
    """The query of a DELETE: move to the trash, or delete permanently."""

    permanent = Switch(metadata={"description": "Delete permanently instead of moving to the trash."})
