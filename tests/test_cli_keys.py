"""flask keys, as a person runs it."""

import json
from importlib import import_module
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import select

from taskapi.audit.models import AuditEntry
from taskapi.database import reader
from taskapi.security.keys import parse_key_set
from tests.conftest import AppFactory
from tests.key_sets import GOOD, REFUSED, KeySetFile, answer_to, new_key, pem, pem_of


@pytest.fixture
def run(serve, key_set_file: KeySetFile):
    """Run `flask keys` on a key set that signs by ES256, and seals."""
    app = serve(new_key("ES256"), new_key("HS256", use="seal"))
    runner = app.test_cli_runner()
    return lambda *words, stdin=None: runner.invoke(args=["keys", *words], input=stdin)


def kid_in(key_set_file: KeySetFile, state: str) -> str:
    return next(kid for kid, found in key_set_file.states().items() if found == state)


def test_the_keys_are_listed_and_their_secrets_are_not(run, key_set_file: KeySetFile):
    lines = run("list").output.splitlines()
    signing = json.loads(key_set_file.path.read_text())["keys"][0]
    assert lines[0].split()[:4] == [signing["kid"], "ES256", "sig", "signing"]
    assert lines[1].split()[1:4] == ["HS256", "seal", "signing"]
    assert signing["d"] not in run("list").output


def test_a_new_key_set_is_written_to_a_file_of_its_owners_alone(run, tmp_path: Path):
    path = tmp_path / "new.json"
    assert run("generate", "--alg", "PS256", str(path)).exit_code == 0
    key_set = parse_key_set(path.read_text())
    assert (key_set.signing.alg, path.stat().st_mode & 0o777) == ("PS256", 0o600)


def test_a_file_that_is_there_is_not_overwritten(run, key_set_file: KeySetFile):
    before = key_set_file.path.read_text()
    result = run("generate", "--alg", "ES256", str(key_set_file.path))
    assert (result.exit_code, "File exists" in result.output) == (1, True)
    assert key_set_file.path.read_text() == before


def test_a_key_is_not_promoted_before_everybody_knows_it(run, key_set_file: KeySetFile):
    run("stage", "--alg", "EdDSA")
    kid = kid_in(key_set_file, "staged")
    early = run("promote", kid)
    assert (early.exit_code, "Wait 3" in early.output, "--now" in early.output) == (1, True, True)
    with time_machine.travel(0, tick=False) as clock:
        clock.move_to(json.loads(key_set_file.path.read_text())["keys"][-1]["since"] + 361)
        assert run("promote", kid).output == f"{kid} (EdDSA) is signing.\n"


def test_a_key_is_not_retired_while_its_tokens_live(run, key_set_file: KeySetFile):
    run("stage", "--alg", "EdDSA")
    run("promote", kid_in(key_set_file, "staged"), "--now")
    kid = kid_in(key_set_file, "verifying")
    assert "Wait 96" in run("retire", kid).output
    assert run("retire", kid, "--now").output == f"{kid} (ES256) is retired.\n"


def test_the_key_that_signs_is_not_retired(run, key_set_file: KeySetFile):
    assert "promote another first" in run("retire", kid_in(key_set_file, "signing")).output


def test_a_revoked_key_dies_at_once(run, key_set_file: KeySetFile, make_app, enter, later):
    app = make_app(JWT_KEYS=str(key_set_file.path))
    token = enter(app)
    kid = kid_in(key_set_file, "signing")
    assert run("revoke", kid).exit_code == 2
    assert run("revoke", kid, "--now").output == f"{kid} (ES256) is retired.\n"
    later(2)
    assert (answer_to(app, token), answer_to(app, enter(app))) == (REFUSED, GOOD)


def test_a_key_may_be_named_by_its_beginning_though_it_be_a_hyphen(run, key_set_file: KeySetFile):
    key_set_file.write(new_key("ES256"), {**new_key("ES256", "staged"), "kid": "-dash-and-more"})
    assert run("promote", "-dash", "--now").output == "-dash-and-more (ES256) is signing.\n"


@pytest.mark.parametrize(("kid", "why"), [("nobody", "has no keys whose kid starts with"), ("", "has 2 keys")])
def test_a_kid_that_names_no_key_is_told(run, kid, why):
    assert why in run("promote", kid, "--now").output


def test_a_whole_rotation_is_one_command(run, key_set_file: KeySetFile, monkeypatch: pytest.MonkeyPatch):
    old = kid_in(key_set_file, "signing")
    with time_machine.travel(json.loads(key_set_file.path.read_text())["keys"][0]["since"] + 1, tick=False) as clock:
        monkeypatch.setattr(import_module("taskapi.cli.keys"), "sleep", clock.shift)
        result = run("rotate", "--alg", "RS256")
    assert result.exit_code == 0, result.output
    key_set = parse_key_set(key_set_file.path.read_text())
    assert (key_set.signing.alg, key_set_file.states()[old], list(key_set.keys)) == (
        "RS256",
        "retired",
        [key_set.signing.kid],
    )
    assert [line for line in result.output.splitlines() if "Waiting" in line] == [
        "Waiting 360 s until everybody knows it.",
        "Waiting 965 s until what the old key signed has expired.",
    ]


def test_a_private_pem_key_is_imported_as_staged(run, key_set_file: KeySetFile, tmp_path: Path):
    (tmp_path / "key.pem").write_text(pem("RS256"))
    result = run("import", "--alg", "PS256", str(tmp_path / "key.pem"))
    assert result.output == f"{kid_in(key_set_file, 'staged')} (PS256) is staged.\n"


def test_the_public_key_of_another_deployment_is_imported_and_verifies(run, key_set_file: KeySetFile):
    result = run("import", "-", stdin=pem_of(new_key("EdDSA"), private=False))
    assert result.output == f"{kid_in(key_set_file, 'verifying')} (EdDSA) is verifying.\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "is neither a PEM key nor a JWK"),
        ("[]", "is no JWK"),
        ('{"kty": "oct", "k": "c2hvcnQ"}', "too short"),
        ("-----BEGIN PRIVATE KEY-----", "is not a PEM key"),
    ],
)
def test_what_is_no_good_key_is_not_imported(run, key_set_file: KeySetFile, text, why):
    before = key_set_file.path.read_text()
    result = run("import", "-", stdin=text)
    assert (result.exit_code, why in result.output) == (1, True), result.output
    assert key_set_file.path.read_text() == before


def test_a_key_is_not_imported_twice(run, key_set_file: KeySetFile):
    signing = json.loads(key_set_file.path.read_text())["keys"][0]
    assert "already" in run("import", "-", stdin=json.dumps(signing)).output


def test_the_public_export_is_what_the_service_publishes(run, key_set_file: KeySetFile, make_app: AppFactory):
    app = make_app(JWT_KEYS=str(key_set_file.path))
    exported = json.loads(run("export", "--public").output)
    assert exported == app.test_client().get("/.well-known/jwks.json").json


def test_the_export_for_an_instance_that_only_verifies_lets_it_go_on_with_our_lists(run, key_set_file: KeySetFile):
    run("stage", "--alg", "EdDSA")
    key_set = parse_key_set(run("export", "--verify-only").output)
    ours = parse_key_set(key_set_file.path.read_text())
    assert (key_set.signing, list(key_set.keys)) == (None, list(ours.keys))
    assert key_set.secrets("cursor") == ours.secrets("cursor")[:1]
    assert not any(key.private for key in key_set.keys.values())


def test_the_whole_key_set_of_a_secret_in_the_settings_is_exported(make_app: AppFactory, tmp_path: Path, enter):
    app = make_app(JWT_SECRET_KEY="a secret of at least thirty-two bytes")
    path = tmp_path / "keys.json"
    path.write_text(app.test_cli_runner().invoke(args=["keys", "export"]).output)
    assert answer_to(make_app(JWT_KEYS=str(path)), enter(app)) == GOOD


def test_a_key_set_that_is_in_no_file_is_not_changed(make_app: AppFactory):
    app = make_app(JWT_SECRET_KEY="a secret of at least thirty-two bytes")
    result = app.test_cli_runner().invoke(args=["keys", "stage", "--alg", "ES256"])
    assert (result.exit_code, "The key set is not in a file" in result.output) == (1, True)


def test_every_change_is_in_the_audit_log(run, app, key_set_file: KeySetFile):
    run("stage", "--alg", "EdDSA")
    kid = kid_in(key_set_file, "staged")
    with app.app_context():
        rows = reader().execute(select(AuditEntry.details).where(AuditEntry.event == "keys_changed")).scalars()
        assert {"action": "stage", "kid": kid, "alg": "EdDSA", "state": "staged"} in list(rows)
