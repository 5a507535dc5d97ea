"""flask tokens."""

import json

import pytest
import time_machine

from taskapi.security.tokens import CLAIMS, HEADER
from tests.forging import SECRET, decode_token, sign, signing_input
from tests.key_sets import new_key, public


@pytest.fixture
def inspect(known_key_app):
    """Run `flask tokens inspect` on the instance that issued the token."""
    runner = known_key_app.test_cli_runner()
    return lambda *words, stdin="": runner.invoke(args=["tokens", "inspect", *words], input=stdin)


@pytest.fixture
def verdict(inspect):
    """Return the error code of a token and the reason."""

    def verdict(token):
        result = inspect("--json", stdin=token)
        said = json.loads(result.output)
        assert result.exit_code == (1 if said["code"] else 0), result.output
        return said["code"], said["why"]

    return verdict


def test_inspect_explains_each_part_of_a_valid_token(inspect, token):
    result = inspect(stdin=f"{token}\n")
    header, claims = decode_token(token)
    lines = {line.split()[0]: line for line in result.output.splitlines() if line.startswith("  ")}
    assert result.exit_code == 0, result.output
    for name, value in {**header, **claims}.items():
        assert (value if isinstance(value, str) else json.dumps(value)) in lines[name]
        assert (HEADER.get(name) or CLAIMS[name].meaning) in lines[name]
    assert f"verified by the key {header['kid']} (HS256, signing)" in result.output
    assert "\n  valid: " in result.output


def test_inspect_aligns_the_columns_of_header_and_claims(inspect, token):
    lines = [line for line in inspect(stdin=token).output.splitlines() if line.startswith("  ")]
    values = {**decode_token(token)[0], **decode_token(token)[1]}
    columns = {len(line) - len(line[2:].partition(" ")[2].lstrip()) for line in lines if line.split()[0] in values}
    assert columns == {2 + max(map(len, values)) + 2}


def test_inspect_shows_times_in_words(inspect, token):
    _, claims = decode_token(token)
    with time_machine.travel(claims["iat"] + 100, tick=False):
        lines = inspect(stdin=token).output.splitlines()
    assert [line.rpartition(", ")[2] for line in lines if line[2:5] in {"iat", "exp"}] == [
        "100 seconds ago",
        "in 13 minutes",
    ]


def test_inspect_accepts_an_argument_and_the_scheme(inspect, token):
    assert inspect(token).exit_code == 0
    assert inspect(f"Bearer {token}").exit_code == 0


def test_inspect_help_warns_about_the_shell_history(inspect):
    assert "shell's history" in " ".join(inspect("--help").output.split())


def test_inspect_shows_no_key(inspect, token):
    assert SECRET not in inspect(stdin=token).output + inspect("--json", stdin=token).output


NOW = 1_900_000_000
FORGED = {
    "alg none": ({"alg": "none"}, {}, "its alg is not HS256, the algorithm of its key"),
    "another kid": ({"kid": "../../dev/null"}, {}, "its kid is not that of a known key"),
    "a key of its own": ({"jwk": {}, "jku": "https://example.org/"}, {}, "its header has 'jku', 'jwk'"),
    "another typ": ({"typ": "JWT"}, {}, "its typ is not at+jwt"),
    "another audience": ({}, {"aud": "elsewhere"}, "its aud is not accepted"),
    "no end": ({}, {"exp": None}, "it has no exp"),
    "a life of a year": ({}, {"exp": NOW + 31_536_000}, "it is valid for 31536000 seconds; 1 to 900 are allowed"),
    "from the future": ({}, {"iat": NOW + 60}, "it was issued in the future"),
    "not yet good": ({}, {"nbf": NOW + 60}, "The token is not yet valid (nbf)"),
}


@pytest.mark.parametrize(("header", "claims", "why"), FORGED.values(), ids=FORGED)
def test_inspect_shows_why_a_token_is_invalid(verdict, token, header, claims, why):
    first, rest = decode_token(token)
    rest |= {"iat": NOW, "nbf": NOW, "exp": NOW + 900, **claims}
    forged = sign({**first, **header}, {name: value for name, value in rest.items() if value is not None})
    with time_machine.travel(NOW, tick=False):
        assert verdict(forged) == ("token_invalid", why)


def test_inspect_reports_the_first_check_that_fails(verdict, token):
    """The header is checked first, then the claims, the signature, and the expiry."""
    header, claims = decode_token(token)
    past = {**claims, "iat": 1_000_000, "exp": 1_000_900}
    wrong = "another secret that is long enough"
    assert verdict(sign({**header, "typ": "JWT"}, {**past, "aud": "x"}, wrong))[1] == "its typ is not at+jwt"
    assert verdict(sign(header, {**past, "aud": "x"}, wrong))[1] == "its aud is not accepted"
    assert verdict(sign(header, past, wrong))[1] == "Signature verification failed"
    assert verdict(sign(header, past)) == ("token_expired", "Signature has expired")


def test_inspect_ignores_a_byte_order_mark(inspect, token):
    for data in (b"\xef\xbb\xbf" + token.encode(), token.encode("utf-16")):
        assert inspect(stdin=data).exit_code == 0


def test_inspect_marks_unverified_claims(inspect, token):
    header, claims = decode_token(token)
    output = inspect(stdin=sign(header, {**claims, "roles": ["admin"]}, "another")).output
    assert "claims, not verified" in output
    assert "not verified: Signature verification failed" in output


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it has 0 dots, not 2"),
        ("no-token", "it has 0 dots, not 2"),
        ("e30=.e30.", "not canonical base64url"),
        ("e30.W10.", "one of its parts is not a JSON object"),
        ("e30.e30." + "A" * 9000, "it has 9008 characters; at most 8192 are allowed"),
    ],
)
def test_inspect_shows_why_a_token_is_malformed(verdict, text, why):
    assert verdict(text) == ("token_malformed", why)


def test_inspect_escapes_control_characters(inspect, token):
    header, claims = decode_token(token)
    strange = {"name": "\x1b[2Jada\n  name  root", "iat": 10**300, "exp": -1, "sub": ["\ud800"]}
    result = inspect(stdin=sign(header, {**claims, **strange}))
    assert result.exit_code == 1
    assert r'"\u001b[2Jada\n  name  root"' in result.output
    assert "\x1b" not in result.output


def test_inspect_reports_a_revoked_token(inspect, known_key_app, new_user):
    client = known_key_app.test_client()
    credentials = {"username": new_user(), "password": "correct horse battery staple"}
    token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
    assert inspect(stdin=token).exit_code == 0
    assert client.post("/api/v1/auth/logout", headers={"Authorization": f"Bearer {token}"}).status_code == 204
    result = inspect(stdin=token)
    assert (result.exit_code, "token_revoked: " in result.output) == (1, True)
    assert "verified by the key" in result.output


def test_inspect_works_on_a_verify_only_instance(serve, new_token, make_app, tmp_path):
    key = new_key("EdDSA")
    token = new_token(serve(key))
    (tmp_path / "public.json").write_text(json.dumps({"keys": [public(key)]}))
    runner = make_app(JWT_KEYS=str(tmp_path / "public.json")).test_cli_runner()
    assert (
        f"verified by the key {key['kid']} (EdDSA, verifying)"
        in runner.invoke(args=["tokens", "inspect", token]).output
    )


def test_inspect_reports_algorithm_confusion(serve, new_token):
    key = new_key("ES256")
    app = serve(key)
    header, claims = decode_token(new_token(app))
    forged = signing_input({**header, "alg": "HS256"}, claims) + ".AAAA"
    output = app.test_cli_runner().invoke(args=["tokens", "inspect", forged]).output
    assert "token_invalid: its alg is not ES256, the algorithm of its key" in output


@pytest.fixture
def response(known_key_app, new_user):
    """The response to a sign-in."""
    credentials = {"username": new_user(), "password": "correct horse battery staple"}
    return lambda **options: known_key_app.test_client().post("/api/v1/auth/login", json=credentials | options)


def test_inspect_recognizes_a_refresh_token(inspect, verdict, response):
    token = response().json["refresh_token"]
    code, why = verdict(token)
    assert (code, why.startswith("this is a refresh token")) == ("token_malformed", True)
    assert inspect(token).output.startswith("verdict\n  token_malformed: this is a refresh token")


def test_inspect_takes_the_access_token_of_a_response(inspect, response):
    answer = response()
    said, _, rest = inspect(stdin=answer.text).output.partition("\n")
    assert said == "This is the response to a sign-in or a refresh; its access_token is inspected."
    assert rest == inspect(stdin=answer.json["access_token"]).output


def test_inspect_recognizes_a_response_with_cookies(inspect, response):
    result = inspect(stdin=response(cookies=True).text)
    assert (result.exit_code, result.output) == (
        1,
        "Error: This is the response to a sign-in with cookies. The tokens are in the cookies.\n",
    )


@pytest.mark.parametrize("text", ["5", '"text"', "[]", "{}"])
def test_inspect_refuses_other_json(verdict, text):
    assert verdict(text)[0] == "token_malformed"
