"""The settings and the schemas of calendars."""

from dataclasses import dataclass
from typing import Final

from marshmallow import Schema, fields

from taskapi.api.fields import BodySchema, Choice, Instant, Text
from taskapi.api.openapi_examples import PROJECT_ID
from taskapi.config import setting, whole

CALENDAR_ID: Final = "01980a5c-3f00-7a10-8c4e-5d1f0a2b3c09"
URL_EXAMPLE: Final = "https://tasks.example.org/calendars/Q4vX0Wm2bT7Jc9sLr1YfKd8PzNh3uGe6RxAo5SiEt-w.ics"


@dataclass(frozen=True, kw_only=True)
class CalendarSettings:
    """The settings of calendars."""

    max_calendars: int = setting(20, "Calendar addresses of one user.", whole(1, 1000))
    calendar_requests_per_hour: int = setting(
        120, "Requests of one calendar address in an hour; applications ask every 5 minutes to once a day.", whole(1)
    )
    calendar_requests_per_hour_of_address: int = setting(
        1200, "Requests of calendars in an hour from one address; its networks may send more.", whole(1)
    )


class CalendarKindChoice(Choice):
    """`VTODO`: tasks, for applications with tasks. `VEVENT`: an event for each task with a due date, for the others."""

    values = ("VTODO", "VEVENT")


class CalendarSchema(Schema):
    """A calendar address, without its URL."""

    id = fields.UUID(dump_only=True, metadata={"example": CALENDAR_ID})
    name = Text(
        1, 100, required=True, metadata={"description": "The name that applications show.", "example": "My tasks"}
    )
    kind = CalendarKindChoice(metadata={"description": "The default is `VTODO`."})
    project_id = fields.UUID(
        allow_none=True,
        metadata={"description": "Only the tasks of this project; null: all tasks.", "example": PROJECT_ID},
    )
    created_at = Instant(dump_only=True)
    last_used_at = Instant(
        dump_only=True,
        allow_none=True,
        metadata={"description": "The last use, to the minute; null: never used.", "example": "2030-01-31T09:00:00Z"},
    )


class NewCalendarSchema(CalendarSchema):
    """A calendar address. Only this response contains its `url`."""

    url = fields.String(
        dump_only=True,
        metadata={"description": "The secret address, for a calendar application.", "example": URL_EXAMPLE},
    )


class CalendarCreateSchema(BodySchema, CalendarSchema):
    """A new calendar address. Only the name is required."""


class CalendarPageSchema(Schema):
    """A page of calendar addresses."""

    items = fields.List(fields.Nested(CalendarSchema), required=True)
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})
