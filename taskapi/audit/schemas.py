"""What an entry of the audit log looks like, and what the log can be asked for."""

from marshmallow import Schema, fields

from taskapi.api.examples import ENTRY_ID, REQUEST_ID, USER_ID
from taskapi.api.fields import Choice, Instant
from taskapi.audit.models import Event
from taskapi.resources.pagination import PageSchema

EVENTS = [event.value for event in Event]


class AuditEntrySchema(Schema):
    """What happened to whom, and who did it."""

    id = fields.UUID(dump_only=True, metadata={"example": ENTRY_ID})
    at = Instant(dump_only=True)
    event = Choice(EVENTS, dump_only=True)
    actor_id = fields.UUID(
        dump_only=True,
        allow_none=True,
        metadata={"description": "Who did it; null: nobody who was signed in.", "example": USER_ID},
    )
    subject_id = fields.UUID(
        dump_only=True, allow_none=True, metadata={"description": "Whom it happened to.", "example": USER_ID}
    )
    ip = fields.String(dump_only=True, allow_none=True, metadata={"example": "203.0.113.7"})
    user_agent = fields.String(dump_only=True, allow_none=True, metadata={"example": "curl/8.5.0"})
    request_id = fields.String(dump_only=True, allow_none=True, metadata={"example": REQUEST_ID})
    details = fields.Dict(
        keys=fields.String(), dump_only=True, metadata={"description": "What else there is to say.", "example": {}}
    )


class AuditPageSchema(Schema):
    """A page of the audit log."""

    items = fields.List(fields.Nested(AuditEntrySchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})


class AuditQuerySchema(PageSchema):
    """Which entries. After means from then on, before means until just before."""

    actor = fields.UUID(metadata={"description": "What this person did, by their id."})
    subject = fields.UUID(metadata={"description": "What happened to this person, by their id."})
    event = Choice(EVENTS, metadata={"description": "Of this kind."})
    after = Instant(metadata={"description": "From this instant on."})
    before = Instant(metadata={"description": "Until just before this instant."})
