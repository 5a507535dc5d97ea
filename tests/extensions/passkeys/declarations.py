"""What the tests for all routes must know of this extension."""

import secrets
from uuid import UUID

from taskapi.database import db
from taskapi.extensions.passkeys.models import Passkey
from taskapi.extensions.passkeys.schemas import ASSERTION, ATTESTATION, CREDENTIAL_ID
from tests.extensions.passkeys.authenticator import (
    PASSKEYS,
    RP_ID,
    SIGN_IN,
    Person,
    sign_in_options,
)
from tests.surface import ANYONE, EVERY_ROLE

MATRIX = {
    f"POST {SIGN_IN}/options": ANYONE,
    f"POST {SIGN_IN}": ANYONE,
    f"POST {PASSKEYS}/options": EVERY_ROLE,
    f"POST {PASSKEYS}": EVERY_ROLE,
    f"GET {PASSKEYS}": EVERY_ROLE,
    f"DELETE {PASSKEYS}/<uuid:passkey_id>": EVERY_ROLE,
}
FRESH = {f"POST {PASSKEYS}/options", f"POST {PASSKEYS}", f"DELETE {PASSKEYS}/<uuid:passkey_id>"}
BODIES = {"PasskeySignIn", "NewCredential", "KnownCredential", "AttestationResponse", "AssertionResponse"}
EXAMPLE_SETTINGS = {"PASSKEY_RP_ID": RP_ID}


def _store(client):
    """Store a passkey of a client's user, whose key nobody has; return its id."""
    user_id = UUID(client.get("/api/v1/me").json["id"])
    with client.application.app_context():
        values = {"credential_id": secrets.token_bytes(16), "public_key": b"none", "sign_count": 0, "name": "Phone"}
        passkey = Passkey(user_id=user_id, **values)
        db.session.add(passkey)
        db.session.commit()
        return str(passkey.id)


def _retold(credential, example):
    """Return the values of a credential by those of the example."""
    return {
        CREDENTIAL_ID: credential["rawId"],
        **{value: credential["response"][name] for name, value in example.items()},
    }


def _prepare_creation(client):
    person = Person(client.application, client)
    return _retold(person.authenticator.create(person.options()), ATTESTATION)


def _prepare_sign_in(client):
    person = Person(client.application, client)
    person.added()
    return _retold(person.authenticator.get(sign_in_options(client.application)), ASSERTION)


MAKERS = {"passkey_id": _store}
LIVE = {"passkeys": _store}
PREPARED = {"create_passkey": _prepare_creation, "sign_in_with_passkey": _prepare_sign_in}
