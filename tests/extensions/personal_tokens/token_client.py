"""Create personal tokens, and send requests with them."""

from flask import Flask
from flask.testing import FlaskClient

TOKENS = "/api/v1/me/tokens"


def create(client, permissions=("task:read",), **fields):
    """Create a token of the client's user; return the response body."""
    response = client.post(TOKENS, json={"name": "Script", "permissions": [*permissions], **fields})
    assert response.status_code == 201, response.text
    return response.json


def bearing(app: Flask, token: str) -> FlaskClient:
    """Return a client that sends a token."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client
