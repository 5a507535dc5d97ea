"""A verifier with one mistake at a time, on which the attacks of docs/jwt.md succeed. Never use it for anything else.

naive_verifier.py MISTAKE TOKEN prints the name in the token, or `refused`. NAIVE_KEY is the HMAC key in hexadecimal, or
the text of another key.
"""

import hmac
import json
import os
import sqlite3
import sys
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

Members = dict[str, Any]


def decoded(part: str) -> bytes:
    """Decode base64url as leniently as most libraries do."""
    return urlsafe_b64decode(part.rstrip("=") + "=" * (-len(part.rstrip("=")) % 4))


def key_given() -> bytes:
    """Return the key from the environment."""
    text = os.environ["NAIVE_KEY"]
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode()


def key_in_file(kid: str) -> bytes:
    """Mistake: the token names the file of the key."""
    return Path("keys", kid).resolve().read_bytes()


def key_in_table(kid: str) -> bytes:
    """Mistake: text of the token becomes part of an SQL statement."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE keys (kid, secret)")
    (secret,) = database.execute(f"SELECT secret FROM keys WHERE kid = '{kid}'").fetchone()  # noqa: S608
    return str(secret).encode()


def key_of(mistake: str, header: Members) -> bytes:
    """Return the key for the verification."""
    if mistake == "kid-as-file":
        return key_in_file(header["kid"])
    if mistake == "kid-in-statement":
        return key_in_table(header["kid"])
    if mistake == "key-in-token":  # mistake: the token contains its key
        return decoded(header["jwk"]["k"])
    if mistake == "keys-by-url":  # mistake: the token names the URL of its key
        with urlopen(header["jku"]) as answer:  # noqa: S310
            return decoded(json.load(answer)["keys"][0]["k"])
    return key_given()


def verify(mistake: str, token: str) -> Members | None:
    """Return the claims of an accepted token. The checks that a mistake lacks are omitted here."""
    if mistake == "token-in-url":  # mistake: accepting a token in a URL, which logs and histories store
        (token,) = parse_qs(urlsplit(token).query)["access_token"]
    signed, _, signature = token.rpartition(".")
    header, claims = (json.loads(decoded(part)) for part in signed.split("."))
    if mistake == "no-signature":  # mistake: decoding without verifying
        return dict(claims)
    if mistake == "alg-by-token" and header["alg"].lower() == "none":  # mistake: the token determines the algorithm
        return dict(claims)
    # Mistake, if the key is a public key: the token names HS256, and the key is used as a secret
    expected = hmac.digest(key_of(mistake, header), signed.encode(), "sha256")
    return dict(claims) if hmac.compare_digest(decoded(signature), expected) else None


if __name__ == "__main__":
    accepted = verify(sys.argv[1], sys.argv[2])
    sys.stdout.write(f"{accepted['name'] if accepted else 'refused'}\n")
