"""Access tokens: their claims, how clients send them, and malformed ones."""

import json
import secrets
import socket

import pytest

from tests.forging import assert_refused, b64, decode_token, sign

ME = "/api/v1/me"
channels = pytest.mark.parametrize("channel", ["header", "cookie"])


@channels
def test_token_signed_by_the_key_is_accepted(get_account, token, channel):
    header, claims = decode_token(token)
    assert get_account(sign(header, claims), channel).status_code == 200


def test_token_has_the_header_and_claims_of_its_profile(token):
    header, claims = decode_token(token)
    assert header.keys() == {"alg", "kid", "typ"}
    assert (header["alg"], header["typ"]) == ("HS256", "at+jwt")
    ours = {"sid", "name", "roles", "epoch", "amr", "fresh", "type"}
    assert claims.keys() == {"iss", "aud", "client_id", "sub", "iat", "nbf", "exp", "jti"} | ours
    assert claims["exp"] - claims["iat"] == 900
    assert claims["client_id"] == "taskapi"
    assert (claims["type"], claims["roles"], claims["fresh"]) == ("access", ["editor"], True)


def test_tokens_are_unique(known_key_app, new_user):
    credentials = {"username": new_user(), "password": "correct horse battery staple"}
    login = [known_key_app.test_client().post("/api/v1/auth/login", json=credentials).json for _ in range(2)]
    assert login[0]["access_token"] != login[1]["access_token"]
    assert decode_token(login[0]["access_token"])[1]["jti"] != decode_token(login[1]["access_token"])[1]["jti"]


def deep(levels):
    return b'{"a":' + b"[" * levels + b"]" * levels + b"}"


MALFORMED = {
    "a word": "token",
    "two parts": "e30.e30",
    "four parts": "e30.e30.e30.e30",
    "five parts, a JWE": "e30.e30.e30.e30.e30",
    "dots": "..",
    "no header": ".e30.e30",
    "no payload": "e30..e30",
    "an opaque token": secrets.token_urlsafe(32),
    "JSON serialisation": '{"payload":"e30","protected":"e30","signature":"e30"}',
    "quotes": '"e30.e30.e30"',
    "two tokens": "e30.e30.e30 e30.e30.e30",
    "a list of tokens": "e30.e30.e30,e30.e30.e30",
    "header no JSON": f"{b64(b'x')}.e30.e30",
    "header no UTF-8": b64(b'{"a":"\xff"}') + ".e30.e30",
    "header a list": f"{b64(b'[]')}.e30.e30",
    "header null": f"{b64(b'null')}.e30.e30",
    "header a string": b64(b'"x"') + ".e30.e30",
    "payload no JSON": f"e30.{b64(b'{')}.e30",
    "payload a list": f"e30.{b64(b'[]')}.e30",
    "payload a number": f"e30.{b64(b'1')}.e30",
    "NaN": "e30." + b64(b'{"exp": NaN}') + ".e30",
    "5,000 digits": "e30." + b64(b'{"exp": ' + b"9" * 5000 + b"}") + ".e30",
    "a member twice": b64(b'{"alg":"HS256","alg":"none"}') + ".e30.e30",
    "a claim twice": "e30." + b64(b'{"sub":"a","sub":"b"}') + ".e30",
    "a nested member twice": "e30." + b64(b'{"a":{"b":1,"b":2}}') + ".e30",
    "deep header": f"{b64(deep(2500))}.e30.e30",
    "deep payload": f"e30.{b64(deep(2500))}.e30",
    "too long": f"e30.{'A' * 9000}.e30",
    "a space inside": "e30.e 30.e30",
    "a newline inside": "e30.e30.e\\n30",
    "not ASCII": "e30.é30.e30",
    "full-width": "\uff4530.e30.e30",
    "one letter too many": "e30.e30.e30AA",
    "the other alphabet": "e30.e30.+/+/",
    "percent": "e30.e30.%3D",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_malformed_token_is_refused(get_account, text):
    assert_refused(get_account(text), "token_malformed")


@channels
@pytest.mark.parametrize("part", range(3))
def test_token_is_accepted_in_canonical_form_only(get_account, token, part, channel):
    parts = token.split(".")
    for spelling in (parts[part] + "=", parts[part] + "==", parts[part] + "A", parts[part][:-1] + "*"):
        forged = ".".join([*parts[:part], spelling, *parts[part + 1 :]])
        assert get_account(forged, channel).json["code"] in {"token_malformed", "token_invalid"}
    assert_refused(get_account(".".join([*parts[:part], parts[part] + "=", *parts[part + 1 :]])), "token_malformed")


def test_signature_with_unused_bits_set_is_refused(get_account, token):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(token[-1])
    for bits in (1, 2, 3):
        assert_refused(get_account(token[:-1] + alphabet[last | bits]), "token_malformed")


def test_deeply_nested_token_is_no_server_error(get_account, token):
    header, claims = decode_token(token)
    for levels in range(100, 2000, 20):
        payload = json.dumps(claims).encode()[:-1] + b',"a":' + b"[" * levels + b"]" * levels + b"}"
        assert get_account(sign(header, payload, "another secret")).status_code == 401


def test_key_url_in_a_token_is_never_fetched(get_account, token):
    header, claims = decode_token(token)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/jwks.json"
        for member in ("jku", "x5u", "kid", "jwk", "iss"):
            assert_refused(get_account(sign({**header, member: url}, {**claims, "iss": url})), "token_invalid")
        with pytest.raises(TimeoutError):
            listener.accept()


def test_refresh_token_is_refused_as_an_access_token(known_key_app, get_account, new_user):
    credentials = {"username": new_user(), "password": "correct horse battery staple"}
    refresh_token = known_key_app.test_client().post("/api/v1/auth/login", json=credentials).json["refresh_token"]
    assert_refused(get_account(refresh_token), "token_malformed")


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Basic dTpw", "Token x", "Bearer\tx", ", ,Bearer x", "Bearerx", "bearer:x", ","]
)
def test_header_without_a_bearer_token_counts_as_no_token(known_key_app, value):
    assert_refused(known_key_app.test_client().get(ME, headers={"Authorization": value}), "token_missing")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "  Bearer", "Bearer  "])
def test_bearer_scheme_is_case_insensitive(known_key_app, token, scheme):
    assert known_key_app.test_client().get(ME, headers={"Authorization": f"{scheme} {token}"}).status_code == 200


@pytest.mark.parametrize("name", ["access_token", "token", "jwt", "Authorization"])
def test_token_in_the_query_or_body_is_ignored(known_key_app, token, name):
    client = known_key_app.test_client()
    assert_refused(client.get(ME, query_string={name: token}), "token_missing")
    assert_refused(client.post("/api/v1/tasks", data={name: token}), "token_missing")
    assert_refused(client.post("/api/v1/tasks", json={name: token}), "token_missing")


def test_two_authorization_headers_are_refused(known_key_app, token):
    headers = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    assert_refused(known_key_app.test_client().get(ME, headers=headers), "token_malformed")


def test_header_takes_precedence_over_the_cookie(known_key_app, token):
    client = known_key_app.test_client()
    client.set_cookie("access_token", token)
    assert_refused(client.get(ME, headers={"Authorization": "Bearer e30.e30.e30"}), "token_invalid")
