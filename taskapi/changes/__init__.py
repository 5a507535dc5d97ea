"""/changes: what changed since, for a copy that is to stay in step."""
