"""Downloads: a temporary file is written first, so that a slow client does not keep a transaction open."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Final
from uuid import UUID

from flask import Response, request

from taskapi.api.concurrency import ConcurrencyLimit
from taskapi.api.errors import problem
from taskapi.config import setting, settings_of, whole
from taskapi.security.rate_limit import Kind, slow_requests

EXPORTS: Final = ConcurrencyLimit("exports", per_user=1, per_process=2, retry_seconds=5)
SEND_SECONDS: Final = 600  # maximum time to send a file; after that the connection is closed
MEMORY_BYTES: Final = 1024 * 1024  # of a file in memory; a larger file is on disk
PIECE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """The settings of this extension."""

    max_export_bytes: int = setting(
        1024 * 1024 * 1024,
        "Largest file of an export. It is written to the folder of temporary files (`TMPDIR`) before it is sent; at "
        "most 2 in each process.",
        whole(1024, 2**53),
    )


def download(user_id: UUID, name: str, content_type: str, pieces: Iterable[bytes]) -> Response:
    """Return a response that sends `pieces` as a file.

    Reads all pieces before it returns, or none for HEAD. Responds 409 if the file is too large, and 429 or 503 if too
    many files are being sent. The file counts until it is sent or the response is closed.
    """
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if request.method == "HEAD":
        return Response(iter(()), headers=headers, content_type=content_type)  # without Content-Length, as for GET
    with ExitStack() as stack:
        stack.enter_context(EXPORTS.hold(user_id))
        stack.enter_context(slow_requests().hold(Kind.READ))
        file = stack.enter_context(SpooledTemporaryFile(MEMORY_BYTES))
        _write(pieces, file)
        held = stack.pop_all()
    response = Response(_send(file, held), headers=headers, content_type=content_type)
    response.call_on_close(held.close)
    return response


def _write(pieces: Iterable[bytes], file: IO[bytes]) -> None:
    max_bytes = settings_of(ExportSettings).max_export_bytes
    written = 0
    for piece in pieces:
        written += len(piece)
        if written > max_bytes:
            problem("quota_exceeded", f"The file is larger than {max_bytes} bytes. Read the list page by page instead.")
        file.write(piece)
    file.seek(0)


def _send(file: IO[bytes], held: ExitStack) -> Iterator[bytes]:
    """Yield the file. Raises TimeoutError if the client is too slow, so that the file does not look complete."""
    until = time.monotonic() + SEND_SECONDS
    with held:
        while piece := file.read(PIECE_BYTES):
            yield piece
            if time.monotonic() > until:
                raise TimeoutError(f"a client took longer than {SEND_SECONDS} s to read an export")
