"""Reading a file of tasks: its form, then each row, then how they lie under one another."""

from typing import Any

from flask import request
from marshmallow import RAISE, ValidationError

from taskapi.api import invalid
from taskapi.api.parsing import JSON, load, read_body, read_json, require_type
from taskapi.config import settings
from taskapi.tasks.exchange.links import faults_of
from taskapi.tasks.exchange.schemas import FILE, FILE_TASK
from taskapi.tasks.exchange.table import CSV, read_csv

MOST_BYTES = 16 * 1024 * 1024

Faults = dict[int, Any]


def read_tasks() -> list[dict[str, Any]]:
    """Return the tasks that the body brings, or answer 413, 415, 400, or 422 with what is wrong with each row."""
    place, rows = _rows()
    tasks, faults = _load(rows)
    if faults := faults or faults_of(tasks):
        invalid(place, dict(sorted(faults.items())), invalid_rows=len(faults))
    return tasks


def _rows() -> tuple[str, list[Any]]:
    """Return what sort of file the body is, and its rows as they came."""
    require_type((JSON, CSV))
    place = "csv" if request.mimetype == CSV else "json"
    most = max(MOST_BYTES, settings().max_body_bytes)
    file = {"tasks": read_csv(read_body(most))} if place == "csv" else read_json(most=most)
    return place, load(FILE, file, place)["tasks"]


def _load(rows: list[Any]) -> tuple[list[dict[str, Any]], Faults]:
    tasks: list[dict[str, Any]] = []
    faults: Faults = {}
    for index, row in enumerate(rows):
        try:
            tasks.append(FILE_TASK.load(row, unknown=RAISE))
        except ValidationError as error:
            faults[index] = error.messages
    return tasks, faults
