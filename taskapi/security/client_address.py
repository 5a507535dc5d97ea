"""The client's IP address, and the networks that it belongs to."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from taskapi.context import current_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

UNKNOWN: Final = "unknown"
# IPv6 prefix lengths, and the multiple of a quota for each. Customers have a /64 at least, often a /56 or a /48
NETWORKS: Final = ((64, 1), (56, 4), (48, 16))
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+", re.ASCII)


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address that a proxy wrote, with or without port, brackets or zone; None if it is not an address.

    An IPv4 address that is mapped into IPv6 becomes the IPv4 address.
    """
    if found := _WITH_PORT.fullmatch(text):
        text = found[1] or found[2] or ""
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed


def client_networks() -> list[tuple[str, int]]:
    """Return the networks of the client, the smallest first, each with the multiple of a quota that it may use."""
    parsed = parse_address(current_request().remote_addr or "")
    if isinstance(parsed, IPv6Address):
        return [(f"{IPv6Address(int(parsed) >> 128 - bits << 128 - bits)}/{bits}", share) for bits, share in NETWORKS]
    return [(str(parsed or UNKNOWN), 1)]


def client_network() -> str:
    """Return the smallest network of the client: an IPv4 address or an IPv6 /64."""
    return client_networks()[0][0]


def normalize_address(application: "WSGIApplication") -> "WSGIApplication":
    """Wrap a WSGI application so that REMOTE_ADDR from a trusted proxy has neither port nor brackets."""

    def normalized(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        parsed = parse_address(environ.get("REMOTE_ADDR", ""))
        if parsed is not None:
            environ["REMOTE_ADDR"] = str(parsed)
        return application(environ, start_response)

    return normalized
