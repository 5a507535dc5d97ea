"""The routes of this extension, for the tests of all routes."""

from tests.surface import ANYONE

MATRIX = {
    "GET /": ANYONE,
    "GET /static/<release>/<path:name>": ANYONE,
}
LEFT_OUT = {
    "/": "the web client",
    "/static/<release>/<path:name>": "the web client",
}
