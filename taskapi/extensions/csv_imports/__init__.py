"""CSV imports: users add the tasks of a spreadsheet, or of another application."""

from taskapi.api.error_catalogue import Entry
from taskapi.extensions import Extension
from taskapi.extensions.csv_imports.routes import blp

EXTENSION = Extension(
    name="csv_imports",
    requires=("imports",),
    blueprints=(blp,),
    errors={
        "malformed_csv": Entry(
            400,
            "The body is not valid CSV.",
            "Send CSV with a header row. Quote a cell with delimiters, quotes or line breaks. If the delimiter or the "
            "encoding was not recognized, state it in the query.",
        ),
    },
)
