"""The manual order of tasks: /api/v1/tasks/{id}/move places a task before or after another one."""

from taskapi.extensions import Extension
from taskapi.extensions.order.routes import blp

EXTENSION = Extension(name="order", blueprints=(blp,))
