"""Recurring tasks: a task with a rule is followed by one with the next due date when it is completed."""

from flask import Flask

from taskapi.config import Settings
from taskapi.extensions import Extension
from taskapi.extensions.recurrence.rules import canonical_rule
from taskapi.extensions.recurrence.successors import follow_status
from taskapi.tasks.edit import add_status_listener
from taskapi.tasks.schemas import CREATED, set_recurrence_parser


def init_recurrence(app: Flask, _settings: Settings) -> None:
    """Accept rules, follow the status of tasks, and add an example to the OpenAPI document."""
    set_recurrence_parser(app, canonical_rule)
    add_status_listener(app, follow_status)
    CREATED["A task for every Saturday"] = {
        "title": "Water the plants",
        "due_date": "2030-06-01",
        "recurrence": "FREQ=WEEKLY;BYDAY=SA",
    }


EXTENSION = Extension(name="recurrence", init=init_recurrence)
