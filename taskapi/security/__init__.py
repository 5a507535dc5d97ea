"""Keys, tokens, roles, and the guard. Imports no feature."""
