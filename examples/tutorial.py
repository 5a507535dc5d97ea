"""A service with the mistakes of docs/tutorial_mistakes.md, as many tutorials build it. Never use it for anything else.

tutorial.py login prints an access token. tutorial.py TOKEN PATH… sends a GET request for each path, in one process and
without a server, and prints the responses.
"""

import sys
import warnings
from io import StringIO
from typing import Any

from flask import Flask, jsonify
from flask_jwt_extended import JWTManager, create_access_token, current_user, get_jwt, jwt_required
from jwt.warnings import InsecureKeyLengthWarning
from werkzeug.debug import DebuggedApplication
from werkzeug.test import Client

warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # PyJWT warns about the key

app = Flask(__name__)
app.config["JWT_SECRET_KEY"] = "super-secret"  # noqa: S105 - mistake: 12 bytes, which are in every list of passwords
app.debug = True  # mistake: what app.run(debug=True) sets
app.json.compact = True  # type: ignore[attr-defined] - on one line, as without debug mode
manager = JWTManager(app)
refresh_tokens = {"ada": "a token that the client keeps"}


@manager.invalid_token_loader
def respond_invalid(reason: str) -> Any:
    """Mistake: 403 means that the user is known, and may not do this."""
    return jsonify(error=reason), 403


@app.get("/me")
@jwt_required()
def show_me() -> Any:
    """Show the subject. Mistake: any `aud` and `iss` is accepted."""
    return jsonify(sub=get_jwt()["sub"])


@app.get("/profile")
@jwt_required()
def show_profile() -> Any:
    """Show the name of the user. Mistake: nothing loads `current_user`."""
    return jsonify(name=current_user.name)


@app.get("/logout")
@jwt_required()
def logout() -> Any:
    """Log out. Mistake: only the refresh token is revoked."""
    refresh_tokens.pop(get_jwt()["sub"], None)
    return jsonify(message="You are logged out.")


if __name__ == "__main__":
    if sys.argv[1] == "login":
        with app.app_context():
            sys.stdout.write(f"{create_access_token('ada')}\n")
    client = Client(DebuggedApplication(app, evalex=True, pin_logging=False))  # as app.run(debug=True) does
    for path in sys.argv[2:]:
        response = client.get(path, headers={"Authorization": f"Bearer {sys.argv[1]}"}, errors_stream=StringIO())
        sys.stdout.write(f"{response.status_code} {response.text}")
