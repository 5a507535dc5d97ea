"""No request of one user is so expensive that others wait: limits on time, rows and size."""

import pytest

TASKS = "/api/v1/tasks"


@pytest.fixture(scope="module")
def app(make_app):
    """An application with low limits."""
    return make_app(MAX_EXPORT_BYTES=2000)


@pytest.mark.parametrize("path", [f"{TASKS}/export.json", f"{TASKS}/export.csv", f"{TASKS}/export.ics"])
def test_export_has_a_largest_size(owner, path):
    assert owner.get(path).status_code == 200
    owner.post(TASKS, json={"title": "Long", "description": "x" * 2000})
    refused = owner.get(path)
    assert (refused.status_code, refused.json["code"]) == (409, "quota_exceeded")
    refused = owner.get("/api/v1/me/export")
    assert (refused.status_code, refused.json["code"]) == (409, "quota_exceeded")
