"""/auth: registration, sign-in and sessions."""
