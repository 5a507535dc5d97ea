"""For developers: `flask dev`, a server for front ends, and `flask seed`, an account with sample tasks."""

from taskapi.extensions import Extension
from taskapi.extensions.dev.command import dev
from taskapi.extensions.dev.sample_data import seed

EXTENSION = Extension(name="dev", commands=(dev, seed))
