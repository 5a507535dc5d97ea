"""Clients of secret stores. Each needs an extra of the package, and reads the configuration of the vendor's client."""

import json
import logging
import os
from contextlib import suppress
from functools import partial
from importlib import import_module
from math import inf
from time import monotonic
from typing import Any, Final

from taskapi.security.keys.sources import Source, SourceError

CONNECT_SECONDS: Final = 2
READ_SECONDS: Final = 5
RENEW_AGAIN_SECONDS: Final = 60

_log = logging.getLogger(__name__)


def read_aws(name: str) -> str:
    """Return a secret of AWS Secrets Manager, by its name or ARN."""
    boto3, exceptions = _client("boto3", "aws"), _client("botocore.exceptions", "aws")
    config = _client("botocore.config", "aws").Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 2}
    )
    try:
        response = boto3.client("secretsmanager", config=config).get_secret_value(SecretId=name)
    except (exceptions.BotoCoreError, exceptions.ClientError) as error:
        raise SourceError(f"cannot be read: {error}") from None
    return str(response["SecretString"]) if "SecretString" in response else bytes(response["SecretBinary"]).decode()


class Vault:
    """A field of a secret in Vault's KV version 2, named mount/path#field.

    The token is VAULT_TOKEN, or that of an AppRole (VAULT_ROLE_ID, VAULT_SECRET_ID). It is renewed after
    half of its life, as long as Vault allows. An AppRole signs in again when its token expires.
    """

    def __init__(self, name: str) -> None:
        self._mount, _, rest = name.partition("/")
        self._path, _, self._field = rest.partition("#")
        self._token: str | None = None
        self._renew_at = inf
        self._warning: str | None = None

    def warning(self) -> str | None:
        """Return why the token will expire without renewal, or None."""
        return self._warning

    def read(self) -> str:
        """Return the value of the field."""
        hvac, requests = _client("hvac", "vault"), _client("requests", "vault")
        try:
            try:
                response = self._read_secret(hvac)
            except hvac.exceptions.Forbidden:  # the token has expired; an AppRole can sign in again
                if "VAULT_ROLE_ID" not in os.environ:
                    raise
                self._token = None
                response = self._read_secret(hvac)
            value = response["data"]["data"][self._field]
        except KeyError:
            raise SourceError(f"has no field {self._field!r}") from None
        except (hvac.exceptions.VaultError, requests.RequestException) as error:
            raise SourceError(f"cannot be read: {type(error).__name__}: {error}") from None
        return value if isinstance(value, str) else json.dumps(value)

    def _read_secret(self, hvac: Any) -> Any:
        """Read the secret over a new connection: a forked process must not share one with its parent."""
        client = hvac.Client(timeout=READ_SECONDS, namespace=os.environ.get("VAULT_NAMESPACE"), token=self._token)
        if self._token is None:
            self._sign_in(client, hvac)
        elif monotonic() >= self._renew_at:
            self._renew(client, hvac)
        kv = client.secrets.kv.v2
        return kv.read_secret_version(self._path, mount_point=self._mount, raise_on_deleted_version=True)

    def _sign_in(self, client: Any, hvac: Any) -> None:
        """Get a token, and store when to renew it."""
        if role := os.environ.get("VAULT_ROLE_ID"):
            mount = os.environ.get("VAULT_APPROLE_MOUNT", "approle")
            auth = client.auth.approle.login(role, os.environ.get("VAULT_SECRET_ID"), mount_point=mount)["auth"]
            self._set_renewal(auth["lease_duration"], auth["renewable"])
        else:
            with suppress(hvac.exceptions.VaultError):  # a policy may forbid a token to look itself up
                token = client.auth.token.lookup_self()["data"]
                self._set_renewal(token["ttl"], token["renewable"])
                if token["ttl"] and not token["renewable"]:
                    self._warning = f"the Vault token is not renewable and expires in {token['ttl']} s"
        self._token = client.token

    def _renew(self, client: Any, hvac: Any) -> None:
        """Renew the token. If that fails, sign in again with an AppRole, or else use the token until it expires."""
        try:
            auth = client.auth.token.renew_self()["auth"]
            self._set_renewal(auth["lease_duration"], auth["renewable"])
            self._warning = None
        except hvac.exceptions.VaultError as error:
            if "VAULT_ROLE_ID" in os.environ:
                self._sign_in(client, hvac)
                return
            self._renew_at = monotonic() + RENEW_AGAIN_SECONDS
            self._warning = f"the Vault token cannot be renewed: {error}"
            _log.warning("%s", self._warning)

    def _set_renewal(self, seconds: int, renewable: bool) -> None:
        self._renew_at = monotonic() + seconds / 2 if renewable and seconds else inf


def read_azure(name: str, **options: Any) -> str:
    """Return a secret of Azure Key Vault; `name` is vault/secret, where vault is a host name or its first part."""
    secrets, core = _client("azure.keyvault.secrets", "azure"), _client("azure.core.exceptions", "azure")
    vault, _, secret = name.partition("/")
    host = vault if "." in vault else f"{vault}.vault.azure.net"
    credential = options.pop("credential", None) or _client("azure.identity", "azure").DefaultAzureCredential()
    timeouts = {"connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS, "retry_total": 1}
    try:
        with secrets.SecretClient(f"https://{host}", credential, **timeouts, **options) as client:
            return str(client.get_secret(secret).value)
    except core.AzureError as error:
        raise SourceError(f"cannot be read: {error.message}") from None


def _client(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise SourceError(f"needs a client that is not installed: pip install 'taskapi[{extra}]'") from None


def open_aws(location: str) -> Source:
    """Return the source `aws-sm://secret`."""
    return Source(location, partial(read_aws, location.partition("://")[2]), remote=True)


def open_vault(location: str) -> Source:
    """Return the source `vault://mount/path#field`."""
    vault = Vault(location.partition("://")[2])
    return Source(location, vault.read, remote=True, warning=vault.warning)


def open_azure(location: str) -> Source:
    """Return the source `azure-kv://vault/secret`."""
    return Source(location, partial(read_azure, location.partition("://")[2]), remote=True)
