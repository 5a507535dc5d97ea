"""Secret stores: the signing keys are read from AWS Secrets Manager, HashiCorp Vault or Azure Key Vault."""

from taskapi.extensions import Extension
from taskapi.extensions.secret_stores.stores import open_aws, open_azure, open_vault

EXTENSION = Extension(
    name="secret_stores",
    key_stores={"aws-sm": open_aws, "vault": open_vault, "azure-kv": open_azure},
)
