"""Reminders: a mail when a reminder of a task is due, and a list of those that are next."""

from flask import Flask

from taskapi.config import Settings
from taskapi.extensions import Extension
from taskapi.extensions.reminders import service
from taskapi.extensions.reminders.routes import blp
from taskapi.extensions.reminders.times import ReminderSettings, move_days, set_times
from taskapi.tasks.edit import add_reminder_listener
from taskapi.users.service import init_timezones

__all__ = ["EXTENSION", "service"]


def init_reminders(app: Flask, _settings: Settings) -> None:
    """Follow the reminders of tasks, and the time zones of users."""
    add_reminder_listener(app, set_times)
    init_timezones(app, move_days)


EXTENSION = Extension(
    name="reminders",
    requires=("mail", "account_mail"),
    blueprints=(blp,),
    init=init_reminders,
    settings=ReminderSettings,
)
