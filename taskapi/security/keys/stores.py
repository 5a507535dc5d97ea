"""Secret stores that may hold the ring. Each needs an extra of the package, and is reached as its own client says."""

import json
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

CONNECT_SECONDS: Final = 2
READ_SECONDS: Final = 5


class SourceError(Exception):
    """The place of the ring does not give it; the message says why, of the place: 'cannot be read', say."""


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


def read_vault(name: str) -> str:
    """Return a field of a secret in Vault's KV version 2; `name` is mount/path#field."""
    hvac, requests = _client("hvac", "vault"), _client("requests", "vault")
    mount, _, rest = name.partition("/")
    path, _, field = rest.partition("#")
    client = hvac.Client(timeout=READ_SECONDS, namespace=os.environ.get("VAULT_NAMESPACE"))
    try:
        answer = client.secrets.kv.v2.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)
        value = answer["data"]["data"][field]
    except KeyError:
        raise SourceError(f"has no field {field!r}") from None
    except (hvac.exceptions.VaultError, requests.RequestException) as error:
        raise SourceError(f"cannot be read: {type(error).__name__}: {error}") from None
    return value if isinstance(value, str) else json.dumps(value)


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


STORES: Final[dict[str, Callable[[str], str]]] = {"aws-sm": read_aws, "vault": read_vault, "azure-kv": read_azure}


def _client(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise SourceError(f"needs a client that is not installed: pip install 'taskapi[{extra}]'") from None
