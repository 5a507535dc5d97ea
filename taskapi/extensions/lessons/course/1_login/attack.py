"""Attacks of lesson 1, tried on app.py."""

from app import app

client = app.test_client()


def read_url_from_log():
    """Open a URL with a token, as proxies, histories and server logs store it. The attacker knows no password."""
    ada = {"username": "ada", "password": "analytical engine"}
    log_line = f'"GET /me?token={client.post("/login", json=ada).json["token"]} HTTP/1.1" 200'
    url = log_line.split()[1]
    return client.get(url).get_json(silent=True) == {"username": "ada", "role": "editor"}


def log_in_without_password():
    """Log in as an administrator with an invented password."""
    return client.post("/login", json={"username": "grace", "password": "?"}).status_code == 200


for attack in (read_url_from_log, log_in_without_password):
    print(f"{attack.__name__}: {'succeeds' if attack() else 'fails'}")
