"""/healthz and /readyz: whether the process lives, and whether what it needs does."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, current_app
from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from taskapi.api import Blueprint, problem

Check = Callable[[], str | None]  # why it is down; None: it is well

blp = Blueprint("health", __name__, description="For those who keep it running.")


class HealthSchema(Schema):
    """All is well."""

    status = fields.String(validate=OneOf(["ok"]))


def init_health(app: Flask, checks: Mapping[str, Check]) -> None:
    """Keep what readiness depends on, by the name it is reported under; a server may add to it."""
    app.extensions["taskapi-checks"] = dict(checks)


def findings() -> dict[str, str | None]:
    """Return, for each thing that the service needs, why it is down, or None."""
    checks: Mapping[str, Check] = current_app.extensions["taskapi-checks"]
    return {name: check() for name, check in checks.items()}


@blp.get("/healthz")
@blp.response(200, HealthSchema)
def healthz() -> dict[str, str]:
    """Say that the process lives."""
    return {"status": "ok"}


@blp.get("/readyz")
@blp.response(200, HealthSchema)
@blp.problems("unavailable")
def readyz() -> dict[str, Any]:
    """Say that requests can be served, or name what is down; the log says why."""
    down = {name: why for name, why in findings().items() if why}
    if down:
        current_app.logger.warning("not ready: %s", "; ".join(f"{name}: {why}" for name, why in down.items()))
        problem("unavailable", f"Not ready: {', '.join(down)}.", down=list(down))
    return {"status": "ok"}


healthz.access = readyz.access = "public"
