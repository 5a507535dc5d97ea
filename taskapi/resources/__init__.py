"""What tasks, projects and labels share: pages of a list, and responses that are stored under an Idempotency-Key."""
