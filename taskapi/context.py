"""What Flask's `current_app`, `g` and `request` stand for here.

Their proxies find it anew at each look, which takes ten times as long as the look itself. For what every request passes
through; elsewhere the proxies do.
"""

from collections.abc import Callable
from typing import Any, Final, cast

from flask import Flask, Request, current_app, g, request
from flask.ctx import _AppCtxGlobals

current_application: Final = cast("Callable[[], Flask]", cast("Any", current_app)._get_current_object)
current_g: Final = cast("Callable[[], _AppCtxGlobals]", cast("Any", g)._get_current_object)
current_request: Final = cast("Callable[[], Request]", cast("Any", request)._get_current_object)
