"""What the tests for all routes must know of this extension."""

from tests.extensions.calendars.calendar_client import CALENDARS, create
from tests.surface import ANYONE, EVERY_ROLE

MATRIX = {
    "POST /api/v1/me/calendars": EVERY_ROLE,
    "GET /api/v1/me/calendars": EVERY_ROLE,
    "POST /api/v1/me/calendars/<uuid:calendar_id>/rotate": EVERY_ROLE,
    "DELETE /api/v1/me/calendars/<uuid:calendar_id>": EVERY_ROLE,
    "GET /calendars/<secret>.ics": ANYONE,
}
FRESH = {
    "POST /api/v1/me/calendars",
    "POST /api/v1/me/calendars/<uuid:calendar_id>/rotate",
}
MAKERS = {"calendar_id": lambda client: create(client)["id"]}
LISTS = {CALENDARS: create}
LIVE = {"calendars": create}
LEFT_OUT = {"/calendars/<secret>.ics": "files for calendar applications, whose addresses are secret"}
