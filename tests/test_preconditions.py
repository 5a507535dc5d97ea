"""If-Match and If-None-Match: strong and weak comparison of entity tags (RFC 9110), on every owned resource."""

import re
import time

import pytest

KINDS = {"tasks": "title", "projects": "name", "labels": "name"}


@pytest.fixture(params=KINDS)
def row(request, owner):
    """The address of a row of each kind, and its entity tag without quotes."""
    response = owner.post(f"/api/v1/{request.param}", json={KINDS[request.param]: "Garden"})
    return response.headers["Location"], response.headers["ETag"].strip('"')


def patch(client, url, if_match, **fields):
    return client.patch(url, json=fields, headers={"If-Match": if_match})


@pytest.mark.parametrize(
    "form", ['"{tag}"', ' "{tag}" ', '"0","{tag}"', '"0", , "{tag}",', '"a,b", "{tag}"', "*", 'W/"0", "{tag}"']
)
def test_if_match_with_the_current_tag_allows_the_change(owner, row, form):
    url, tag = row
    assert patch(owner, url, form.format(tag=tag)).status_code == 200


@pytest.mark.parametrize("suffix", ["-gzip", "-br", "-zstd"])
def test_suffix_of_a_compressing_proxy_is_ignored(owner, row, suffix):
    url, tag = row
    assert patch(owner, url, f'"{tag}{suffix}"').status_code == 200
    assert owner.get(url, headers={"If-None-Match": f'"{tag}{suffix}"'}).status_code == 304


@pytest.mark.parametrize("form", [
    'W/"{tag}"', '"{tag}-junk"', '"{tag}-"', '"{tag}-gzip-gzip"', '"{tag}gzip"', '"{tag}-GZIP"', '"0{tag}"',
    '"0"', '""', '"-gzip"', '"W/{tag}"', '"*"',
])  # fmt: skip
def test_if_match_with_another_tag_is_412_with_the_tag_of_get(owner, row, form):
    url, tag = row
    response = patch(owner, url, form.format(tag=tag))
    assert (response.status_code, response.json["code"]) == (412, "version_mismatch")
    shown = owner.get(url)
    assert response.headers["ETag"] == shown.headers["ETag"] == f'"{tag}"'
    assert response.json["current"] == shown.json
    deleted = owner.delete(url, headers={"If-Match": form.format(tag=tag)})
    assert (deleted.status_code, deleted.headers["ETag"]) == (412, f'"{tag}"')


def test_restore_with_another_tag_is_412_and_restores_nothing(owner, row):
    url, stale = row
    assert owner.delete(url).status_code == 204
    for _ in range(2):
        response = owner.post(f"{url}/restore", headers={"If-Match": f'"{stale}"'})
        shown = owner.get(url)
        assert (response.status_code, response.json["code"]) == (412, "version_mismatch")
        assert (response.json["current"], response.headers["ETag"]) == (shown.json, shown.headers["ETag"])
    assert shown.json["deleted_at"] is not None
    restored = owner.post(f"{url}/restore", headers={"If-Match": shown.headers["ETag"]})
    assert (restored.status_code, restored.json["deleted_at"]) == (200, None)
    again = owner.post(f"{url}/restore", headers={"If-Match": shown.headers["ETag"]})
    assert (again.status_code, again.json["current"]) == (412, owner.get(url).json)
    assert owner.post(f"{url}/restore", headers={"If-Match": "nonsense"}).status_code == 400


MALFORMED = [
    "{tag}", '"', '"{tag}', '{tag}"', "", " ", ",", '"{tag}" "0"', 'w/"{tag}"', "*, *", '"\x01"', '" {tag}"',
]  # fmt: skip


@pytest.mark.parametrize("form", MALFORMED)
def test_malformed_if_match_is_400(owner, row, form):
    url, tag = row
    for response in (
        patch(owner, url, form.format(tag=tag)),
        owner.delete(url, headers={"If-Match": form.format(tag=tag)}),
    ):
        assert (response.status_code, response.json["code"]) == (400, "malformed_request")
        assert "If-Match" in response.json["detail"]


@pytest.mark.parametrize("form", ['"{tag}"', 'W/"{tag}"', '"0", W/"{tag}"', "*"])
def test_if_none_match_compares_weakly(owner, row, form):
    url, tag = row
    response = owner.get(url, headers={"If-None-Match": form.format(tag=tag)})
    assert (response.status_code, response.headers["ETag"]) == (304, f'"{tag}"')


@pytest.mark.parametrize("form", ["{tag}", '"{tag}-junk"', '"0"', 'W/"0"', '"', ""])
def test_if_none_match_without_the_current_tag_is_200(owner, row, form):
    url, tag = row
    assert owner.get(url, headers={"If-None-Match": form.format(tag=tag)}).status_code == 200


def test_if_match_accepts_the_version_of_a_derived_resource(owner):
    project = owner.post("/api/v1/projects", json={"name": "Garden"})
    url, tag = project.headers["Location"], project.headers["ETag"]
    owner.post("/api/v1/tasks", json={"title": "Rake", "project_id": project.json["id"]})
    response = patch(owner, url, tag, name="Balcony")
    assert (response.status_code, response.headers["ETag"]) == (412, owner.get(url).headers["ETag"])
    assert patch(owner, url, f'"{project.json["version"]}"', name="Balcony").status_code == 200


@pytest.mark.parametrize("form", ['"7"', '"7-0a"', 'W/"7"', '"0", "7"', '"0" ,, W/"7" ,', ', "7"', '""', "*", " * "])
def test_documented_pattern_of_if_match_is_that_of_the_service(owner, row, form):
    parameters = owner.get("/openapi.json").json["paths"]["/api/v1/tasks/{task_id}"]["patch"]["parameters"]
    [pattern] = [each["schema"]["pattern"] for each in parameters if each["name"] == "If-Match"]
    assert re.search(pattern, form)
    assert patch(owner, row[0], form).status_code in {200, 412}
    assert [value for value in MALFORMED if re.search(pattern, value)] == []


def test_malformed_tags_are_parsed_in_linear_time(owner, row):
    url, _ = row
    started = time.perf_counter()
    for form in (f"{' ' * 50_000}x", f'"{"a" * 50_000}', f"{',' * 50_000}x", f"{', ' * 50_000}x"):
        assert patch(owner, url, form).status_code == 400
    assert time.perf_counter() - started < 5
