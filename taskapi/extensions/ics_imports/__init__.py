"""iCalendar imports: users add the to-dos of a calendar file."""

from taskapi.api.error_catalogue import Entry
from taskapi.extensions import Extension
from taskapi.extensions.ics_imports.routes import blp

EXTENSION = Extension(
    name="ics_imports",
    requires=("imports",),
    blueprints=(blp,),
    errors={
        "malformed_ics": Entry(
            400, "The body is not a valid calendar.", "Send a calendar file in UTF-8 (RFC 5545) with to-dos (VTODO)."
        ),
    },
)
