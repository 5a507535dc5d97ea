"""What the tests for all routes must know of this extension."""

from uuid import UUID

from cryptography.fernet import Fernet
from pyotp import TOTP, random_base32

from taskapi.database import db, now
from taskapi.extensions.second_factor.models import RecoveryCode, SecondFactor
from taskapi.extensions.second_factor.schemas import CHALLENGE, CODE
from tests.conftest import PASSWORD
from tests.surface import ANYONE, EVERY_ROLE

FACTOR = "/api/v1/me/second-factor"
MATRIX = {
    "POST /api/v1/auth/second-factor": ANYONE,
    f"GET {FACTOR}": EVERY_ROLE,
    f"POST {FACTOR}": EVERY_ROLE,
    f"POST {FACTOR}/confirm": EVERY_ROLE,
    f"POST {FACTOR}/recovery-codes": EVERY_ROLE,
    f"POST {FACTOR}/disable": EVERY_ROLE,
}
FRESH = {f"POST {FACTOR}", f"POST {FACTOR}/confirm", f"POST {FACTOR}/recovery-codes", f"POST {FACTOR}/disable"}
ASKING = ("start_second_factor", "renew_recovery_codes", "disable_second_factor")
NEEDED = {name: {"password": PASSWORD} for name in ASKING}
EXAMPLE_SETTINGS = {"SECOND_FACTOR_KEYS": Fernet.generate_key().decode()}


def _add_rows(client):
    """Store a factor and a recovery code of a client's user. Its sessions go on, and no key decrypts the factor."""
    _store(client, b"unreadable")


def _store(client, secret, *, confirmed=True):
    user_id = _id(client)
    with client.application.app_context():
        factor = SecondFactor(user_id=user_id, secret=secret, confirmed_at=now() if confirmed else None)
        db.session.add_all([factor, RecoveryCode(user_id=user_id, digest=b"\0" * 32)])
        db.session.commit()


def _id(client):
    return UUID(client.get("/api/v1/me").json["id"])


BODIES = {"SecondFactorSignIn", "FactorPassword", "PasswordAndCode"}
LIVE = {"second_factor": _add_rows}


def _prepare(client, *, confirmed):
    """Store a factor of a client's user; return the example code, and the real one."""
    secret = random_base32()
    key = Fernet(EXAMPLE_SETTINGS["SECOND_FACTOR_KEYS"])
    _store(client, key.encrypt(secret.encode()), confirmed=confirmed)
    return {CODE: TOTP(secret).now()}


def _prepare_sign_in(client):
    code = _prepare(client, confirmed=True)
    body = {"username": client.username, "password": PASSWORD}
    return code | {CHALLENGE: client.application.test_client().post("/api/v1/auth/login", json=body).json["challenge"]}


PREPARED = {
    "confirm_second_factor": lambda client: _prepare(client, confirmed=False),
    "renew_recovery_codes": lambda client: _prepare(client, confirmed=True),
    "disable_second_factor": lambda client: _prepare(client, confirmed=True),
    "sign_in_with_code": _prepare_sign_in,
}
