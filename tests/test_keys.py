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
from tests.key_sets import ASYMMETRIC, GOOD, REFUSED, KeySetFile, answer_to, bearer, new_key, pem, public, sign_in

pytestmark = pytest.mark.slow

JWKS = "/.well-known/jwks.json"


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_token_is_signed_and_verified_with_every_algorithm(make_app: AppFactory, enter, alg):
    app = make_app(JWT_ALGORITHM=alg)
    token = enter(app)
    assert answer_to(app, token) == GOOD
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"], sorted(header)) == (alg, "at+jwt", ["alg", "kid", "typ"])


@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_published_keys_verify_a_token_and_are_public(make_app: AppFactory, enter, alg):
    app = make_app(JWT_ALGORITHM=alg)
    (published,) = app.test_client().get(JWKS).json["keys"]
    token = enter(app)
    known = published | {"alg": PYJWT_NAMES.get(alg, alg)}  # PyJWT does not know Ed25519 by that name
    key = jwt.PyJWKSet.from_dict({"keys": [known]})[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key.key, [alg], audience="taskapi", issuer="taskapi")["type"] == "access"
    assert set(published) <= {"kid", "alg", "use", "kty", "crv", "x", "y", "n", "e"}
    assert (published["alg"], published["use"]) == (alg, "sig")


@pytest.mark.parametrize("alg", [alg for alg in ASYMMETRIC if alg != "Ed25519"])  # a name that jose knows from 6.0
def test_published_keys_verify_a_token_in_jose(make_app: AppFactory, enter, alg):
    node_package("jose")
    app = make_app(JWT_ALGORITHM=alg, JWT_ISSUER="https://tasks.example.org", JWT_CLIENT_ID="tasks")
    given = {"keys": app.test_client().get(JWKS).json, "token": enter(app)}
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
    answer = client.get("/.well-known/oauth-authorization-server", base_url="https://tasks.example.org")
    assert answer.json == {
        "issuer": "https://tasks.example.org",
        "jwks_uri": "https://tasks.example.org/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": [],
        "service_documentation": "https://tasks.example.org/docs/",
    }
    assert answer.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize(("alg", "other"), [("Ed25519", "EdDSA"), ("EdDSA", "Ed25519")])
def test_ed25519_key_verifies_under_its_own_name_only(serve, enter, alg, other):
    key = new_key(alg)
    app = serve(key)
    token = enter(app)
    assert answer_to(app, token) == GOOD
    renamed = jwt.encode(
        jwt.decode(token, options={"verify_signature": False}),
        jwt.PyJWK({name: key[name] for name in ("kty", "crv", "x", "d")}, "EdDSA").key,
        other,
        {"kid": key["kid"], "typ": "at+jwt"},
    )
    assert answer_to(app, renamed) == REFUSED


def test_hmac_key_is_never_published(client: FlaskClient):
    assert client.get(JWKS).json == {"keys": []}


def test_published_keys_are_cacheable_with_an_etag(client: FlaskClient):
    answer = client.get(JWKS)
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    again = client.get(JWKS, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_staged_key_is_published_before_it_signs(serve):
    signing, staged = new_key("ES256"), new_key("EdDSA", "staged")
    app = serve(signing, staged)
    assert [key["kid"] for key in app.test_client().get(JWKS).json["keys"]] == [signing["kid"], staged["kid"]]


def test_keys_rotate_while_the_service_runs(serve, key_set_file: KeySetFile, enter, later):
    app = serve(new_key("ES256"))
    old = enter(app)
    kid = key_set_file.stage("HS512")
    later(2)
    key_set_file.change(rotation.promote_key, kid)
    later(2)
    new = enter(app)
    assert jwt.get_unverified_header(new)["kid"] == kid
    assert (answer_to(app, old), answer_to(app, new)) == (GOOD, GOOD)
    key_set_file.change(rotation.retire_key, jwt.get_unverified_header(old)["kid"])
    later(2)
    assert (answer_to(app, old), answer_to(app, new)) == (REFUSED, GOOD)


def test_revoked_key_invalidates_its_tokens_and_another_signs(serve, key_set_file: KeySetFile, enter, later):
    app = serve(new_key("ES384"))
    stolen = enter(app)
    assert answer_to(app, stolen) == GOOD
    kid = key_set_file.change(rotation.revoke_key, jwt.get_unverified_header(stolen)["kid"])
    later(2)
    assert answer_to(app, stolen) == REFUSED
    assert answer_to(app, enter(app)) == GOOD
    assert "d" not in json.loads(key_set_file.path.read_text())["keys"][0]
    assert key_set_file.states()[kid] == "retired"


@pytest.mark.parametrize("broken", ["", "{", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "c2hvcnQ"}]}', None])
def test_invalid_key_set_leaves_the_last_one_in_use(serve, key_set_file: KeySetFile, enter, later, broken):
    app = serve(new_key("ES256"))
    token = enter(app)
    if broken is None:
        key_set_file.path.unlink()
    else:
        key_set_file.path.write_text(broken)
    later(2)
    assert (answer_to(app, token), answer_to(app, enter(app))) == (GOOD, GOOD)


def test_token_of_a_staged_key_is_accepted(serve, make_app: AppFactory, tmp_path, enter):
    """During a promotion one worker already signs with the key that is still staged for another."""
    one, two = new_key("ES256"), new_key("ES256", "staged")
    behind = serve(one, two)
    ahead_file = KeySetFile(tmp_path / "ahead.json")
    ahead_file.write({**one, "state": "verifying"}, {**two, "state": "signing"})
    ahead = make_app(JWT_KEYS=str(ahead_file.path))
    assert answer_to(behind, enter(ahead)) == GOOD
    assert answer_to(ahead, enter(behind)) == GOOD


def test_key_set_of_an_earlier_version_is_read(make_app: AppFactory, tmp_path: Path, enter):
    secret = generate_key("HS256")
    old = {"keys": [{"kty": "oct", "kid": "old", "alg": "HS256", "state": "signing", "k": secret["k"]}]}
    (tmp_path / "jwt-keys.json").write_text(json.dumps(old))
    app = make_app(INSTANCE_PATH=str(tmp_path))
    assert answer_to(app, enter(app)) == GOOD


def test_two_processes_that_start_together_create_one_key_set(make_app: AppFactory, tmp_path: Path, enter):
    one, two = (make_app(INSTANCE_PATH=str(tmp_path)) for _ in range(2))
    assert answer_to(two, enter(one)) == GOOD
    assert (tmp_path / "jwt-keys.json").stat().st_mode & 0o777 == 0o600


def test_cursors_stay_valid_when_keys_rotate(serve, key_set_file: KeySetFile, enter, later):
    app = serve(new_key("ES256"))
    token = enter(app)
    tasks = bearer(app, token)
    for title in ("One", "Two"):
        tasks.post("/api/v1/tasks", json={"title": title})
    cursor = tasks.get("/api/v1/tasks?limit=1").json["next_cursor"]
    key_set_file.change(rotation.promote_key, key_set_file.stage("EdDSA"))
    later(2)
    assert tasks.get(f"/api/v1/tasks?limit=1&cursor={cursor}").json["items"][0]["title"] == "One"


def test_cursors_of_a_sealing_key_outlive_the_signing_key(serve, key_set_file, new_person, later):
    app = serve(new_key("ES256"), new_key("HS256", use="seal"))
    person = new_person()
    tasks = bearer(app, sign_in(app, person))
    for title in ("One", "Two"):
        tasks.post("/api/v1/tasks", json={"title": title})
    cursor = tasks.get("/api/v1/tasks?limit=1").json["next_cursor"]
    key_set_file.change(rotation.revoke_key, next(iter(key_set_file.states())))
    later(2)
    tasks = bearer(app, sign_in(app, person))
    assert tasks.get(f"/api/v1/tasks?limit=1&cursor={cursor}").json["items"][0]["title"] == "One"


def test_verify_only_instance_serves_everything_but_sign_in(serve, make_app, tmp_path, enter, new_person):
    signing = new_key("EdDSA")
    token = enter(serve(signing))
    verifier_file = KeySetFile(tmp_path / "verifier.json")
    verifier_file.write(public(signing))
    verifier = make_app(JWT_KEYS=str(verifier_file.path))
    assert answer_to(verifier, token) == GOOD
    answer = verifier.test_client().post("/api/v1/auth/login", json={"username": new_person(), "password": PASSWORD})
    assert (answer.status_code, answer.json["code"]) == (503, "signing_unavailable")


def test_verify_only_instance_has_its_own_sealing_key(make_app, serve, tmp_path, enter):
    signing = new_key("ES256")
    token = enter(serve(signing))
    verifier_file = KeySetFile(tmp_path / "verifier.json")
    verifier_file.write(public(signing))
    workers = [make_app(JWT_KEYS=str(verifier_file.path), INSTANCE_PATH=str(tmp_path)) for _ in range(2)]
    for title in ("One", "Two"):
        bearer(workers[0], token).post("/api/v1/tasks", json={"title": title})
    cursor = bearer(workers[0], token).get("/api/v1/tasks?limit=1").json["next_cursor"]
    assert bearer(workers[1], token).get(f"/api/v1/tasks?limit=1&cursor={cursor}").json["items"][0]["title"] == "One"
    assert (tmp_path / "sealing-key.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_pem_key_is_a_key_set_of_one(make_app: AppFactory, enter, alg):
    app = make_app(JWT_PRIVATE_KEY=pem(alg), JWT_ALGORITHM=alg)
    token = enter(app)
    assert (answer_to(app, token), jwt.get_unverified_header(token)["alg"]) == (GOOD, alg)


@pytest.mark.parametrize(("alg", "chosen"), [("PS256", "RS256"), ("ES384", "ES384"), ("EdDSA", "EdDSA")])
def test_pem_key_gets_the_default_algorithm(make_app: AppFactory, enter, alg, chosen):
    assert jwt.get_unverified_header(enter(make_app(JWT_PRIVATE_KEY=pem(alg))))["alg"] == chosen


def test_secret_can_sign_with_a_longer_hash(make_app: AppFactory, enter):
    token = enter(make_app(JWT_SECRET_KEY="x" * 20 + "y" * 44, JWT_ALGORITHM="HS512"))
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
