"""Imports: users add the tasks of a JSON or CSV file."""

from taskapi.api.error_catalogue import Entry
from taskapi.extensions import Extension
from taskapi.extensions.imports.routes import blp

EXTENSION = Extension(
    name="imports",
    blueprints=(blp,),
    errors={
        "malformed_csv": Entry(
            400,
            "The body is not valid CSV.",
            "Send UTF-8 with a header row and commas between cells. Quote a cell with commas, quotes or line breaks.",
        ),
    },
)
