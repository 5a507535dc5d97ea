"""A new project from the core: `flask start`."""

from taskapi.extensions import Extension
from taskapi.extensions.start.command import start

EXTENSION = Extension(name="start", commands=(start,))
