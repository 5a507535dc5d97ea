"""Keys, tokens, roles, the guard and the scope. Imports no feature."""
