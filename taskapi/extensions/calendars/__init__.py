"""Calendars: secret addresses at which calendar applications read the tasks of a user."""

from taskapi.extensions import Extension
from taskapi.extensions.calendars.routes import blp, init_calendars
from taskapi.extensions.calendars.schemas import CalendarSettings

EXTENSION = Extension(
    name="calendars",
    requires=("exports",),
    blueprints=(blp,),
    init=init_calendars,
    settings=CalendarSettings,
)
