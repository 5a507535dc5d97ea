"""Logs."""

import logging

from flask import Flask

from taskapi.config import Settings, unknown_names


def init_logging(app: Flask, settings: Settings) -> None:
    """Log from the level that is set, and name what in the environment only looks like a setting."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app.logger.setLevel(settings.log_level.upper())
    for name in unknown_names():
        app.logger.warning("%s is no setting of this version and has no effect", name)
