"""The change feed, /api/v1/changes: clients keep a local copy up to date with it."""

from taskapi.api.error_catalogue import Entry
from taskapi.extensions import Extension
from taskapi.extensions.changes.routes import blp

EXTENSION = Extension(
    name="changes",
    blueprints=(blp,),
    errors={
        "cursor_expired": Entry(
            410,
            "Some changes since this cursor have been purged.",
            "Start again without `since`, and replace the whole copy.",
        ),
    },
)
