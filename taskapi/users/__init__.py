"""Users: accounts, and /me."""
