"""Reading a file of tasks: its form, then each row, then how they lie under one another."""

from itertools import islice
from typing import Any

from marshmallow import RAISE, ValidationError

from taskapi.api import problem
from taskapi.api.parsing import JSON, load, read_json
from taskapi.config import settings
from taskapi.tasks.exchange.links import faults_of
from taskapi.tasks.exchange.schemas import FILE, FILE_TASK

MOST_BYTES = 16 * 1024 * 1024
MOST_LISTED = 100

Faults = dict[int, Any]


def read_tasks() -> list[dict[str, Any]]:
    """Return the tasks that the body brings, or answer 413, 415, 400, or 422 with what is wrong with each row."""
    most = max(MOST_BYTES, settings().max_body_bytes)
    tasks, faults = _load(load(FILE, read_json((JSON,), most), "json")["tasks"])
    if faults := faults or faults_of(tasks):
        _refuse("json", faults)
    return tasks


def _load(rows: list[Any]) -> tuple[list[dict[str, Any]], Faults]:
    tasks: list[dict[str, Any]] = []
    faults: Faults = {}
    for index, row in enumerate(rows):
        try:
            tasks.append(FILE_TASK.load(row, unknown=RAISE))
        except ValidationError as error:
            faults[index] = error.messages
    return tasks, faults


def _refuse(place: str, faults: Faults) -> None:
    listed = dict(islice(sorted(faults.items()), MOST_LISTED))
    problem("validation_failed", errors={place: listed}, invalid_rows=len(faults))
