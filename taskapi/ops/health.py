"""/healthz and /readyz."""

from typing import Any

from flask import Blueprint, jsonify

blp = Blueprint("health", __name__)


@blp.get("/healthz")
def healthz() -> Any:
    """Say that the process lives."""
    return jsonify(status="ok")


healthz.access = "public"  # type: ignore[attr-defined]
