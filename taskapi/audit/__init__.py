"""The audit log: what happened to whom, and who did it."""

from taskapi.audit.log import record
from taskapi.audit.models import Event

__all__ = ["Event", "record"]
