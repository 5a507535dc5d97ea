"""The file of an import, received from the body of the request or from a form."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from flask import request
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from taskapi.api import invalid, problem
from taskapi.api.parsing import read_chunks, require_type
from taskapi.config import settings

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
MAX_ROW_CHARACTERS: Final = 512 * 1024  # of JSON or CSV; a valid row has at most 300,000, if all are escaped
MEMORY_BYTES: Final = 1024 * 1024  # of a file in memory; a larger file is on disk
FORM: Final = "multipart/form-data"
FORM_BYTES: Final = 64 * 1024  # of a form, besides its file


@contextmanager
def receive(*media_types: str) -> Iterator[IO[bytes]]:
    """Yield the file of the request as a temporary file. Responds 400, 413, 415 or 422."""
    max_bytes = max(MAX_FILE_BYTES, settings().max_body_bytes)
    is_form = request.mimetype == FORM and FORM in media_types and not request.content_encoding
    if not is_form:
        require_type(media_types)
    with ExitStack() as opened:
        file: IO[bytes] = opened.enter_context(SpooledTemporaryFile(MEMORY_BYTES))
        for chunk in read_chunks(max_bytes + FORM_BYTES if is_form else max_bytes):
            file.write(chunk)
        file.seek(0)
        if is_form:
            file = _file_of_form(file, opened)
            if file.seek(0, SEEK_END) > max_bytes:
                problem("body_too_large")
            file.seek(0)
        yield file


def _file_of_form(body: IO[bytes], opened: ExitStack) -> IO[bytes]:
    """Return the only file of a form. Responds 400 or 422. Adds its temporary files to `opened`, which closes them."""
    _, options = parse_options_header(request.headers.get("Content-Type", ""))

    def open_part(*_args: Any, **_kwargs: Any) -> IO[bytes]:
        return opened.enter_context(SpooledTemporaryFile(MEMORY_BYTES))

    parser = FormDataParser(open_part, max_form_memory_size=FORM_BYTES, max_form_parts=10, silent=False)
    try:
        _, fields, files = parser.parse(body, FORM, None, options)
    except (ValueError, OSError):
        problem("malformed_request", "The form is malformed.")
    faults = {name: ["Unknown field."] for name in fields}
    found = [file for _, file in files.items(multi=True)]
    if len(found) != 1:
        faults["file"] = ["A form must have exactly one file."]
    if faults:
        invalid("form", faults)
    return found[0].stream
