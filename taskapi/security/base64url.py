"""base64url without padding (RFC 7515, section 2), in its one canonical form."""

from base64 import b64decode, urlsafe_b64encode


def encode(data: bytes) -> str:
    """Return bytes as text."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return the bytes of a text that `encode` could have made; ValueError for any other."""
    data = b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data
