"""Transfer: users export and import their tasks as files, and export their whole account."""

from taskapi.api.error_catalogue import Entry
from taskapi.extensions import Extension
from taskapi.extensions.transfer.downloads import TransferSettings
from taskapi.extensions.transfer.routes import blp, me

EXTENSION = Extension(
    name="transfer",
    blueprints=(blp, me),
    settings=TransferSettings,
    errors={
        "malformed_csv": Entry(
            400,
            "The body is not valid CSV.",
            "Send UTF-8 with a header row and commas between cells. Quote a cell with commas, quotes or line breaks.",
        ),
    },
)
