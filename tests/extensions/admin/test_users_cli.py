"""flask users: what an administrator does at a terminal, in the words of the command line and in JSON."""

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
    """Run `flask users …` at a terminal; `typed` has each prompt and the line that is typed there."""

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
def person(signed_in):
    """Somebody who is signed in while things are done to their account."""
    return signed_in()


def shown(users, username):
    return next(row for row in json.loads(users("list", "--q", username, "--json")[1]) if row["username"] == username)


def enters(client, username, password=PASSWORD):
    return client.post(LOGIN, json={"username": username, "password": password}).status_code == 200


def test_accounts_are_listed_with_roles_and_state(users, new_person):
    editor, viewer = new_person(name="Listed one"), new_person("viewer", name="Listed one", active=False)
    rows = {f"{editor}  editor", f"{viewer}  viewer  inactive"}
    assert set(users("list", "--q", "listed")[1].splitlines()) == rows
    assert users("list", "--q", "listed", "--inactive") == (0, f"{viewer}  viewer  inactive\n")
    assert users("list", "--q", "listed", "--active", "--role", "editor") == (0, f"{editor}  editor\n")


def test_a_list_in_json_has_what_administrators_see_by_http(users, signed_in, person):
    by_http = signed_in("admin").get("/api/v1/admin/users", query_string={"q": person.username}).json["items"]
    assert json.loads(users("list", "--q", person.username, "--json")[1]) == by_http


def test_an_account_is_created(users, client):
    code, output = users("create", "hedy", "--role", "viewer", "--password-stdin", "--json", stdin=PASSWORD)
    assert (code, json.loads(output)["roles"]) == (0, ["viewer"])
    assert enters(client, "hedy")


def test_a_role_is_granted_and_revoked_and_counts_at_once(users, person):
    name = person.username
    assert users("grant", name, "admin") == (0, f"The roles of {name}: editor, admin.\n")
    assert person.get(ME).json["code"] == "token_revoked"
    assert users("grant", name, "admin") == (0, f"The roles of {name}: editor, admin.\n")
    assert users("revoke", name.upper(), "editor") == (0, f"The roles of {name}: admin.\n")
    assert shown(users, name)["roles"] == ["admin"]


def test_the_last_role_is_not_revoked(users, person):
    assert users("revoke", person.username, "editor") == (1, "Error: roles: Must have at least one.\n")
    assert person.get(ME).json["roles"] == ["editor"]


def test_a_person_is_shut_out_and_let_in_again(users, person, client):
    name = person.username
    assert users("deactivate", name) == (0, f"{name} is deactivated. All its sessions have ended.\n")
    assert person.get(ME).json["code"] == "token_revoked"
    assert not enters(client, name)
    assert users("activate", name) == (0, f"{name} can sign in.\n")
    assert enters(client, name)


def test_a_password_is_set_and_all_sessions_end(users, person, client):
    other = "another horse altogether"
    code, output = users("set-password", person.username, "--password-stdin", stdin=f"{other}\n")
    assert (code, output) == (0, f"{person.username} has a new password. All its sessions have ended.\n")
    assert person.get(ME).json["code"] == "token_revoked"
    assert not enters(client, person.username)
    assert enters(client, person.username, other)


def test_a_password_set_for_somebody_has_the_rules_of_the_api(users, person, client):
    code, output = users("set-password", person.username, "--password-stdin", stdin="password1234")
    assert (code, output.startswith("Error: password: Is too easily guessed.")) == (1, True)
    assert person.get(ME).status_code == 200
    assert enters(client, person.username)


def test_a_person_is_signed_out(users, person, client):
    assert users("sign-out", person.username) == (0, f"All sessions of {person.username} have ended.\n")
    assert person.get(ME).json["code"] == "token_revoked"
    assert enters(client, person.username)


def test_password_is_asked_for_twice_and_not_shown(terminal, client):
    prompts = ("Password:", PASSWORD), ("Repeat the password:", "something else")
    typed = [*prompts, prompts[0], ("Repeat the password:", PASSWORD)]
    code, output = terminal("create", "katherine", typed=typed)
    assert (code, "do not match" in output, PASSWORD in output) == (0, True, False), output
    assert enters(client, "katherine")


@pytest.mark.parametrize("command", ["create", "set-password"])
def test_without_terminal_password_stdin_is_named(users, person, command):
    name = person.username if command == "set-password" else "mary-jackson"
    code, output = users(command, name, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert (code, output.splitlines()[-1]) == (
        2,
        "Error: Cannot ask for a password: standard input is not a terminal. Use --password-stdin.",
    )
    assert person.get(ME).status_code == 200


ENCODED = {
    "UTF-8": PASSWORD.encode(),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + PASSWORD.encode(),
    "UTF-16, little-endian": b"\xff\xfe" + f"{PASSWORD}\r\nanother line\n".encode("utf-16-le"),
    "UTF-16, big-endian": b"\xfe\xff" + f"{PASSWORD}\nanother line\n".encode("utf-16-be"),
    "UTF-8 with a mark and CRLF": b"\xef\xbb\xbf" + f"{PASSWORD}\r\nanother line\r\n".encode(),
}


@pytest.mark.parametrize("data", ENCODED.values(), ids=ENCODED)
@pytest.mark.parametrize("command", ["create", "set-password"])
def test_password_from_stdin_has_no_byte_order_mark(users, person, client, command, data):
    name = person.username if command == "set-password" else "mark-of-order"
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
def test_password_in_another_encoding_is_refused(users, person, client, data):
    says = (1, "Error: Standard input is neither UTF-8 nor UTF-16 text.\n")
    assert users("set-password", person.username, "--password-stdin", stdin=data) == says
    assert enters(client, person.username)


def test_taken_name_is_told_before_a_password_is_asked_for(users, person, terminal):
    says = f"Error: The username {person.username} is taken."
    assert users("create", person.username) == (1, f"{says}\n")
    code, output = terminal("create", person.username.upper(), typed=[])
    assert (code, output.strip()) == (1, says)


def test_unknown_role_is_told_before_a_password_is_asked_for(users):
    code, output = users("create", "mary-jackson", "--role", "owner")
    assert (code, "'owner' is not one of 'viewer', 'editor', 'admin'" in output) == (2, True), output


def test_without_terminal_delete_names_the_option_that_confirms(users, person):
    code, output = users("delete", person.username, stdin="y\n")
    assert (code, output.splitlines()[-1]) == (
        2,
        "Error: Cannot ask for confirmation: standard input is not a terminal. Use --yes.",
    )
    assert person.get(ME).status_code == 200


def test_a_person_is_deleted_when_that_is_confirmed(users, terminal, person, client):
    prompt = f"Delete {person.username} and all its data permanently? [y/N]:"
    code, _ = terminal("delete", person.username, typed=[(prompt, "n")])
    assert code == 1
    assert person.get(ME).status_code == 200
    code, output = users("delete", person.username, "--yes")
    assert (code, output) == (0, f"Deleted {person.username} and all its data.\n")
    assert not enters(client, person.username)
    assert person.get(ME).json["code"] == "token_revoked"


@pytest.mark.parametrize(
    "words",
    [
        ["grant", "admin"], ["revoke", "viewer"], ["deactivate"], ["activate"], ["sign-out"],
        ["set-password", "--password-stdin"], ["delete", "--yes"],
    ],
)  # fmt: skip
def test_each_command_shows_the_account_in_json_if_so_asked(users, person, words):
    command, *rest = words
    code, output = users(command, person.username, *rest, "--json", stdin="another horse altogether\n")
    assert code == 0
    account = json.loads(output)
    assert account["username"] == person.username
    assert account.keys() == {"id", "username", "name", "email", "timezone", "roles", "active", "created_at"}


@pytest.mark.parametrize("words", [["grant", "admin"], ["deactivate"], ["sign-out"], ["set-password"], ["delete"]])
def test_nobody_by_that_name_is_said_in_a_line(users, words):
    command, *rest = words
    assert users(command, "nobody-at-all", *rest) == (1, "Error: The account nobody-at-all does not exist.\n")


def test_what_is_done_at_a_terminal_is_recorded_without_an_actor(users, signed_in, person):
    users("revoke", person.username, "viewer")
    users("grant", person.username, "viewer")
    admin = signed_in("admin")
    subject = shown(users, person.username)["id"]
    items = admin.get("/api/v1/admin/audit", query_string={"subject": subject, "event": "roles_changed"}).json["items"]
    assert [(item["actor_id"], item["ip"], item["details"]) for item in items] == [
        (None, None, {"before": ["editor"], "after": ["viewer", "editor"]})
    ]
