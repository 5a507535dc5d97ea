"""Changes of all tasks that a filter finds, their number beforehand, and emptying the trash."""

from taskapi.api.error_catalogue import Entry
from taskapi.extensions import Extension
from taskapi.extensions.bulk.routes import blp, trash_blp

EXTENSION = Extension(
    name="bulk",
    blueprints=(blp, trash_blp),
    errors={
        "count_changed": Entry(
            409,
            "The filter finds another number of tasks.",
            "The error has the `count` that the filter finds now. Show it to the user, and send the request with it.",
        ),
        "too_many_tasks": Entry(
            409, "The filter finds too many tasks.", "Add filters, so that one request changes at most 1,000 tasks."
        ),
    },
)
