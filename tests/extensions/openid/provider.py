"""An OpenID provider for the tests: a process of its own, honest unless a test tells it to misbehave.

`python -m tests.extensions.openid.provider --port 9000` starts it for a look at the sign-in.
"""

import argparse
import json
import secrets
import sys
import time
from base64 import b64decode, urlsafe_b64encode
from hashlib import sha256
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLIENT_ID, CLIENT_SECRET = "tasks", "a secret: 100 % & more"
HYPATIA = {"sub": "hypatia-1", "name": "Hypatia", "preferred_username": "hypatia"}
MAKERS: dict[str, Any] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
RSA_KEYS = [rsa.generate_private_key(65537, 2048) for _ in range(2)]  # they take long to generate


class Key:
    """A key of the provider."""

    def __init__(self, alg: str, private: Any = None, kid: str = "") -> None:
        self.alg = alg
        self.private = private or MAKERS[alg]()
        self.kid = kid or secrets.token_hex(4)

    @property
    def pem(self) -> bytes:
        """The public key as text."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as a JWK."""
        algorithm = jwt.get_algorithm_by_name(self.alg)
        public = json.loads(algorithm.to_jwk(self.private.public_key()))
        return {**public, "kid": self.kid, "alg": self.alg, "use": "sig"}


class OpenidProvider(ThreadingHTTPServer):
    """The provider: its keys, its codes, and how it misbehaves."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.reset()

    def reset(self) -> None:
        """Be honest again, with the first key."""
        self.keys = [Key("RS256", RSA_KEYS[0], "main")]
        self.codes: dict[str, dict[str, str]] = {}
        self.faults: dict[str, Any] = {}
        self.hits: list[str] = []

    def metadata(self) -> dict[str, Any]:
        """Return the discovery document."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            **self.faults.get("metadata", {}),
        }

    def id_token(self, asked: dict[str, str]) -> str:
        """Return the ID token for a request, with the faults that a test wants."""
        moment = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": moment, "exp": moment + 300, "nonce": asked["nonce"]}
        claims |= {"auth_time": moment} if "max_age" in asked else {}
        claims |= self.faults.get("person", HYPATIA)
        claims |= self.faults.get("claims", {})
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.keys[-1]
        headers = {"kid": key.kid, **self.faults.get("header", {})}
        alg, private = self.faults.get("alg", key.alg), key.private
        if alg == "HS256":
            return _sign_with_text(key.pem, {**headers, "alg": alg}, claims)
        if self.faults.get("stranger"):
            private = RSA_KEYS[1]
        return jwt.encode(claims, None if alg == "none" else private, alg, headers)


def _sign_with_text(secret: bytes, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Sign by HMAC with any secret. PyJWT refuses the text of a public key."""
    import hmac  # noqa: PLC0415

    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(secret, b".".join(parts), "sha256")
    return b".".join([*parts, urlsafe_b64encode(signature).rstrip(b"=")]).decode()


class Handler(BaseHTTPRequestHandler):
    """Responds to the browser, to the service, and to the tests (at /control)."""

    server: OpenidProvider
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """Respond to GET."""
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if parts.path == "/control":
            self.send({"hits": self.server.hits})
        elif self.misbehaves(parts.path):
            return
        elif parts.path == "/.well-known/openid-configuration":
            self.send(self.server.metadata())
        elif parts.path == "/jwks":
            self.send(self.server.faults.get("jwks", {"keys": [key.jwk for key in self.server.keys]}))
        elif parts.path == "/authorize":
            self.authorize(query)
        else:
            self.send({"error": "not_found"}, 404)

    def do_POST(self) -> None:
        """Respond to POST."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        path = urlsplit(self.path).path
        if path == "/control":
            self.control(json.loads(body))
        elif not self.misbehaves(path) and path == "/token":
            self.token({name: values[0] for name, values in parse_qs(body).items()})

    def control(self, wanted: dict[str, Any]) -> None:
        """Change the behaviour as a test wants."""
        if wanted.pop("reset", False):
            self.server.reset()
        if alg := wanted.pop("rotate", None):
            self.server.keys = [Key(alg, RSA_KEYS[1] if alg == "RS256" else None)]
        self.server.faults |= wanted
        self.send({})

    def misbehaves(self, path: str) -> bool:
        """Count a request, and misbehave if a test wants that for this path."""
        self.server.hits.append(path)
        how = self.server.faults.get("paths", {}).get(path, {})
        if "seconds" in how:
            time.sleep(how["seconds"])
        if "redirect" in how:
            self.send({}, 302, Location=how["redirect"])
        elif "status" in how:
            self.send({"error": "invalid_grant"}, how["status"])
        elif "bytes" in how:
            self.reply(b'{"padding": "' + b"x" * how["bytes"] + b'"}', 200, how.get("headers", {}))
        elif "text" in how:
            self.reply(how["text"].encode(), 200, {})
        elif "drip" in how:
            self.drip(how["drip"], how["first"])
        else:
            return False
        return True

    def drip(self, seconds: float, first: str) -> None:
        """Send the beginning of a response, and then one byte at a time."""
        faults = self.server.faults
        self.wfile.write(first.encode())
        while self.server.faults is faults:
            try:
                self.wfile.write(b"H")
                self.wfile.flush()
            except OSError:
                return
            time.sleep(seconds)

    def authorize(self, query: dict[str, str]) -> None:
        """Send the browser back with a code, or show a page with a button first."""
        honest = query["client_id"] == CLIENT_ID and query["response_type"] == "code" and "openid" in query["scope"]
        if not honest or query["code_challenge_method"] != "S256" or not query["redirect_uri"].endswith("/callback"):
            self.send({"error": "invalid_request"}, 400)
            return
        person = self.server.faults.get("person", HYPATIA)
        if self.server.faults.get("page") and "confirmed" not in query:
            button = f'<a href="{escape(self.path)}&confirmed=1">Continue as {escape(person["name"])}</a>'
            page = f"<!doctype html><html lang=en><title>Provider</title><h1>Test provider</h1>{button}"
            self.reply(page.encode(), 200, {"Content-Type": "text/html; charset=utf-8"})
            return
        code = secrets.token_urlsafe(16)
        self.server.codes[code] = query
        answer = {"code": code, "state": query["state"], "iss": self.server.url} | self.server.faults.get("answer", {})
        kept = {name: value for name, value in answer.items() if value is not None}
        self.send({}, 302, Location=f"{query['redirect_uri']}?{urlencode(kept)}")

    def token(self, form: dict[str, str]) -> None:
        """Exchange a code once, after all checks that an honest provider makes."""
        scheme, _, basic = self.headers.get("Authorization", "").partition(" ")
        given = b64decode(basic).decode().split(":") if scheme == "Basic" else []
        asked = self.server.codes.get(form.get("code", ""), {})
        challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if [unquote(part) for part in given] != [CLIENT_ID, CLIENT_SECRET]:
            self.send({"error": "invalid_client"}, 401)
        elif challenge != asked.get("code_challenge") or form.get("redirect_uri") != asked.get("redirect_uri"):
            self.send({"error": "invalid_grant"}, 400)
        else:
            if not self.server.faults.get("codes_serve_twice"):
                del self.server.codes[form["code"]]
            body = {"access_token": "an access token", "token_type": "Bearer", "id_token": self.server.id_token(asked)}
            self.send(body | self.server.faults.get("response", {}))

    def send(self, body: dict[str, Any], status: int = 200, **headers: str) -> None:
        """Send a JSON object."""
        self.reply(json.dumps(body).encode(), status, {"Content-Type": "application/json", **headers})

    def reply(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        """Send a response."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    server = OpenidProvider(parser.parse_args().port)
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    server.serve_forever()
