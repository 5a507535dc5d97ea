"""base64url without padding (RFC 7515, section 2), in canonical form only."""

from base64 import b64decode, urlsafe_b64encode


def encode(data: bytes) -> str:
    """Encode bytes."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Decode text that `encode` could have returned. Raises ValueError for any other text."""
    data = b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data
