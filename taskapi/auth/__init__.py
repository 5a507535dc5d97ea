"""/auth: open an account, sign in."""
