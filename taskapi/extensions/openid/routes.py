"""/openid: the two routes that a browser opens to sign in at the OpenID provider.

The browser goes through `start`, the provider and `callback`, and returns to the client with a code in the fragment of
the address, which browsers do not send. The client exchanges the code, so no token is in a URL.
"""

from typing import Any
from urllib.parse import urlencode

import flask
from flask import Response, request

from taskapi.api import Blueprint, problem, public
from taskapi.api.blueprint import declaration
from taskapi.api.errors import Problem
from taskapi.audit import Event, record
from taskapi.database import db
from taskapi.extensions.openid.pending import read_pending, set_cookie, start_sign_in
from taskapi.extensions.openid.provider import provider
from taskapi.extensions.openid.schemas import StartSchema
from taskapi.extensions.openid.service import create_code, spend_state
from taskapi.security.rate_limit import Limit, enforce_limit, limited

# From one address, with the factors of all limits by address; and from all addresses
START = Limit("openid-start", lambda _settings: "300/hour")
CALLBACK = Limit("openid-callback", lambda _settings: "300/hour")
CALLBACK_ALL = Limit("openid-callback-all", lambda _settings: "10000/hour", silent=True)

# Outside of the API: browsers open these routes, and programs cannot call them
pages = flask.Blueprint("openid_pages", __name__, url_prefix="/openid")


@pages.get("/start")
@public
@limited(START)
@Blueprint("openid", __name__).arguments(StartSchema, location="query")
def start_openid_sign_in(query: dict[str, Any]) -> Response:
    """Send the browser to the provider."""
    pending, cookie = start_sign_in(query["next"], query["challenge"], reauthenticate=query["reauthenticate"])
    try:
        return set_cookie(_redirect(provider().authorization_url(pending)), cookie)
    except Problem as error:
        return _report(error, pending.next)


@pages.get("/callback")
@public
@limited(CALLBACK)
def finish_openid_sign_in() -> Response:
    """Take the answer of the provider, and send the browser back to the client, with a code or an error."""
    found, pending = provider(), read_pending()
    answer = {name: values[0] for name, values in request.args.lists() if len(values) == 1}
    if pending is None or answer.get("state") != pending.state:
        problem("openid_state_invalid")
    try:
        enforce_limit(CALLBACK_ALL)
        spend_state(pending)
        code = create_code(pending, found.identify(answer, pending))
        db.session.commit()
    except Problem as error:
        return set_cookie(_report(error, pending.next), "")
    return set_cookie(_redirect(pending.next, openid_code=code), "")


def _report(error: Problem, address: str) -> Response:
    """Send a browser back to the client with the code of an error. Any other program gets the error itself."""
    db.session.rollback()
    if error.code_name == "openid_failed":
        record(Event.SIGN_IN_FAILED, by="openid")
        db.session.commit()
    if any(media_type == "text/html" for media_type, _ in request.accept_mimetypes):
        return _redirect(address, openid_error=error.code_name)
    raise error


def _redirect(address: str, **fragment: str) -> Response:
    """Redirect to an address that was checked. A path stays one, whatever the `Host` header says."""
    return Response(status=303, headers={"Location": f"{address}#{urlencode(fragment)}" if fragment else address})


declaration(finish_openid_sign_in).accepts_query = True  # providers add parameters of their own
