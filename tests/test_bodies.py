"""Bodies of POST and PATCH: a resource that was read can be sent back, and no schema has a default."""

import json
import secrets

import pytest
from conftest import PASSWORD
from surface import needs

# How to make a resource for each PATCH of the document: its collection and the body that creates it
COLLECTIONS = {
    "/api/v1/tasks/{task_id}": {
        "title": "Water the plants",
        "description": "All",
        "status": "done",
        "priority": "high",
    },
    "/api/v1/projects/{project_id}": {"name": "Garden", "description": "Ferns", "color": "#3366ff", "archived": True},
    "/api/v1/labels/{label_id}": {"name": "home", "color": "#3366ff"},
}
ACCOUNTS = {"/api/v1/me", "/api/v1/admin/users/{user_id}"}


@pytest.fixture(scope="module")
def document(app):
    """The OpenAPI document."""
    return app.test_client().get("/openapi.json").json


def patches(document):
    """Return the paths with a PATCH operation."""
    return {path for path, item in document["paths"].items() if "patch" in item}


def expanded(document, node):
    """Return a part of the document as text, with every component that it refers to."""
    text, pending, seen = "", [node], set()
    while pending:
        found = json.dumps(pending.pop())
        text += found
        for piece in found.split('"$ref": "#/components/schemas/')[1:]:
            name = piece.partition('"')[0]
            if name not in seen:
                seen.add(name)
                pending.append(document["components"]["schemas"][name])
    return text


def test_no_patch_schema_has_a_default(document, subtests):
    for path in patches(document):
        with subtests.test(path=path):
            body = expanded(document, document["paths"][path]["patch"]["requestBody"]["content"])
            assert '"properties"' in body
            assert '"default"' not in body
            assert '"required"' not in body


def test_create_patch_and_response_have_separate_schemas(document):
    schemas = document["components"]["schemas"]
    for name in ("Task", "Project", "Label"):
        assert {name, f"{name}Create", f"{name}Patch"} <= schemas.keys()
        shown, created, changed = (schemas[f"{name}{kind}"]["properties"].keys() for kind in ("", "Create", "Patch"))
        assert created == changed < shown
        assert {"id", "version", "created_at"} <= shown - created


@pytest.fixture
def made(signed_in):
    """Create a resource for each PATCH of the document; return its client and URL."""
    admin = signed_in("admin", name="Ada", email="ada@example.org", timezone="Europe/Berlin")

    def make(path):
        if path == "/api/v1/me":
            return admin, path
        if path in ACCOUNTS:
            body = {"username": f"user-{secrets.token_hex(4)}", "password": PASSWORD, "name": "Charles"}
            return admin, admin.post("/api/v1/admin/users", json=body).headers["Location"]
        return admin, admin.post(path.rpartition("/")[0], json=COLLECTIONS[path]).headers["Location"]

    return make


@needs("admin")
def test_every_patch_accepts_the_response_of_get(document, made, subtests):
    assert patches(document) == COLLECTIONS.keys() | ACCOUNTS
    for path in patches(document):
        with subtests.test(path=path):
            client, url = made(path)
            shown = client.get(url).json
            response = client.patch(url, json=shown)
            assert (response.status_code, response.json) == (200, shown)
            assert client.get(url).json == shown


def test_read_only_fields_are_ignored_by_every_patch(document, made, subtests):
    for path in patches(document):
        with subtests.test(path=path):
            client, url = made(path)
            shown = client.get(url).json
            writable = expanded(document, document["paths"][path]["patch"]["requestBody"]["content"])
            read_only = [name for name in shown if f'"{name}": {{' not in writable]
            assert read_only
            response = client.patch(url, json={name: ["anything", {"at": "all"}] for name in read_only})
            assert (response.status_code, response.json) == (200, shown)


@pytest.mark.parametrize("path", COLLECTIONS)
def test_resource_that_was_read_can_be_created_again(made, path):
    client, url = made(path)
    shown = client.get(url).json
    again = client.post(path.rpartition("/")[0], json=shown | {"name": "Other"} if "name" in shown else shown)
    assert again.status_code == 201
    fresh = {"id", "position", "created_at", "updated_at", "completed_at", "version", "name"}
    assert {name: again.json[name] for name in shown.keys() - fresh} == {
        name: shown[name] for name in shown.keys() - fresh
    }
    assert again.json["id"] != shown["id"]


@pytest.mark.parametrize("kind", ["projects", "labels"])
def test_resource_that_was_read_can_be_restored(owner, kind):
    created = owner.post(f"/api/v1/{kind}", json={"name": "Garden", "color": "#112233"})
    url = created.headers["Location"]
    assert owner.post(f"{url}/restore", json={"name": "Other"}).json == created.json
    owner.delete(url)
    for body in (created.json, owner.get(url).json, created.json | {"name": "Yard", "color": "#ffffff"}):
        owner.delete(url)
        response = owner.post(f"{url}/restore", json=body)
        assert (response.status_code, response.json["deleted_at"]) == (200, None), response.text
        assert (response.json["name"], response.json["color"]) == (body["name"], "#112233")
    assert owner.post(f"{url}/restore", json=created.json | {"nonsense": 1}).status_code == 422


def shown_again(client, path, shown):
    """Send an account that was read to `path`; return the new account without its new values."""
    body = shown | {"username": f"user-{secrets.token_hex(4)}", "password": PASSWORD}
    again = client.post(path, json=body)
    assert again.status_code == 201, again.text
    assert (again.json["username"], again.json["id"] == shown["id"]) == (body["username"], False)
    return again.json | {name: shown[name] for name in ("id", "username", "created_at")}


@needs("admin")
@pytest.mark.parametrize("active", [True, False])
def test_account_that_an_administrator_read_can_be_created_again(made, active):
    client, url = made("/api/v1/admin/users/{user_id}")
    client.patch(url, json={"active": active, "roles": ["viewer"]})
    shown = client.get(url).json | {"timezone": "Europe/Berlin"}
    assert shown_again(client, "/api/v1/admin/users", shown) == shown


def test_account_that_its_owner_read_can_be_registered_again(made):
    client, url = made("/api/v1/me")
    shown = client.get(url).json
    assert shown_again(client, "/api/v1/auth/register", shown) == shown | {"roles": ["editor"]}


@needs("admin")
def test_account_created_inactive_cannot_sign_in_and_the_log_says_so(made):
    client, _ = made("/api/v1/me")
    body = {"username": f"user-{secrets.token_hex(4)}", "password": PASSWORD, "active": False}
    created = client.post("/api/v1/admin/users", json=body).json
    assert created["active"] is False
    credentials = {"username": body["username"], "password": PASSWORD}
    assert client.post("/api/v1/auth/login", json=credentials).status_code == 401
    log = client.get("/api/v1/admin/audit", query_string={"subject": created["id"]}).json["items"]
    assert {"created", "deactivated"} <= {entry["event"] for entry in log}


def test_unknown_field_beside_read_only_ones_is_422(document, made, subtests):
    for path in patches(document):
        with subtests.test(path=path):
            client, url = made(path)
            response = client.patch(url, json={"id": "x", "created_at": 1, "owner_id": "x", "nonsense": 1})
            assert response.status_code == 422
            assert response.json["errors"]["json"].keys() == {"owner_id", "nonsense"}
            assert response.json["detail"] == "The request has invalid values: nonsense, owner_id."
