"""Requests to the OpenID provider: its discovery document, its keys, and the exchange of codes.

They run in threads of their own, at most MAX_THREADS in a process, for at most DEADLINE seconds. So a provider that is
slow or never stops sending occupies few threads, for a short time. Redirects are not followed, bodies are bounded, and
the discovery document may only name the host of the issuer and hosts of the settings.
"""

import json
import logging
import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock, Thread
from time import monotonic
from typing import Any, Final, NoReturn
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from taskapi.api import problem
from taskapi.api.concurrency import ConcurrencyLimit
from taskapi.api.errors import Problem
from taskapi.context import current_application
from taskapi.extensions.openid.id_token import read_keys, verify_id_token
from taskapi.extensions.openid.pending import PendingSignIn, challenge_of
from taskapi.extensions.openid.settings import CALLBACK, OpenidSettings, is_plain_local
from taskapi.security.jws import Members

TIMEOUT: Final = 5.0  # seconds to connect, and for each part of a response
DEADLINE: Final = 10.0  # seconds for all that a request needs from the provider
MAX_BYTES: Final = 256 * 1024  # of a response
MAX_AGE: Final = 3600.0  # seconds until a document is read again; the last one stays in use while that fails
COOLDOWN: Final = 5.0  # seconds between two reads of a document
MAX_THREADS: Final = 4
ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}
_NOBODY: Final = UUID(int=0)  # the limit counts the requests of all users together
_threads = ConcurrencyLimit("requests to the OpenID provider", per_process=MAX_THREADS, retry_seconds=5)
_log = logging.getLogger(__name__)


class _Exchange:
    """All that one request needs from the provider. At its end its connection is shut down.

    httpx has a limit for each read only, and a read may bring a single byte.
    """

    def __init__(self) -> None:
        self._end = monotonic() + DEADLINE
        self._socket: socket.socket | None = None

    def follow(self, step: str, info: dict[str, Any]) -> None:
        """Keep the socket of a new connection. httpx calls this at each step of a request (its extension `trace`)."""
        if step.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if monotonic() > self._end:  # nobody waits any more
                self.shut_down()

    def shut_down(self) -> None:
        """Make the thread that reads from the connection fail at once."""
        if self._socket:
            with suppress(OSError):  # it is closed already
                self._socket.shutdown(socket.SHUT_RDWR)


_exchange: ContextVar[_Exchange] = ContextVar("exchange")  # of the current thread


@dataclass
class _Document:
    """A document of the provider, and when it was read."""

    read: Callable[[], Any]
    lock: Lock = field(default_factory=Lock)
    value: Any = None
    read_at: float = -MAX_AGE
    tried_at: float = -MAX_AGE

    def current(self, *, newer: bool = False) -> Any:
        """Return the document, read again if it is old, or with `newer`; but not twice within COOLDOWN."""
        with self.lock:
            is_due = self.value is None or newer or monotonic() - self.read_at > MAX_AGE
            if is_due and monotonic() - self.tried_at > COOLDOWN:
                self.tried_at = monotonic()
                try:
                    self.value, self.read_at = self.read(), monotonic()
                except Exception as error:  # noqa: BLE001  whatever it is, the last document stays in use
                    _log.warning("a document of the OpenID provider cannot be read: %r", error)
            if self.value is None:
                raise ConnectionError("its documents could not be read")
            return self.value


class Provider:
    """The OpenID provider of the settings."""

    def __init__(self, found: OpenidSettings) -> None:
        self._found = found
        self._redirect_uri = found.openid_public_url + CALLBACK
        self._hosts = {urlsplit(found.openid_issuer).netloc, *filter(None, found.openid_hosts.split(","))}
        import httpx  # noqa: PLC0415 - without a provider, nothing needs it

        self._http = httpx.Client(timeout=TIMEOUT, limits=httpx.Limits(max_keepalive_connections=0))
        self._metadata = _Document(self._read_metadata)
        self._keys = _Document(self._read_keys)

    def authorization_url(self, pending: PendingSignIn) -> str:
        """Return the page of the provider where the person signs in. Responds 503 if the provider does not respond."""
        endpoint = _within_deadline(lambda: self._metadata.current()["authorization_endpoint"])
        query = {"response_type": "code", "client_id": self._found.openid_client_id, "scope": self._found.openid_scopes}
        query |= {"redirect_uri": self._redirect_uri, "state": pending.state, "nonce": pending.nonce}
        query |= {"code_challenge": challenge_of(pending.verifier), "code_challenge_method": "S256"}
        if pending.reauthenticate:
            query |= {"prompt": "login", "max_age": "60"}  # max_age makes the provider add auth_time
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def identify(self, answer: dict[str, str], pending: PendingSignIn) -> Members:
        """Return the claims of the person for whom the provider has answered. Responds 401, 403 or 503."""
        return _within_deadline(lambda: self._identify(answer, pending))  # type: ignore[no-any-return]

    def _identify(self, answer: dict[str, str], pending: PendingSignIn) -> Members:
        found, metadata = self._found, self._metadata.current()
        names_itself = metadata.get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", None if names_itself else found.openid_issuer) != found.openid_issuer:  # RFC 9207
            _fail("the response is not of this issuer")
        if answer.get("error") == "access_denied":
            problem("openid_denied")
        if "code" not in answer:
            _fail(f"the response has no code, and the error {answer.get('error', '')[:100]!r}")
        token = self._exchange(metadata, answer["code"], pending.verifier).get("id_token")
        expected = {"issuer": found.openid_issuer, "client_id": found.openid_client_id, "nonce": pending.nonce}
        try:
            return verify_id_token(token, self._keys.current, **expected)
        except ValueError as error:
            _fail(f"the ID token is invalid: {error}")

    def _exchange(self, metadata: Members, code: str, verifier: str) -> Members:
        client_id, secret = self._found.openid_client_id, self._found.openid_client_secret
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri}
        form |= {"code_verifier": verifier}
        if secret and "client_secret_basic" in metadata["token_endpoint_auth_methods_supported"]:
            basic = quote(client_id, ""), quote(secret, "")  # RFC 6749, section 2.3.1
            return self._request("POST", metadata["token_endpoint"], data=form, auth=basic)
        form |= {"client_id": client_id} | ({"client_secret": secret} if secret else {})
        return self._request("POST", metadata["token_endpoint"], data=form)

    def _read_metadata(self) -> Members:
        url = f"{self._found.openid_issuer.rstrip('/')}/.well-known/openid-configuration"
        metadata = self._request("GET", url)
        if metadata.get("issuer") != self._found.openid_issuer:
            raise ConnectionError(f"{url} has another issuer: {str(metadata.get('issuer'))[:200]!r}")
        if unfit := [name for name in ENDPOINTS if not self._is_allowed(metadata.get(name))]:
            raise ConnectionError(f"{url} has endpoints that TASKAPI_OPENID_HOSTS does not allow: {unfit}")
        return {"token_endpoint_auth_methods_supported": ["client_secret_basic"], **metadata}

    def _read_keys(self) -> list[Members]:
        return read_keys(self._request("GET", self._metadata.current()["jwks_uri"]))

    def _is_allowed(self, url: Any) -> bool:
        """Tell whether a URL has TLS as the issuer has, and names the host of the issuer or one of the settings."""
        if not isinstance(url, str) or not url.isprintable():
            return False
        is_safe = url.startswith("https:") or (is_plain_local(self._found.openid_issuer) and is_plain_local(url))
        return is_safe and "#" not in url and urlsplit(url).netloc in self._hosts

    def _request(self, method: str, url: str, **options: Any) -> Members:
        """Send a request, and return the JSON object of the response. Responds 401 if the provider rejects a POST."""
        body, options["extensions"] = bytearray(), {"trace": _exchange.get().follow}
        with self._http.stream(method, url, headers=HEADERS, **options) as response:
            for part in response.iter_raw():
                body += part
                if len(body) > MAX_BYTES:
                    raise ConnectionError(f"{url} responds with too much")
        if method == "POST" and response.is_client_error:
            _fail(f"{url} responds {response.status_code}: {bytes(body[:200])!r}")
        parsed = json.loads(body) if response.status_code == HTTPStatus.OK else None
        if not isinstance(parsed, dict):
            raise ConnectionError(f"{url} responds {response.status_code}, or with something else than a JSON object")
        return parsed


def _fail(reason: str) -> NoReturn:
    """Respond 401 to a sign-in that is not proved, and log the reason, which only the operator gets."""
    _log.warning("a sign-in with the OpenID provider failed: %s", reason)
    problem("openid_failed")


def _within_deadline(function: Callable[[], Any]) -> Any:
    """Run a function in a thread of its own. Responds 503 after DEADLINE seconds, and if MAX_THREADS are running."""
    outcome: Future[Any] = Future()
    _threads.start(_NOBODY)
    exchange = _Exchange()
    Thread(target=_run, args=(function, outcome, exchange), name="openid", daemon=True).start()
    try:
        return outcome.result(DEADLINE)
    except (ConnectionError, TimeoutError) as error:
        exchange.shut_down()
        _log.warning("the OpenID provider is unavailable: %r", error)
        problem("unavailable", "The OpenID provider does not respond. Try again later.", headers={"Retry-After": "5"})


def _run(function: Callable[[], Any], outcome: Future[Any], exchange: _Exchange) -> None:
    _exchange.set(exchange)
    try:
        outcome.set_result(function())
    except Exception as error:  # noqa: BLE001  the request that waits raises it
        outcome.set_exception(error if isinstance(error, Problem) else ConnectionError(repr(error)))
    finally:
        _threads.stop(_NOBODY)


def provider() -> Provider:
    """Return the provider, or respond 409 if there is none."""
    found: Provider | None = current_application().extensions.get("taskapi-openid")
    return found or problem("openid_off")
