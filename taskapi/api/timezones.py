"""Names of time zones: those of the IANA database that browsers know too.

They come from the package tzdata, so that every machine accepts the same names, whatever its operating system has.
"""

from functools import lru_cache
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

from taskapi.api.fields import Text

UNKNOWN_TO_BROWSERS: Final = {"Factory"}


@lru_cache(maxsize=1)
def timezone_names() -> frozenset[str]:
    """Return the names of time zones that an account can have."""
    return frozenset(files("tzdata").joinpath("zones").read_text().split()) - UNKNOWN_TO_BROWSERS


class Timezone(Text):
    """A time zone by its IANA name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(1, 64, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        if name not in timezone_names():
            raise ValidationError("Not the IANA name of a time zone, such as Europe/Berlin.")
        return ZoneInfo(name).key
