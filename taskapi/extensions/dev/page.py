"""The page /dev/, which sets the switches and shows requests as they arrive."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, request, send_from_directory

from taskapi.api import problem, public
from taskapi.extensions.dev.switches import RequestLog, Switches, read_delay, read_failure

STATIC = Path(__file__).parent / "static"


def init_page(app: Flask, switches: Switches, log: RequestLog) -> None:
    """Register the routes under /dev/. They need no token: `flask dev` accepts connections of this machine only."""
    pages = Blueprint("dev", __name__, url_prefix="/dev")

    @pages.get("/")
    @public
    def show_page() -> Response:
        return send_from_directory(STATIC, "index.html")

    @pages.get("/<name>")
    @public
    def show_file(name: str) -> Response:
        return send_from_directory(STATIC, name)

    @pages.get("/switches")
    @public
    def show_switches() -> dict[str, Any]:
        return asdict(switches)

    @pages.put("/switches")
    @public
    def change_switches() -> dict[str, Any]:
        """Set the switches. A page of another origin cannot, because CORS does not allow it to send JSON here."""
        body = request.get_json()
        try:
            delay, fail = read_delay(str(body["delay"])), read_failure(str(body["fail"]))
        except (KeyError, TypeError, ValueError) as error:
            problem("malformed_request", f"The switches are `delay` and `fail`. {error}")
        switches.delay, switches.fail = delay, fail
        return asdict(switches)

    @pages.get("/requests/<int:number>")
    @public
    def list_requests(number: int) -> dict[str, Any]:
        return {"items": log.after(number)}

    app.register_blueprint(pages)
