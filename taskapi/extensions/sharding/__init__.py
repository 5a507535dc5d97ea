"""Sharding: `flask db shard` distributes the tables over a Citus cluster by owner."""

from taskapi.extensions import Extension
from taskapi.extensions.sharding.commands import shard

EXTENSION = Extension(name="sharding", database_commands=(shard,))
