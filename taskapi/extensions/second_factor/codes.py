"""Codes: those of an authenticator application (RFC 6238), and recovery codes. Each works once."""

import hmac
import re
import secrets
from base64 import b32encode
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from cryptography.fernet import InvalidToken
from flask import current_app
from pyotp import TOTP
from sqlalchemy import bindparam, delete, insert, update

from taskapi.config import settings
from taskapi.database import db, now
from taskapi.extensions.second_factor.models import RecoveryCode, SecondFactor
from taskapi.extensions.second_factor.settings import cipher

PERIOD: Final = 30  # seconds of a time step; with 6 digits and SHA-1, what all applications support
WINDOW: Final = (-1, 0, 1)  # the accepted steps: clocks differ
RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 15  # 120 bits, so that a plain hash of it cannot be searched; ASVS V6.5.2 asks for 112
_DIGITS: Final = re.compile(r"\d{6}", re.ASCII)


def parse_code(text: str) -> tuple[str, bool]:
    """Return a code as it was issued, without spaces and capitals, and whether it has the form of a recovery code."""
    code = re.sub(r"[\s-]", "", text).lower()
    return code, not _DIGITS.fullmatch(code)


def use_time_code(factor: Any, code: str) -> bool:
    """Use a code of the current time step, or of the one before or after. One conditional UPDATE spends it."""
    secret = decrypt(factor.secret)
    if secret is None:
        return False
    current = int(now().timestamp()) // PERIOD
    steps = [current + offset for offset in WINDOW]
    same = [step for step in steps if hmac.compare_digest(TOTP(secret).at(step * PERIOD).encode(), code.encode())]
    is_unused = SecondFactor.user_id == factor.user_id, SecondFactor.last_step < bindparam("step")
    spend = update(SecondFactor).where(*is_unused).values(last_step=bindparam("step"))
    return any(_changes_a_row(spend, step=step) for step in same)


def use_recovery_code(factor: Any, code: str) -> bool:
    """Use a recovery code: one DELETE finds and spends it."""
    is_it = RecoveryCode.user_id == factor.user_id, RecoveryCode.digest == sha256(code.encode()).digest()
    return _changes_a_row(delete(RecoveryCode).where(*is_it))


def _changes_a_row(statement: Any, **values: int) -> bool:
    done: Any = db.session.execute(statement, values, execution_options={"synchronize_session": False})
    return bool(done.rowcount)


def replace_recovery_codes(user_id: UUID) -> list[str]:
    """Store new recovery codes in place of the previous ones, and return them. Only their hashes are stored."""
    codes = [b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    db.session.execute(
        insert(RecoveryCode), [{"user_id": user_id, "digest": sha256(code.encode()).digest()} for code in codes]
    )
    return ["-".join(re.findall("....", code)) for code in codes]


def decrypt(secret: bytes) -> str | None:
    """Return the secret of an application, or None if no key of the settings decrypts it."""
    with suppress(InvalidToken):
        if box := cipher():
            return box.decrypt(secret).decode()
    current_app.logger.error("a second factor cannot be decrypted: TASKAPI_SECOND_FACTOR_KEYS lacks its key")
    return None


def otpauth_uri(secret: str, username: str) -> str:
    """Return the address that authenticator applications read."""
    return TOTP(secret).provisioning_uri(name=username, issuer_name=settings().jwt_issuer)


def qr_code(uri: str) -> str:
    """Return a QR code as a data URI with SVG: black on white, without a size."""
    import segno  # noqa: PLC0415 - a factor is set up rarely

    return segno.make_qr(uri, error="m").svg_data_uri(border=4, light="#fff", omitsize=True)
