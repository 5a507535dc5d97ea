"""A service whose tokens other services verify with public keys."""

import secrets
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask import Flask, abort, request
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
USERS = {"ada": {"password_hash": generate_password_hash("analytical engine"), "role": "editor"}}
KEYS = {}  # by id: the algorithm, and the keys that sign and verify; the last one signs


def create_key(alg):
    """Return a new private key for an algorithm. Raises ValueError."""
    if alg in {"RS256", "RS512"}:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if alg == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    raise ValueError(f"{alg} has no public key that could be published")


def rotate(alg="ES256"):
    """Sign with a new key. Old keys stay, so that old tokens stay valid."""
    private = create_key(alg)
    KEYS[secrets.token_hex(8)] = {"alg": alg, "private": private, "public": private.public_key()}


def revoke(kid):
    """Remove a key, which ends all of its tokens. If it was the only one, a new key signs."""
    alg = KEYS.pop(kid)["alg"]
    if not KEYS:
        rotate(alg)


@app.post("/login")
def login():
    """Return a token for a username and a password."""
    user = USERS.get(request.json["username"])
    if user is None or not check_password_hash(user["password_hash"], request.json["password"]):
        abort(401)
    claims = {"sub": request.json["username"], "role": user["role"], "exp": int(time.time()) + 900}
    kid, key = [*KEYS.items()][-1]
    return {"token": jwt.encode(claims, key["private"], algorithm=key["alg"], headers={"kid": kid})}


@app.get("/me")
def show_me():
    """Show the current user."""
    token = request.headers.get("Authorization", "")[7:]
    try:
        key = KEYS.get(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            abort(401)
        return jwt.decode(token, key["public"], algorithms=[key["alg"]], options={"require": ["sub", "role", "exp"]})
    except jwt.InvalidTokenError:
        abort(401)


@app.get("/.well-known/jwks.json")
def show_keys():
    """Show the public keys, with which other services verify tokens (RFC 7517)."""
    return {"keys": [publish(kid, key) for kid, key in KEYS.items()]}


def publish(kid, key):
    """Return a public key as a JWK."""
    jwk = jwt.get_algorithm_by_name(key["alg"]).to_jwk(key["public"], as_dict=True)
    return {**jwk, "kid": kid, "alg": key["alg"], "use": "sig"}


rotate()
