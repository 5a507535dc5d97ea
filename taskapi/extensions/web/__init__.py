"""The browser client at /: static files that use the API over HTTP, and the routes that serve them."""

from taskapi.extensions import Extension
from taskapi.extensions.web.routes import init_web

EXTENSION = Extension(name="web", requires=("batch", "changes", "order", "recurrence"), init=init_web)
