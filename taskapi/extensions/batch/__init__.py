"""Batches: several changes of tasks in one transaction, by POST /api/v1/tasks/batch."""

from taskapi.api.error_catalogue import Entry
from taskapi.extensions import Extension
from taskapi.extensions.batch.routes import blp
from taskapi.extensions.batch.settings import BatchSettings

EXTENSION = Extension(
    name="batch",
    blueprints=(blp,),
    settings=BatchSettings,
    errors={
        "batch_too_large": Entry(
            409,
            "The batch is too large.",
            "Send fewer operations in one batch. A single operation may change any number of subtasks.",
        ),
    },
)
