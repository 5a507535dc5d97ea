"""The header, the signature and the claims of an access token: any other value is a 401."""

import base64
import time

import pytest
import time_machine

from tests.forging import SECRET, assert_refused, b64, decode_token, sign, signing_input

channels = pytest.mark.parametrize("channel", ["header", "cookie"])


ALGS = [
    "none", "None", "NONE", "nOnE", "", " none", None, 1, [], ["HS256"], {}, "HS384", "HS512", "RS256", "PS256",
    "ES256", "EdDSA", "hs256", "HS256 ",
]  # fmt: skip
KIDS = [
    "", None, 1, True, [], {}, "x", "../../../dev/null", "/dev/null", "' OR 1=1 --", "x" * 2000, "\0", "\ud800",
]  # fmt: skip
TYPS = ["JWT", "at+JWT", "application/at+jwt", "rt+jwt", "", None, 1, ["at+jwt"]]
HEADERS = {
    **{f"alg {alg!r}": {"alg": alg} for alg in ALGS},
    **{f"kid {kid!r}"[:40]: {"kid": kid} for kid in KIDS},
    **{f"typ {typ!r}": {"typ": typ} for typ in TYPS},
    "jwk": {"jwk": {"kty": "oct", "k": b64(b"x" * 32), "alg": "HS256"}},
    "jku": {"jku": "https://attacker.invalid/jwks.json"},
    "x5u": {"x5u": "https://attacker.invalid/key.pem"},
    "x5c": {"x5c": ["MIIB"]},
    "x5t": {"x5t": "x"},
    "crit": {"crit": ["exp"]},
    "empty crit": {"crit": []},
    "b64": {"b64": False},
    "b64 with crit": {"b64": False, "crit": ["b64"]},
    "b64 that says nothing": {"b64": True},
    "zip": {"zip": "DEF"},
    "cty": {"cty": "JWT"},
    "an unknown member": {"nonsense": 1},
}


@channels
@pytest.mark.parametrize("change", HEADERS.values(), ids=HEADERS)
def test_foreign_header_is_invalid_even_when_signed(get_account, token, change, channel):
    header, claims = decode_token(token)
    assert_refused(get_account(sign({**header, **change}, claims), channel), "token_invalid")


@pytest.mark.parametrize("member", ["alg", "kid", "typ"])
def test_header_without_a_member_is_invalid(get_account, token, member):
    header, claims = decode_token(token)
    del header[member]
    assert_refused(get_account(sign(header, claims)), "token_invalid")


@pytest.mark.parametrize("alg", ["HS384", "HS512"])
def test_key_decides_the_algorithm(get_account, token, alg):
    header, claims = decode_token(token)
    assert_refused(get_account(sign({**header, "alg": alg}, claims, alg=alg)), "token_invalid")


@channels
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "HS256"])
def test_token_without_a_signature_is_invalid(get_account, token, alg, channel):
    header, claims = decode_token(token)
    assert_refused(get_account(signing_input({**header, "alg": alg}, claims) + ".", channel), "token_invalid")


def test_token_with_another_signature_is_invalid(get_account, token):
    header, claims = decode_token(token)
    text, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    flipped = [b64(bytes([byte ^ 1 if i == n else byte for i, byte in enumerate(raw)])) for n in (0, 15, 31)]
    for forged in (b64(b"\0" * 32), b64(raw[:16]), b64(raw[:-1]), b64(raw + b"\0"), b64(raw * 2), *flipped):
        assert_refused(get_account(f"{text}.{forged}"), "token_invalid")
    for secret in ("", "secret", SECRET[:-1], SECRET + "\n", header["kid"], SECRET.lower()):
        assert_refused(get_account(sign(header, claims, secret)), "token_invalid")


def test_replaced_payload_is_invalid(get_account, token):
    header, claims = decode_token(token)
    text = signing_input(header, {**claims, "roles": ["admin"]})
    assert_refused(get_account(f"{text}.{token.rpartition('.')[2]}"), "token_invalid")


NOW = 1_900_000_000
REQUIRED = ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "roles", "epoch", "type"]
NO_NUMBERS = [None, "", "1", str(NOW + 600), NOW + 0.5, True, [], [NOW], {}, -1, 2**63, 10**300]
NO_STRINGS = [None, "", 1, True, [], {}, ["x"]]
CLAIMS = [
    *((name, value) for name in ("iat", "nbf", "exp") for value in NO_NUMBERS),
    *((name, value) for name in ("iss", "aud", "sub", "jti", "sid", "type") for value in NO_STRINGS),
    *(("epoch", value) for value in [None, "", "0", 0.0, 1.5, True, False, [], {}, -1, 2**63]),
    *(("roles", value) for value in [None, "", "admin", {}, {"admin": 1}, 1, True, [1], [None], [["admin"]], ["", 1]]),
    *(("fresh", value) for value in [None, "true", 1, [], {}]),
    *(("jti", value) for value in ["\0", "\ud800", "a\nb"]),
    *(("iss", value) for value in ["another", "taskapi/", "TASKAPI", ["taskapi"]]),
    *(("aud", value) for value in ["another", ["taskapi"], ["another", "taskapi"], "taskapi another"]),
    *(("sub", value) for value in ["1", "admin", "019AB000-0000-7000-8000-00000000000A", "0" * 32]),
    *(("type", value) for value in ["refresh", "Access", "access "]),
]


@pytest.mark.parametrize("name", REQUIRED)
@channels
def test_missing_claim_makes_a_token_invalid(get_account, token, name, channel):
    header, claims = decode_token(token)
    del claims[name]
    assert_refused(get_account(sign(header, claims), channel), "token_invalid")


def _id(claim):
    """Return a test id that is the same in every worker, independent of the time of collection."""
    name, value = claim
    return f"{name} {value!r}".replace(str(NOW), "now").replace(str(NOW + 600), "later")[:50]


@pytest.mark.parametrize(("name", "value"), CLAIMS, ids=map(_id, CLAIMS))
def test_wrong_claim_makes_a_token_invalid(get_account, token, name, value):
    header, claims = decode_token(token)
    assert_refused(get_account(sign(header, {**claims, name: value})), "token_invalid")


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ({"iat": 60, "nbf": 60, "exp": 900}, "token_invalid"),
        ({"iat": 10 * 365 * 86400, "nbf": 0, "exp": 10 * 365 * 86400 + 900}, "token_invalid"),
        ({"iat": 0, "nbf": 60, "exp": 900}, "token_invalid"),
        ({"iat": 0, "nbf": 0, "exp": 901}, "token_invalid"),
        ({"iat": 0, "nbf": 0, "exp": 86400 * 3650}, "token_invalid"),
        ({"iat": 0, "nbf": 0, "exp": 0}, "token_invalid"),
        ({"iat": 0, "nbf": 0, "exp": -1}, "token_invalid"),
        ({"iat": -900, "nbf": -900, "exp": -6}, "token_expired"),
        ({"iat": -86400, "nbf": -86400, "exp": -86000}, "token_expired"),
    ],
)
@channels
def test_token_times_are_enforced(get_account, token, times, code, channel):
    header, claims = decode_token(token)
    moment = int(time.time())
    claims |= {name: moment + offset for name, offset in times.items()}
    assert_refused(get_account(sign(header, claims), channel), code)


def test_clocks_may_differ_by_five_seconds(get_account, token):
    header, claims = decode_token(token)
    moment = int(time.time())
    early = {**claims, "iat": moment + 3, "nbf": moment + 3, "exp": moment + 900}
    late = {**claims, "iat": moment - 900, "nbf": moment - 900, "exp": moment - 3}
    with time_machine.travel(moment, tick=False):
        assert get_account(sign(header, early)).status_code == 200
        assert get_account(sign(header, late)).status_code == 200


@channels
def test_verified_token_expires(get_account, token, channel):
    _, claims = decode_token(token)
    with time_machine.travel(claims["exp"] + 4, tick=False):
        assert get_account(token, channel).status_code == 200
    with time_machine.travel(claims["exp"] + 6, tick=False):
        assert_refused(get_account(token, channel), "token_expired")
    with time_machine.travel(claims["nbf"] - 60, tick=False):
        assert_refused(get_account(token, channel), "token_invalid")


def test_expired_token_with_a_wrong_signature_is_invalid(get_account, token):
    header, claims = decode_token(token)
    past = {"iat": 1_000_000, "nbf": 1_000_000, "exp": 1_000_900}
    assert_refused(get_account(sign(header, {**claims, **past}, "another secret")), "token_invalid")


def test_token_of_another_deployment_with_the_same_key_is_invalid(make_app, get_account, new_user):
    credentials = {"username": new_user(), "password": "correct horse battery staple"}
    for setting in ("JWT_ISSUER", "JWT_AUDIENCE"):
        other = make_app(JWT_SECRET_KEY=SECRET, **{setting: "elsewhere"})
        foreign = other.test_client().post("/api/v1/auth/login", json=credentials).json["access_token"]
        assert_refused(get_account(foreign), "token_invalid")
