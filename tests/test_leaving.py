"""Deleting an account while its requests run: each is served completely or gets 401."""

from concurrent.futures import ThreadPoolExecutor

import pytest

ME = "/api/v1/me"
REQUESTS = [
    ("POST", "/api/v1/tasks", {"title": "Mine", "labels": ["green"]}),
    ("POST", "/api/v1/projects", {"name": "Garden"}),
    ("PATCH", ME, {"name": "Ada"}),
    ("GET", f"{ME}/export", None),
]


@pytest.mark.parametrize("place", [0, 7, 14])
def test_request_of_an_account_deleted_meanwhile_is_401(app, signed_in, place):
    token = signed_in().token
    requests = REQUESTS * 5
    requests.insert(place, ("DELETE", ME, None))

    def send(request):
        method, path, body = request
        bearer = {"Authorization": f"Bearer {token}"}
        response = app.test_client().open(path, method=method, json=body, headers=bearer)
        return response.status_code, response.text

    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(send, requests))
    assert responses[place] == (204, "")
    assert {status for status, _ in responses} <= {200, 201, 204, 401, 404, 409, 429}  # 429: one export at a time
