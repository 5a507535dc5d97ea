"""The schemas and the example of CSV imports."""

from marshmallow import Schema, fields

from taskapi.api.fields import Choice, Switch
from taskapi.extensions.imports.schemas import ImportedWithWarningsSchema, ImportQuerySchema

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
ENCODINGS = {
    "utf-8": "utf-8-sig",
    "utf-16": "utf-16",
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "windows-1252": "cp1252",
}
CSV_EXAMPLE = "title,due_date,project,labels\nWater the plants,2030-06-01,Balcony,home\nCall Ada,,,\n"


class CsvDelimiterChoice(Choice):
    """The character between cells."""

    values = tuple(DELIMITERS)


class CsvEncodingChoice(Choice):
    """The encoding of a file."""

    values = tuple(ENCODINGS)


class DateOrderChoice(Choice):
    """The order of day and month: `dmy` or `mdy`."""

    values = ("dmy", "mdy")


class CsvImportQuerySchema(ImportQuerySchema):
    """The options of an import of CSV."""

    delimiter = CsvDelimiterChoice(
        metadata={"description": "The default is the line `sep=` of the file, or the one that fits the header."}
    )
    encoding = CsvEncodingChoice(
        metadata={
            "description": "The encoding of a file without byte order mark, which UTF-16 needs. The default is UTF-8, "
            "or Windows-1252 with a warning if the file is not UTF-8."
        }
    )
    date_order = DateOrderChoice(
        metadata={
            "description": "How to read dates such as `1/2/2030`. Without it, a date that may be in January or in "
            "February is rejected. `31.1.2030` and `2030-01-31` do not need it."
        }
    )
    ignore_unknown = Switch(metadata={"description": "Ignore unknown columns of a table. Without it, they are errors."})


class CsvSourceSchema(Schema):
    """What was recognized in a file."""

    application = fields.String(
        metadata={
            "description": "The application that wrote the file, such as `todoist`; `table`: a table with the columns "
            "of this API.",
            "example": "table",
        }
    )
    delimiter = CsvDelimiterChoice()
    encoding = CsvEncodingChoice()
    columns = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={
            "description": "The columns that are imported, with the field of a task that each one sets.",
            "example": {"Title": "title", "Due Date": "due_date"},
        },
    )
    ignored_columns = fields.List(
        fields.String(), metadata={"description": "The columns that are not imported.", "example": ["Assignee"]}
    )


class ImportedTableSchema(ImportedWithWarningsSchema):
    """What an import of CSV has created, or would create."""

    source = fields.Nested(CsvSourceSchema)
