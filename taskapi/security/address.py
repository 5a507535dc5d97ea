"""The client's address, and the networks that it belongs to."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from taskapi.context import current_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

UNKNOWN: Final = "unknown"
# A network counts as one client. A customer has a /64 at least, a /56 or a /48 as often; who has a larger one may do
# more, but not as much more as the addresses in it
NETWORKS: Final = ((64, 1), (56, 4), (48, 16))
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+", re.ASCII)


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address as proxies write it: with a port, in brackets or with a zone; None where it is none.

    An IPv4 address that is mapped into IPv6 is the IPv4 address.
    """
    if found := _WITH_PORT.fullmatch(text):
        text = found[1] or found[2] or ""
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed


def networks() -> list[tuple[str, int]]:
    """Return the networks that the current request counts for, the smallest first, and how much more each may do."""
    parsed = parse_address(current_request().remote_addr or "")
    if isinstance(parsed, IPv6Address):
        return [(f"{IPv6Address(int(parsed) >> 128 - bits << 128 - bits)}/{bits}", share) for bits, share in NETWORKS]
    return [(str(parsed or UNKNOWN), 1)]


def plain_address(application: "WSGIApplication") -> "WSGIApplication":
    """Write the address that a trusted proxy told without port and brackets, for everything that reads it."""

    def plain(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        parsed = parse_address(environ.get("REMOTE_ADDR", ""))
        if parsed is not None:
            environ["REMOTE_ADDR"] = str(parsed)
        return application(environ, start_response)

    return plain
