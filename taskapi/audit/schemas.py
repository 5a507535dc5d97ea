"""Schemas of the audit log: an entry, a page, and the filters."""

from marshmallow import Schema, fields

from taskapi.api.fields import Choice, Instant
from taskapi.api.openapi_examples import ENTRY_ID, REQUEST_ID, USER_ID
from taskapi.audit.models import Event
from taskapi.resources.pagination import PageSchema


class AuditEventChoice(Choice):
    """The kind of an event."""

    values = tuple(event.value for event in Event)


class AuditEntrySchema(Schema):
    """An event, the user that it affects, and the user who caused it."""

    id = fields.UUID(dump_only=True, metadata={"example": ENTRY_ID})
    at = Instant(dump_only=True)
    event = AuditEventChoice(dump_only=True)
    actor_id = fields.UUID(
        dump_only=True,
        allow_none=True,
        metadata={"description": "The user who caused the event; null: not signed in.", "example": USER_ID},
    )
    subject_id = fields.UUID(
        dump_only=True,
        allow_none=True,
        metadata={"description": "The user that the event affects.", "example": USER_ID},
    )
    ip = fields.String(dump_only=True, allow_none=True, metadata={"example": "203.0.113.7"})
    user_agent = fields.String(dump_only=True, allow_none=True, metadata={"example": "curl/8.5.0"})
    request_id = fields.String(dump_only=True, allow_none=True, metadata={"example": REQUEST_ID})
    details = fields.Dict(
        keys=fields.String(),
        dump_only=True,
        metadata={"description": "Other values of the event.", "example": {}},
    )


class AuditPageSchema(Schema):
    """A page of the audit log."""

    items = fields.List(fields.Nested(AuditEntrySchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})


class AuditQuerySchema(PageSchema):
    """Filters of the audit log."""

    actor = fields.UUID(metadata={"description": "Events that this user caused, by id.", "example": USER_ID})
    subject = fields.UUID(metadata={"description": "Events that affect this user, by id.", "example": USER_ID})
    event = AuditEventChoice(metadata={"description": "Events of this kind."})
    after = Instant(metadata={"description": "Events at or after this instant."})
    before = Instant(metadata={"description": "Events before this instant."})
