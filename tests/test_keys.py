"""The key set: every algorithm, key rotation, and instances that only verify."""

import json
import subprocess
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from taskapi.security.keys import ALGORITHMS, InvalidKeyError, rotation
from taskapi.security.keys.key import PYJWT_NAMES, generate_key
from tests.conftest import PASSWORD, ROOT, AppFactory, node_package
from tests.key_sets import ASYMMETRIC, GOOD, REFUSED, KeySetFile, bearer, new_key, pem, public, sign_in, try_token

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

JWKS = "/.well-known/jwks.json"


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_token_is_signed_and_verified_with_every_algorithm(make_app: AppFactory, new_token, alg):
    app = make_app(JWT_ALGORITHM=alg)
    token = new_token(app)
    assert try_token(app, token) == GOOD
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"], sorted(header)) == (alg, "at+jwt", ["alg", "kid", "typ"])


@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_published_keys_verify_a_token_and_are_public(make_app: AppFactory, new_token, alg):
    app = make_app(JWT_ALGORITHM=alg)
    (published,) = app.test_client().get(JWKS).json["keys"]
    token = new_token(app)
    known = published | {"alg": PYJWT_NAMES.get(alg, alg)}  # PyJWT does not know Ed25519 by that name
    key = jwt.PyJWKSet.from_dict({"keys": [known]})[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key.key, [alg], audience="taskapi", issuer="taskapi")["type"] == "access"
    assert set(published) <= {"kid", "alg", "use", "kty", "crv", "x", "y", "n", "e"}
    assert (published["alg"], published["use"]) == (alg, "sig")


@pytest.mark.parametrize("alg", [alg for alg in ASYMMETRIC if alg != "Ed25519"])  # a name that jose knows from 6.0
def test_published_keys_verify_a_token_in_jose(make_app: AppFactory, new_token, alg):
    node_package("jose")
    app = make_app(JWT_ALGORITHM=alg, JWT_ISSUER="https://tasks.example.org", JWT_CLIENT_ID="tasks")
    given = {"keys": app.test_client().get(JWKS).json, "token": new_token(app)}
    program = """
        import { createLocalJWKSet, jwtVerify } from "jose";
        const { keys, token } = JSON.parse(process.argv[1]);
        const expected = { typ: "at+jwt", issuer: "https://tasks.example.org", audience: "taskapi",
                           requiredClaims: ["exp", "sub", "client_id", "iat", "jti"] };  // RFC 9068, section 2.2
        const { payload } = await jwtVerify(token, createLocalJWKSet(keys), expected);
        console.log(payload.client_id);
    """
    command = ["node", "--input-type=module", "-e", program, json.dumps(given)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "tasks\n"), done.stderr


def test_metadata_names_the_issuer_and_the_keys(make_app: AppFactory):
    client = make_app(JWT_ISSUER="https://tasks.example.org").test_client()
    response = client.get("/.well-known/oauth-authorization-server", base_url="https://tasks.example.org")
    assert response.json == {
        "issuer": "https://tasks.example.org",
        "jwks_uri": "https://tasks.example.org/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": [],
        "service_documentation": "https://tasks.example.org/docs/",
    }
    assert response.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize(("alg", "other"), [("Ed25519", "EdDSA"), ("EdDSA", "Ed25519")])
def test_ed25519_key_verifies_under_its_own_name_only(serve, new_token, alg, other):
    key = new_key(alg)
    app = serve(key)
    token = new_token(app)
    assert try_token(app, token) == GOOD
    renamed = jwt.encode(
        jwt.decode(token, options={"verify_signature": False}),
        jwt.PyJWK({name: key[name] for name in ("kty", "crv", "x", "d")}, "EdDSA").key,
        other,
        {"kid": key["kid"], "typ": "at+jwt"},
    )
    assert try_token(app, renamed) == REFUSED


def test_hmac_key_is_never_published(client: FlaskClient):
    assert client.get(JWKS).json == {"keys": []}


def test_published_keys_are_cacheable_with_an_etag(client: FlaskClient):
    response = client.get(JWKS)
    assert response.headers["Cache-Control"] == "public, max-age=300"
    again = client.get(JWKS, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_staged_key_is_published_before_it_signs(serve):
    signing, staged = new_key("ES256"), new_key("EdDSA", "staged")
    app = serve(signing, staged)
    assert [key["kid"] for key in app.test_client().get(JWKS).json["keys"]] == [signing["kid"], staged["kid"]]


def test_keys_rotate_while_the_service_runs(serve, key_set_file: KeySetFile, new_token, advance_clock):
    app = serve(new_key("ES256"))
    old = new_token(app)
    kid = key_set_file.stage("HS512")
    advance_clock(2)
    key_set_file.change(rotation.promote_key, kid)
    advance_clock(2)
    new = new_token(app)
    assert jwt.get_unverified_header(new)["kid"] == kid
    assert (try_token(app, old), try_token(app, new)) == (GOOD, GOOD)
    key_set_file.change(rotation.retire_key, jwt.get_unverified_header(old)["kid"])
    advance_clock(2)
    assert (try_token(app, old), try_token(app, new)) == (REFUSED, GOOD)


def test_revoked_key_invalidates_its_tokens_and_another_signs(
    serve, key_set_file: KeySetFile, new_token, advance_clock
):
    app = serve(new_key("ES384"))
    stolen = new_token(app)
    assert try_token(app, stolen) == GOOD
    kid = key_set_file.change(rotation.revoke_key, jwt.get_unverified_header(stolen)["kid"])
    advance_clock(2)
    assert try_token(app, stolen) == REFUSED
    assert try_token(app, new_token(app)) == GOOD
    assert "d" not in json.loads(key_set_file.path.read_text())["keys"][0]
    assert key_set_file.states()[kid] == "retired"


@pytest.mark.parametrize("broken", ["", "{", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "c2hvcnQ"}]}', None])
def test_invalid_key_set_leaves_the_last_one_in_use(serve, key_set_file: KeySetFile, new_token, advance_clock, broken):
    app = serve(new_key("ES256"))
    token = new_token(app)
    if broken is None:
        key_set_file.path.unlink()
    else:
        key_set_file.path.write_text(broken)
    advance_clock(2)
    assert (try_token(app, token), try_token(app, new_token(app))) == (GOOD, GOOD)


def test_token_of_a_staged_key_is_accepted(serve, make_app: AppFactory, tmp_path, new_token):
    """During a promotion one worker already signs with the key that is still staged for another."""
    one, two = new_key("ES256"), new_key("ES256", "staged")
    behind = serve(one, two)
    ahead_file = KeySetFile(tmp_path / "ahead.json")
    ahead_file.write({**one, "state": "verifying"}, {**two, "state": "signing"})
    ahead = make_app(JWT_KEYS=str(ahead_file.path))
    assert try_token(behind, new_token(ahead)) == GOOD
    assert try_token(ahead, new_token(behind)) == GOOD


def test_key_set_of_an_earlier_version_is_read(make_app: AppFactory, tmp_path: Path, new_token):
    secret = generate_key("HS256")
    old = {"keys": [{"kty": "oct", "kid": "old", "alg": "HS256", "state": "signing", "k": secret["k"]}]}
    (tmp_path / "jwt-keys.json").write_text(json.dumps(old))
    app = make_app(INSTANCE_PATH=str(tmp_path))
    assert try_token(app, new_token(app)) == GOOD


def test_two_processes_that_start_together_create_one_key_set(make_app: AppFactory, tmp_path: Path, new_token):
    one, two = (make_app(INSTANCE_PATH=str(tmp_path)) for _ in range(2))
    assert try_token(two, new_token(one)) == GOOD
    assert (tmp_path / "jwt-keys.json").stat().st_mode & 0o777 == 0o600


def test_cursors_stay_valid_when_keys_rotate(serve, key_set_file: KeySetFile, new_token, advance_clock):
    app = serve(new_key("ES256"))
    token = new_token(app)
    tasks = bearer(app, token)
    for title in ("One", "Two"):
        tasks.post("/api/v1/tasks", json={"title": title})
    cursor = tasks.get("/api/v1/tasks?limit=1").json["next_cursor"]
    key_set_file.change(rotation.promote_key, key_set_file.stage("EdDSA"))
    advance_clock(2)
    assert tasks.get(f"/api/v1/tasks?limit=1&cursor={cursor}").json["items"][0]["title"] == "One"


def test_cursors_of_a_sealing_key_outlive_the_signing_key(serve, key_set_file, new_user, advance_clock):
    app = serve(new_key("ES256"), new_key("HS256", use="seal"))
    user = new_user()
    tasks = bearer(app, sign_in(app, user))
    for title in ("One", "Two"):
        tasks.post("/api/v1/tasks", json={"title": title})
    cursor = tasks.get("/api/v1/tasks?limit=1").json["next_cursor"]
    key_set_file.change(rotation.revoke_key, next(iter(key_set_file.states())))
    advance_clock(2)
    tasks = bearer(app, sign_in(app, user))
    assert tasks.get(f"/api/v1/tasks?limit=1&cursor={cursor}").json["items"][0]["title"] == "One"


def test_verify_only_instance_serves_everything_but_sign_in(serve, make_app, tmp_path, new_token, new_user):
    signing = new_key("EdDSA")
    token = new_token(serve(signing))
    verifier_file = KeySetFile(tmp_path / "verifier.json")
    verifier_file.write(public(signing))
    verifier = make_app(JWT_KEYS=str(verifier_file.path))
    assert try_token(verifier, token) == GOOD
    response = verifier.test_client().post("/api/v1/auth/login", json={"username": new_user(), "password": PASSWORD})
    assert (response.status_code, response.json["code"]) == (503, "signing_unavailable")


def test_verify_only_instance_has_its_own_sealing_key(make_app, serve, tmp_path, new_token):
    signing = new_key("ES256")
    token = new_token(serve(signing))
    verifier_file = KeySetFile(tmp_path / "verifier.json")
    verifier_file.write(public(signing))
    workers = [make_app(JWT_KEYS=str(verifier_file.path), INSTANCE_PATH=str(tmp_path)) for _ in range(2)]
    for title in ("One", "Two"):
        bearer(workers[0], token).post("/api/v1/tasks", json={"title": title})
    cursor = bearer(workers[0], token).get("/api/v1/tasks?limit=1").json["next_cursor"]
    assert bearer(workers[1], token).get(f"/api/v1/tasks?limit=1&cursor={cursor}").json["items"][0]["title"] == "One"
    assert (tmp_path / "sealing-key.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_pem_key_is_a_key_set_of_one(make_app: AppFactory, new_token, alg):
    app = make_app(JWT_PRIVATE_KEY=pem(alg), JWT_ALGORITHM=alg)
    token = new_token(app)
    assert (try_token(app, token), jwt.get_unverified_header(token)["alg"]) == (GOOD, alg)


@pytest.mark.parametrize(("alg", "chosen"), [("PS256", "RS256"), ("ES384", "ES384"), ("EdDSA", "EdDSA")])
def test_pem_key_gets_the_default_algorithm(make_app: AppFactory, new_token, alg, chosen):
    assert jwt.get_unverified_header(new_token(make_app(JWT_PRIVATE_KEY=pem(alg))))["alg"] == chosen


def test_secret_can_sign_with_a_longer_hash(make_app: AppFactory, new_token):
    token = new_token(make_app(JWT_SECRET_KEY="x" * 20 + "y" * 44, JWT_ALGORITHM="HS512"))
    assert jwt.get_unverified_header(token)["alg"] == "HS512"


def test_key_change_does_not_overwrite_another(key_set_file: KeySetFile):
    key_set_file.write(new_key("ES256"))

    def meddle(members: list[dict[str, Any]]) -> dict[str, Any]:
        key_set_file.write(new_key("EdDSA"))
        return rotation.add_key(members, new_key("ES256", "staged"))

    with pytest.raises(InvalidKeyError, match="changed meanwhile"):
        key_set_file.change(meddle)
    assert list(key_set_file.path.parent.iterdir()) == [key_set_file.path]
    assert len(key_set_file.states()) == 1


def test_key_change_fails_while_another_is_running(key_set_file: KeySetFile):
    key_set_file.write(new_key("ES256"))
    key_set_file.path.with_name("keys.json.new").touch()
    with pytest.raises(InvalidKeyError, match="being changed by another"):
        key_set_file.stage("ES256")


def test_changed_key_set_file_is_private(key_set_file: KeySetFile):
    key_set_file.write(new_key("ES256"))
    key_set_file.path.chmod(0o644)
    key_set_file.stage("ES256")
    assert key_set_file.path.stat().st_mode & 0o777 == 0o600
