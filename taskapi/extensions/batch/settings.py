"""The setting of this extension."""

from dataclasses import dataclass

from taskapi.config import setting, settings_of, whole


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """The settings of batches."""

    max_batch_rows: int = setting(
        20_000,
        "Rows that a batch of several operations may change, including subtasks; a larger batch gets 409.",
        whole(100),
    )


def batch_settings() -> BatchSettings:
    """Return the settings of batches of the current application."""
    return settings_of(BatchSettings)
