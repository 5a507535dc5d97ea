"""Live updates: GET /api/v1/changes/stream tells clients at once that something of their user has changed."""

from taskapi.api.error_catalogue import Entry
from taskapi.extensions import Extension
from taskapi.extensions.live_updates.routes import blp, init_live_updates
from taskapi.extensions.live_updates.schemas import StreamSettings

EXTENSION = Extension(
    name="live_updates",
    requires=("changes",),
    blueprints=(blp,),
    init=init_live_updates,
    settings=StreamSettings,
    errors={
        "stream_unavailable": Entry(
            503,
            "This server process cannot open another stream now.",
            "Request GET /changes from time to time instead, and try again after the time in `Retry-After`.",
            {"Retry-After": "30"},
        ),
    },
)
