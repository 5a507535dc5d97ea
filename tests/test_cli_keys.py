"""flask keys."""

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
from tests.key_sets import GOOD, REFUSED, KeySetFile, new_key, pem, pem_of, try_token


@pytest.fixture
def run(serve, key_set_file: KeySetFile):
    """Run `flask keys` on a key set with an ES256 key and a sealing key."""
    app = serve(new_key("ES256"), new_key("HS256", use="seal"))
    runner = app.test_cli_runner()
    return lambda *words, stdin=None: runner.invoke(args=["keys", *words], input=stdin)


def kid_in(key_set_file: KeySetFile, state: str) -> str:
    return next(kid for kid, found in key_set_file.states().items() if found == state)


def test_keys_list_shows_no_secrets(run, key_set_file: KeySetFile):
    lines = run("list").output.splitlines()
    signing = json.loads(key_set_file.path.read_text())["keys"][0]
    assert lines[0].split()[:4] == [signing["kid"], "ES256", "sig", "signing"]
    assert lines[1].split()[1:4] == ["HS256", "seal", "signing"]
    assert signing["d"] not in run("list").output


def test_keys_generate_writes_a_private_file(run, tmp_path: Path):
    path = tmp_path / "new.json"
    assert run("generate", "--alg", "PS256", str(path)).exit_code == 0
    key_set = parse_key_set(path.read_text())
    assert (key_set.signing.alg, path.stat().st_mode & 0o777) == ("PS256", 0o600)


def test_keys_generate_does_not_overwrite_a_file(run, key_set_file: KeySetFile):
    before = key_set_file.path.read_text()
    result = run("generate", "--alg", "ES256", str(key_set_file.path))
    assert (result.exit_code, "File exists" in result.output) == (1, True)
    assert key_set_file.path.read_text() == before


def test_key_is_not_promoted_before_all_instances_know_it(run, key_set_file: KeySetFile):
    run("stage", "--alg", "EdDSA")
    kid = kid_in(key_set_file, "staged")
    early = run("promote", kid)
    assert (early.exit_code, "Wait 3" in early.output, "--now" in early.output) == (1, True, True)
    with time_machine.travel(0, tick=False) as clock:
        clock.move_to(json.loads(key_set_file.path.read_text())["keys"][-1]["since"] + 361)
        assert run("promote", kid).output == f"{kid} (EdDSA) is signing.\n"


def test_key_is_not_retired_while_its_tokens_are_valid(run, key_set_file: KeySetFile):
    run("stage", "--alg", "EdDSA")
    run("promote", kid_in(key_set_file, "staged"), "--now")
    kid = kid_in(key_set_file, "verifying")
    assert "Wait 96" in run("retire", kid).output
    assert run("retire", kid, "--now").output == f"{kid} (ES256) is retired.\n"


def test_signing_key_is_not_retired(run, key_set_file: KeySetFile):
    assert "promote another first" in run("retire", kid_in(key_set_file, "signing")).output


def test_revoked_key_is_refused_immediately(run, key_set_file: KeySetFile, make_app, new_token, advance_clock):
    app = make_app(JWT_KEYS=str(key_set_file.path))
    token = new_token(app)
    kid = kid_in(key_set_file, "signing")
    assert run("revoke", kid).exit_code == 2
    assert run("revoke", kid, "--now").output == f"{kid} (ES256) is retired.\n"
    advance_clock(2)
    assert (try_token(app, token), try_token(app, new_token(app))) == (REFUSED, GOOD)


def test_kid_prefix_can_start_with_a_hyphen(run, key_set_file: KeySetFile):
    key_set_file.write(new_key("ES256"), {**new_key("ES256", "staged"), "kid": "-dash-and-more"})
    assert run("promote", "-dash", "--now").output == "-dash-and-more (ES256) is signing.\n"


@pytest.mark.parametrize(("kid", "why"), [("nobody", "has no keys whose kid starts with"), ("", "has 2 keys")])
def test_unknown_kid_is_reported(run, kid, why):
    assert why in run("promote", kid, "--now").output


def test_keys_rotate_runs_a_whole_rotation(run, key_set_file: KeySetFile, monkeypatch: pytest.MonkeyPatch):
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
        "Waiting 360 s until all instances and clients have the new key.",
        "Waiting 965 s until the tokens of the old key have expired.",
    ]


@pytest.mark.parametrize("waits", [0, 1])
def test_interrupted_rotation_prints_the_remaining_commands(run, key_set_file: KeySetFile, monkeypatch, waits):
    old = kid_in(key_set_file, "signing")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        if len(slept) == waits:
            raise KeyboardInterrupt
        slept.append(seconds)

    monkeypatch.setattr(import_module("taskapi.cli.keys"), "sleep", sleep)
    result = run("rotate", "--alg", "RS256")
    new = kid_in(key_set_file, "signing" if waits else "staged")
    remaining = [f"  flask keys promote {new}", f"  flask keys retire {old}"][waits:]
    assert result.exit_code == 1
    assert [line for line in result.stderr.splitlines() if line.startswith("  flask")] == remaining
    for line in remaining:
        assert run(*line.split()[2:], "--now").exit_code == 0
    assert key_set_file.states()[old] == "retired"


def test_private_pem_key_is_imported_as_staged(run, key_set_file: KeySetFile, tmp_path: Path):
    (tmp_path / "key.pem").write_text(pem("RS256"))
    result = run("import", "--alg", "PS256", str(tmp_path / "key.pem"))
    assert result.output == f"{kid_in(key_set_file, 'staged')} (PS256) is staged.\n"


def test_imported_public_key_verifies_tokens(run, key_set_file: KeySetFile):
    result = run("import", "-", stdin=pem_of(new_key("EdDSA"), private=False))
    assert result.output == f"{kid_in(key_set_file, 'verifying')} (EdDSA) is verifying.\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "is neither a PEM key nor a JWK"),
        ("[]", "is not a JWK"),
        ('{"kty": "oct", "k": "c2hvcnQ"}', "too short"),
        ("-----BEGIN PRIVATE KEY-----", "is not a PEM key"),
    ],
)
def test_invalid_key_is_not_imported(run, key_set_file: KeySetFile, text, why):
    before = key_set_file.path.read_text()
    result = run("import", "-", stdin=text)
    assert (result.exit_code, why in result.output) == (1, True), result.output
    assert key_set_file.path.read_text() == before


def test_key_is_not_imported_twice(run, key_set_file: KeySetFile):
    signing = json.loads(key_set_file.path.read_text())["keys"][0]
    assert "already" in run("import", "-", stdin=json.dumps(signing)).output


def test_public_export_equals_the_published_keys(run, key_set_file: KeySetFile, make_app: AppFactory):
    app = make_app(JWT_KEYS=str(key_set_file.path))
    exported = json.loads(run("export", "--public").output)
    assert exported == app.test_client().get("/.well-known/jwks.json").json


def test_verify_only_export_keeps_cursors_valid(run, key_set_file: KeySetFile):
    run("stage", "--alg", "EdDSA")
    key_set = parse_key_set(run("export", "--verify-only").output)
    ours = parse_key_set(key_set_file.path.read_text())
    assert (key_set.signing, list(key_set.keys)) == (None, list(ours.keys))
    assert key_set.secrets("cursor") == ours.secrets("cursor")[:1]
    assert not any(key.private for key in key_set.keys.values())


def test_key_set_of_a_secret_setting_is_exported(make_app: AppFactory, tmp_path: Path, new_token):
    app = make_app(JWT_SECRET_KEY="a secret of at least thirty-two bytes")
    path = tmp_path / "keys.json"
    path.write_text(app.test_cli_runner().invoke(args=["keys", "export"]).output)
    assert try_token(make_app(JWT_KEYS=str(path)), new_token(app)) == GOOD


def test_key_set_outside_a_file_is_not_changed(make_app: AppFactory):
    app = make_app(JWT_SECRET_KEY="a secret of at least thirty-two bytes")
    result = app.test_cli_runner().invoke(args=["keys", "stage", "--alg", "ES256"])
    assert (result.exit_code, "The key set is not in a file" in result.output) == (1, True)


def test_key_changes_are_recorded_in_the_audit_log(run, app, key_set_file: KeySetFile):
    run("stage", "--alg", "EdDSA")
    kid = kid_in(key_set_file, "staged")
    with app.app_context():
        rows = reader().execute(select(AuditEntry.details).where(AuditEntry.event == "keys_changed")).scalars()
        assert {"action": "stage", "kid": kid, "alg": "EdDSA", "state": "staged"} in list(rows)
