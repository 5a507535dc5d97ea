"""The backend for front-end developers: `flask dev`. Nothing of it exists in any other server."""

from taskapi.extensions import Extension
from taskapi.extensions.dev.command import dev

EXTENSION = Extension(name="dev", commands=(dev,))
