"""flask users: manage accounts on the command line, with output as text and as JSON."""

import json
import os
import pty
import subprocess
import sys

import pytest
from conftest import PASSWORD, ROOT

pytestmark = pytest.mark.slow

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/me"


@pytest.fixture
def users(app):
    """Run `flask users …`."""
    runner = app.test_cli_runner()

    def run(*words, stdin=""):
        result = runner.invoke(args=("users", *words), input=stdin)
        return result.exit_code, result.output

    return run


@pytest.fixture
def terminal(database_url, tmp_path):
    """Run `flask users …` at a terminal; `typed` maps each prompt to the input."""

    def run(*words, typed):
        ours, theirs = pty.openpty()
        settings = {"TASKAPI_DATABASE_URL": database_url, "TASKAPI_INSTANCE_PATH": str(tmp_path)}
        command = [sys.executable, "-m", "flask", "users", *words]
        environment = {**os.environ, **settings, "TASKAPI_BCRYPT_ROUNDS": "4"}
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
        process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, **streams)
        os.close(theirs)
        output = ""
        for prompt, line in [*typed, ("", "")]:
            seen = len(output)
            while not prompt or prompt not in output[seen:]:
                try:
                    output += os.read(ours, 1024).decode()
                except OSError:  # the command has ended
                    break
            if prompt:
                os.write(ours, f"{line}\n".encode())
        os.close(ours)
        return process.wait(60), output

    return run


@pytest.fixture
def user(signed_in):
    """A signed-in user whose account the commands change."""
    return signed_in()


def shown(users, username):
    return next(row for row in json.loads(users("list", "--q", username, "--json")[1]) if row["username"] == username)


def enters(client, username, password=PASSWORD):
    return client.post(LOGIN, json={"username": username, "password": password}).status_code == 200


def test_accounts_are_listed_with_roles_and_state(users, new_user):
    editor, viewer = new_user(name="Listed one"), new_user("viewer", name="Listed one", active=False)
    rows = {f"{editor}  editor", f"{viewer}  viewer  inactive"}
    assert set(users("list", "--q", "listed")[1].splitlines()) == rows
    assert users("list", "--q", "listed", "--inactive") == (0, f"{viewer}  viewer  inactive\n")
    assert users("list", "--q", "listed", "--active", "--role", "editor") == (0, f"{editor}  editor\n")


def test_json_list_equals_the_admin_list_over_http(users, signed_in, user):
    by_http = signed_in("admin").get("/api/v1/admin/users", query_string={"q": user.username}).json["items"]
    assert json.loads(users("list", "--q", user.username, "--json")[1]) == by_http


def test_create_command_creates_a_user(users, client):
    code, output = users("create", "hedy", "--role", "viewer", "--password-stdin", "--json", stdin=PASSWORD)
    assert (code, json.loads(output)["roles"]) == (0, ["viewer"])
    assert enters(client, "hedy")


def test_granted_and_revoked_roles_apply_immediately(users, user):
    name = user.username
    assert users("grant", name, "admin") == (0, f"The roles of {name}: editor, admin.\n")
    assert user.get(ME).json["code"] == "token_revoked"
    assert users("grant", name, "admin") == (0, f"The roles of {name}: editor, admin.\n")
    assert users("revoke", name.upper(), "editor") == (0, f"The roles of {name}: admin.\n")
    assert shown(users, name)["roles"] == ["admin"]


def test_last_role_cannot_be_revoked(users, user):
    assert users("revoke", user.username, "editor") == (1, "Error: roles: Must have at least one.\n")
    assert user.get(ME).json["roles"] == ["editor"]


def test_user_is_deactivated_and_activated(users, user, client):
    name = user.username
    assert users("deactivate", name) == (0, f"{name} is deactivated. All its sessions have ended.\n")
    assert user.get(ME).json["code"] == "token_revoked"
    assert not enters(client, name)
    assert users("activate", name) == (0, f"{name} can sign in.\n")
    assert enters(client, name)


def test_set_password_ends_all_sessions(users, user, client):
    other = "another horse altogether"
    code, output = users("set-password", user.username, "--password-stdin", stdin=f"{other}\n")
    assert (code, output) == (0, f"{user.username} has a new password. All its sessions have ended.\n")
    assert user.get(ME).json["code"] == "token_revoked"
    assert not enters(client, user.username)
    assert enters(client, user.username, other)


def test_set_password_applies_the_rules_of_the_api(users, user, client):
    code, output = users("set-password", user.username, "--password-stdin", stdin="password1234")
    assert (code, output.startswith("Error: password: Is too easily guessed.")) == (1, True)
    assert user.get(ME).status_code == 200
    assert enters(client, user.username)


def test_sign_out_command_ends_all_sessions(users, user, client):
    assert users("sign-out", user.username) == (0, f"All sessions of {user.username} have ended.\n")
    assert user.get(ME).json["code"] == "token_revoked"
    assert enters(client, user.username)


def test_password_prompt_repeats_and_hides_the_password(terminal, client):
    prompts = ("Password:", PASSWORD), ("Repeat the password:", "something else")
    typed = [*prompts, prompts[0], ("Repeat the password:", PASSWORD)]
    code, output = terminal("create", "katherine", typed=typed)
    assert (code, "do not match" in output, PASSWORD in output) == (0, True, False), output
    assert enters(client, "katherine")


@pytest.mark.parametrize("command", ["create", "set-password"])
def test_without_terminal_password_stdin_is_named(users, user, command):
    name = user.username if command == "set-password" else "mary-jackson"
    code, output = users(command, name, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert (code, output.splitlines()[-1]) == (
        2,
        "Error: Cannot ask for a password: standard input is not a terminal. Use --password-stdin.",
    )
    assert user.get(ME).status_code == 200


ENCODED = {
    "UTF-8": PASSWORD.encode(),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + PASSWORD.encode(),
    "UTF-16, little-endian": b"\xff\xfe" + f"{PASSWORD}\r\nanother line\n".encode("utf-16-le"),
    "UTF-16, big-endian": b"\xfe\xff" + f"{PASSWORD}\nanother line\n".encode("utf-16-be"),
    "UTF-8 with a mark and CRLF": b"\xef\xbb\xbf" + f"{PASSWORD}\r\nanother line\r\n".encode(),
}


@pytest.mark.parametrize("data", ENCODED.values(), ids=ENCODED)
@pytest.mark.parametrize("command", ["create", "set-password"])
def test_password_from_stdin_has_no_byte_order_mark(users, user, client, command, data):
    name = user.username if command == "set-password" else "mark-of-order"
    if command == "set-password":
        users("set-password", name, "--password-stdin", stdin="another horse altogether\n")
        assert not enters(client, name)
    code, output = users(command, name, "--password-stdin", stdin=data)
    assert code == 0, output
    assert enters(client, name)
    users("delete", "mark-of-order", "--yes")


@pytest.mark.parametrize(
    "data", [PASSWORD.encode("utf-16-le"), b"\xff\xfeanalytical engine", b"analytical engine \xe9"]
)
def test_password_in_another_encoding_is_refused(users, user, client, data):
    says = (1, "Error: Standard input is neither UTF-8 nor UTF-16 text.\n")
    assert users("set-password", user.username, "--password-stdin", stdin=data) == says
    assert enters(client, user.username)


def test_taken_username_is_reported_before_the_password_prompt(users, user, terminal):
    says = f"Error: The username {user.username} is taken."
    assert users("create", user.username) == (1, f"{says}\n")
    code, output = terminal("create", user.username.upper(), typed=[])
    assert (code, output.strip()) == (1, says)


def test_unknown_role_is_reported_before_the_password_prompt(users):
    code, output = users("create", "mary-jackson", "--role", "owner")
    assert (code, "'owner' is not one of 'viewer', 'editor', 'admin'" in output) == (2, True), output


def test_without_terminal_delete_names_the_option_that_confirms(users, user):
    code, output = users("delete", user.username, stdin="y\n")
    assert (code, output.splitlines()[-1]) == (
        2,
        "Error: Cannot ask for confirmation: standard input is not a terminal. Use --yes.",
    )
    assert user.get(ME).status_code == 200


def test_user_is_deleted_after_confirmation(users, terminal, user, client):
    prompt = f"Delete {user.username} and all its data permanently? [y/N]:"
    code, _ = terminal("delete", user.username, typed=[(prompt, "n")])
    assert code == 1
    assert user.get(ME).status_code == 200
    code, output = users("delete", user.username, "--yes")
    assert (code, output) == (0, f"Deleted {user.username} and all its data.\n")
    assert not enters(client, user.username)
    assert user.get(ME).json["code"] == "token_revoked"


@pytest.mark.parametrize(
    "words",
    [
        ["grant", "admin"], ["revoke", "viewer"], ["deactivate"], ["activate"], ["sign-out"],
        ["set-password", "--password-stdin"], ["delete", "--yes"],
    ],
)  # fmt: skip
def test_each_command_prints_the_user_as_json_on_request(users, user, words):
    command, *rest = words
    code, output = users(command, user.username, *rest, "--json", stdin="another horse altogether\n")
    assert code == 0
    account = json.loads(output)
    assert account["username"] == user.username
    assert account.keys() == {"id", "username", "name", "email", "timezone", "roles", "active", "created_at"}


@pytest.mark.parametrize("words", [["grant", "admin"], ["deactivate"], ["sign-out"], ["set-password"], ["delete"]])
def test_unknown_username_is_a_one_line_error(users, words):
    command, *rest = words
    assert users(command, "nobody-at-all", *rest) == (1, "Error: The account nobody-at-all does not exist.\n")


def test_audit_entry_of_a_command_has_no_actor(users, signed_in, user):
    users("revoke", user.username, "viewer")
    users("grant", user.username, "viewer")
    admin = signed_in("admin")
    subject = shown(users, user.username)["id"]
    items = admin.get("/api/v1/admin/audit", query_string={"subject": subject, "event": "roles_changed"}).json["items"]
    assert [(item["actor_id"], item["ip"], item["details"]) for item in items] == [
        (None, None, {"before": ["editor"], "after": ["viewer", "editor"]})
    ]
