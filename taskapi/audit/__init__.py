"""The audit log: what happened to whom, and who did it."""
