"""The browser client at /: static files that know the API by HTTP alone, and the few lines that serve them."""
