"""Forged, damaged and unknown personal tokens."""

import string
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi.extensions.personal_tokens.secret import checksum, new_secret
from tests.extensions.personal_tokens.token_client import create

TASKS = "/api/v1/tasks"
VALID = new_secret()
HEADER = st.text(st.characters(max_codepoint=255, exclude_categories=("Cc",)), max_size=80)


def ask(client, token):
    response = client.get(TASKS, headers={"Authorization": f"Bearer {token}"})
    return response.status_code, response.json["code"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=HEADER)
def test_any_text_after_the_prefix_is_401(client, text):
    assert ask(client, f"tka_{text}") == (401, "token_malformed")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_token_is_malformed(client, data):
    place = data.draw(st.integers(4, len(VALID) - 1))
    damaged = data.draw(
        st.sampled_from(
            [
                VALID[:place] + VALID[place + 1 :],
                VALID[:place] + data.draw(st.sampled_from(string.digits + string.ascii_letters)) + VALID[place:],
                VALID[:place] + VALID[place].swapcase() + VALID[place + 1 :],
                VALID[:place],
                VALID + VALID[place:],
            ]
        )
    )
    assert damaged == VALID or ask(client, damaged) == (401, "token_malformed")


@pytest.mark.parametrize(
    "token",
    [
        "tka_",
        "TKA_" + VALID[4:],
        "tka_" + "\xe9" * 49,
        "tka_" + "\u0660".encode().decode("latin-1") * 24,
        VALID + "=",
        f'"{VALID}"',
        f"{VALID} {VALID}",
        f"{VALID},{VALID}",
        "tka_" + "a" * 100_000,
        VALID[:-6] + f"{crc32(VALID[4:-6].encode()):06}"[:6],
    ],
    ids=[*map(str, range(10))],
)
def test_unusual_token_is_malformed(client, token):
    response = client.get(TASKS, headers={"Authorization": f"Bearer {token}"})
    assert response.status_code in {401, 431}
    assert response.json["code"] in {"token_malformed", "headers_too_large"}


def test_unknown_token_gets_the_response_of_a_deleted_one(owner, client):
    token = create(owner)
    owner.delete(f"/api/v1/me/tokens/{token['id']}")
    responses = [
        client.get(TASKS, headers={"Authorization": f"Bearer {each}"}) for each in (token["token"], new_secret())
    ]
    bodies = [{name: value for name, value in each.json.items() if name != "request_id"} for each in responses]
    assert bodies[0] == bodies[1]
    assert responses[0].headers["WWW-Authenticate"] == responses[1].headers["WWW-Authenticate"]


def test_token_is_found_by_its_whole_text(owner, client):
    """A token that differs only in its last random digits has another hash, so no prefix of it can be guessed."""
    token = create(owner)["token"]
    for digit in string.digits:
        random_part = token[4:46] + digit
        if random_part != token[4:47]:
            assert ask(client, f"tka_{random_part}{checksum(random_part)}") == (401, "token_revoked")
