"""The objects behind Flask's `current_app`, `g` and `request`.

Each access through such a proxy looks the object up again, which takes ten times as long as the access itself. Code
that every request runs uses these functions; all other code uses the proxies.
"""

from collections.abc import Callable
from typing import Any, Final, cast

from flask import Flask, Request, current_app, g, request

current_application: Final = cast("Callable[[], Flask]", cast("Any", current_app)._get_current_object)
current_g: Final = cast("Callable[[], Any]", cast("Any", g)._get_current_object)
current_request: Final = cast("Callable[[], Request]", cast("Any", request)._get_current_object)
