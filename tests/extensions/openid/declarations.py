"""What the tests for all routes must know of this extension."""

from tests.surface import ANYONE

MATRIX = {
    "GET /openid/start": ANYONE,
    "GET /openid/callback": ANYONE,
}
LEFT_OUT = {
    "/openid/start": "browsers open it, and programs cannot call it",
    "/openid/callback": "the OpenID provider sends browsers to it",
}
UNDOCUMENTED = {"openid_state_invalid", "openid_denied", "openid_failed"}
LOCAL = {"openid_sign_ins"}
