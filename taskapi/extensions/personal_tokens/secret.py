"""The text of a personal token: `tka_`, 256 random bits in base62, and a checksum.

The checksum is the CRC32 of the random part, in 6 digits of base62, as in the tokens of GitHub. Programs that search
files for secrets recognize a token by it, without a request to this service.
"""

import re
import secrets
import string
from hashlib import sha256
from typing import Final
from zlib import crc32

PREFIX: Final = "tka_"
DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH: Final = 43  # digits for 256 bits
CHECKSUM_LENGTH: Final = 6  # digits for 32 bits
HINT_LENGTH: Final = 8  # characters that lists show: 4 of the 43 digits, so more than 232 bits remain secret
_FORM: Final = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{RANDOM_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})")


def new_secret() -> str:
    """Return a new token."""
    random_part = _base62(secrets.randbits(256), RANDOM_LENGTH)
    return f"{PREFIX}{random_part}{checksum(random_part)}"


def is_well_formed(token: str) -> bool:
    """Tell whether a text has the form of a token and a correct checksum."""
    parts = _FORM.fullmatch(token)
    return parts is not None and checksum(parts[1]) == parts[2]


def checksum(random_part: str) -> str:
    """Return the CRC32 of a text in base62."""
    return _base62(crc32(random_part.encode()), CHECKSUM_LENGTH)


def digest_of(token: str) -> bytes:
    """Return the SHA-256 of a token, which is all that the database stores of it."""
    return sha256(token.encode()).digest()


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(DIGITS))
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))
