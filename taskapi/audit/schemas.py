"""What an entry of the audit log looks like, and what the log can be asked for."""

from marshmallow import Schema, fields

from taskapi.api.fields import Choice, Instant
from taskapi.api.pages import PageSchema
from taskapi.audit.models import Event

EVENTS = [event.value for event in Event]


class AuditEntrySchema(Schema):
    """What happened to whom, and who did it."""

    id = fields.UUID(dump_only=True)
    at = Instant(dump_only=True)
    event = Choice(EVENTS, dump_only=True)
    actor_id = fields.UUID(
        dump_only=True, allow_none=True, metadata={"description": "Who did it; null: nobody who was signed in."}
    )
    subject_id = fields.UUID(dump_only=True, allow_none=True, metadata={"description": "Whom it happened to."})
    ip = fields.String(dump_only=True, allow_none=True)
    user_agent = fields.String(dump_only=True, allow_none=True)
    request_id = fields.String(dump_only=True, allow_none=True)
    details = fields.Dict(keys=fields.String(), dump_only=True)


class AuditPageSchema(Schema):
    """A page of the audit log."""

    items = fields.List(fields.Nested(AuditEntrySchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})


class AuditQuerySchema(PageSchema):
    """Which entries. After means from then on, before means until just before."""

    actor = fields.UUID()
    subject = fields.UUID()
    event = Choice(EVENTS)
    after = Instant()
    before = Instant()
