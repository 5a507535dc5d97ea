"""Accounts: who there is, and /me."""
