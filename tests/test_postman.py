"""The Postman collection: up to date, and all its tests pass against a server."""

import json
import subprocess
from urllib.request import urlopen

import pytest
from conftest import ROOT, flask_process, node_package

from docs import postman
from docs.postman_requests import VARIABLES

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

FOLDER = ROOT / "postman"
ADMIN = {"admin_username": "root", "admin_password": "analytical engine no 9"}


@pytest.fixture(scope="module")
def document(app):
    """The OpenAPI document."""
    return app.test_client().get("/openapi.json").json


def items(collection):
    """Return every request of a collection, by name."""
    return {item["name"]: item for folder in collection["item"] for item in folder["item"]}


def test_collection_is_up_to_date(document):
    for path, text in postman.documents(document).items():
        assert path.read_text(encoding="utf-8") == text, "run `make docs`, or `python -m docs.generate`"


def test_collection_has_every_operation_once_in_its_group(document):
    collection = postman.collection(document)
    assert [folder["name"] for folder in collection["item"]] == [tag["name"] for tag in document["tags"]] + ["leave"]
    operations = [item[m] for item in document["paths"].values() for m in item if m != "parameters"]
    assert items(collection).keys() == {operation["summary"].removesuffix(".") for operation in operations}


def test_every_request_checks_its_response_and_has_an_example(document):
    for item in items(postman.collection(document)).values():
        script = next(event for event in item["event"] if event["listen"] == "test")["script"]["exec"]
        assert "pm.test(" in script[0]
        assert item["response"]
        assert ("body" in item["request"]) == ("body" in item["response"][0]["originalRequest"])


def test_no_id_of_an_example_is_left_in_a_request(document):
    requests = json.dumps([item["request"] for item in items(postman.collection(document)).values()])
    assert [example for example in VARIABLES if example in requests] == []


@pytest.fixture
def run(start_server, tmp_path):
    """Run the collection against a new server; returns the URL of the server and the report of newman."""
    newman = node_package("newman") / "bin" / "newman.js"

    def run(variables, **settings):
        settings |= {"TASKAPI_INSTANCE_PATH": str(tmp_path), "TASKAPI_BCRYPT_ROUNDS": "4"}
        address = start_server(**settings)
        if variables:
            make_admin(settings)
        command = ["node", str(newman), "run", str(FOLDER / "taskapi.postman_collection.json")]
        command += ["--environment", str(FOLDER / "local.postman_environment.json"), "--reporters", "json"]
        command += ["--reporter-json-export", str(tmp_path / "told.json")]
        for name, value in {"base_url": address, **variables}.items():
            command += ["--env-var", f"{name}={value}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return address, json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))["run"]

    return run


def make_admin(settings):
    words = ["users", "create", ADMIN["admin_username"], "--role", "admin", "--password-stdin"]
    process = flask_process(*words, stdin=subprocess.PIPE, **settings)
    process.communicate(ADMIN["admin_password"])
    assert process.returncode == 0


def refreshes(address):
    """Return the number of successful refreshes of a server."""
    with urlopen(f"{address}/metrics") as response:
        text = response.read().decode()
    return float(text.split('taskapi_refreshes_total{result="ok"} ', 1)[1].split("\n", 1)[0])


def test_collection_passes_and_refreshes_expired_tokens(run, document):
    address, told = run(ADMIN, TASKAPI_ACCESS_TOKEN_SECONDS="1", TASKAPI_RATELIMIT_ENABLED="false")
    assert told["failures"] == []
    assert {each["item"]["name"] for each in told["executions"]} == items(postman.collection(document)).keys()
    assert all(each["assertions"] for each in told["executions"])
    assert refreshes(address) > 30


def test_collection_passes_within_limits_and_without_an_admin(run, document):
    address, told = run({})
    assert told["failures"] == []
    assert refreshes(address) == 1, "the one that is in the collection"
    run_names = {each["item"]["name"] for each in told["executions"]}
    collection = postman.collection(document)
    (admin,) = (folder["item"] for folder in collection["item"] if folder["name"] == "admin")
    assert run_names == items(collection).keys() - {item["name"] for item in admin}
