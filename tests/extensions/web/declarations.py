"""What the tests for all routes must know of this extension."""

from tests.surface import ANYONE

MATRIX = {
    "GET /": ANYONE,
    "GET /static/<release>/<path:name>": ANYONE,
}
LEFT_OUT = {
    "/": "the web client",
    "/static/<release>/<path:name>": "the web client",
}
