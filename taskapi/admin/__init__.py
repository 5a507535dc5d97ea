"""/admin: people, the audit log and figures, for those who run the service."""
