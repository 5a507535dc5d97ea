"""Clients of secret stores. Each needs an extra of the package, and is configured as the vendor's client documents."""

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
        answer = boto3.client("secretsmanager", config=config).get_secret_value(SecretId=name)
    except (exceptions.BotoCoreError, exceptions.ClientError) as error:
        raise SourceError(f"cannot be read: {error}") from None
    return str(answer["SecretString"]) if "SecretString" in answer else bytes(answer["SecretBinary"]).decode()


class Vault:
    """A field of a secret in Vault's KV version 2, named mount/path#field.

    The token is VAULT_TOKEN, renewed at half of its life for as long as Vault allows, or comes from an AppRole
    (VAULT_ROLE_ID, VAULT_SECRET_ID), signed in again when it ends.
    """

    def __init__(self, name: str) -> None:
        self._mount, _, rest = name.partition("/")
        self._path, _, self._field = rest.partition("#")
        self._token: str | None = None
        self._renew_at = inf
        self._warning: str | None = None

    def warning(self) -> str | None:
        """Return why the token will end without a successor, or None."""
        return self._warning

    def read(self) -> str:
        """Return the field."""
        hvac, requests = _client("hvac", "vault"), _client("requests", "vault")
        try:
            try:
                answer = self._ask(hvac)
            except hvac.exceptions.Forbidden:  # of a token that has ended; an AppRole gets another one
                if "VAULT_ROLE_ID" not in os.environ:
                    raise
                self._token = None
                answer = self._ask(hvac)
            value = answer["data"]["data"][self._field]
        except KeyError:
            raise SourceError(f"has no field {self._field!r}") from None
        except (hvac.exceptions.VaultError, requests.RequestException) as error:
            raise SourceError(f"cannot be read: {type(error).__name__}: {error}") from None
        return value if isinstance(value, str) else json.dumps(value)

    def _ask(self, hvac: Any) -> Any:
        """Ask over a connection of its own: a process shares none with the one that it was forked from."""
        client = hvac.Client(timeout=READ_SECONDS, namespace=os.environ.get("VAULT_NAMESPACE"), token=self._token)
        if self._token is None:
            self._sign_in(client, hvac)
        elif monotonic() >= self._renew_at:
            self._renew(client, hvac)
        kv = client.secrets.kv.v2
        return kv.read_secret_version(self._path, mount_point=self._mount, raise_on_deleted_version=True)

    def _sign_in(self, client: Any, hvac: Any) -> None:
        """Get a token, and note when it is to be renewed."""
        if role := os.environ.get("VAULT_ROLE_ID"):
            mount = os.environ.get("VAULT_APPROLE_MOUNT", "approle")
            auth = client.auth.approle.login(role, os.environ.get("VAULT_SECRET_ID"), mount_point=mount)["auth"]
            self._note(auth["lease_duration"], auth["renewable"])
        else:
            with suppress(hvac.exceptions.VaultError):  # a policy may let it read, and tell nothing of itself
                token = client.auth.token.lookup_self()["data"]
                self._note(token["ttl"], token["renewable"])
                if token["ttl"] and not token["renewable"]:
                    self._warning = f"the Vault token is not renewable and ends in {token['ttl']} s"
        self._token = client.token

    def _renew(self, client: Any, hvac: Any) -> None:
        """Renew the token. Where it cannot be, an AppRole gets another; else it is used for as long as it lives."""
        try:
            auth = client.auth.token.renew_self()["auth"]
            self._note(auth["lease_duration"], auth["renewable"])
            self._warning = None
        except hvac.exceptions.VaultError as error:
            if "VAULT_ROLE_ID" in os.environ:
                self._sign_in(client, hvac)
                return
            self._renew_at = monotonic() + RENEW_AGAIN_SECONDS
            self._warning = f"the Vault token cannot be renewed: {error}"
            _log.warning("%s", self._warning)

    def _note(self, seconds: int, renewable: bool) -> None:
        self._renew_at = monotonic() + seconds / 2 if renewable and seconds else inf


def read_azure(name: str, **options: Any) -> str:
    """Return a secret of Azure Key Vault; `name` is vault/secret, and the vault a host name or its first part."""
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
