"""/healthz and /readyz: whether the process runs, and whether its dependencies work."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, current_app
from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from taskapi.api import Blueprint, problem, public

Check = Callable[[], str | None]  # the reason why it is down; None if it works

blp = Blueprint("health", __name__, description="Health checks for operators.")


class HealthSchema(Schema):
    """The process runs."""

    status = fields.String(validate=OneOf(["ok"]))


class ReadinessSchema(HealthSchema):
    """The service is ready."""

    degraded = fields.List(
        fields.String(),
        metadata={
            "description": "Services that are down, but that requests do not need.",
            "example": ["redis"],
        },
    )


def init_health(app: Flask, checks: Mapping[str, Check], reports: Mapping[str, Check]) -> None:
    """Store the checks that readiness depends on, and those that are only reported, by name."""
    app.extensions["taskapi-checks"] = dict(checks)
    for name, check in reports.items():
        add_report(app, name, check)


def add_report(app: Flask, name: str, check: Check) -> None:
    """Add a check that is only reported: by `degraded` of /readyz, and by `flask doctor`."""
    app.extensions.setdefault("taskapi-reports", {})[name] = check


def findings() -> dict[str, str | None]:
    """Return the result of each check by its name: the reason why it is down, or None."""
    return {**_run("taskapi-checks"), **_run("taskapi-reports")}


def _run(kind: str) -> dict[str, str | None]:
    checks: Mapping[str, Check] = current_app.extensions[kind]
    return {name: check() for name, check in checks.items()}


def _down(kind: str) -> list[str]:
    """Return the names of the failed checks, and log the reasons."""
    down = {name: why for name, why in _run(kind).items() if why}
    if down:
        current_app.logger.warning("down: %s", "; ".join(f"{name}: {why}" for name, why in down.items()))
    return list(down)


@blp.get("/healthz")
@blp.response(200, HealthSchema)
@public
def healthz() -> dict[str, str]:
    """Check that the process runs."""
    return {"status": "ok"}


@blp.get("/readyz")
@blp.response(200, ReadinessSchema, errors=("unavailable",))
@public
def readyz() -> dict[str, Any]:
    """Check that the service is ready. A 503 names what is down; the log has the reasons.

    Redis only counts rate limits. Without Redis each process counts in its own memory, and the service is ready.
    """
    if down := _down("taskapi-checks"):
        problem("unavailable", f"Not ready: {', '.join(down)}.", down=down)
    return {"status": "ok", "degraded": _down("taskapi-reports")}
