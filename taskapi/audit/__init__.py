"""The audit log of accounts and sign-ins."""

from taskapi.audit.log import record
from taskapi.audit.models import Event

__all__ = ["Event", "record"]
