"""The quota of tasks."""

TASKS = "/api/v1/tasks"


def test_deleted_task_does_not_count_for_the_quota(make_app, new_user):
    """A task that was deleted makes room for another one."""
    client = make_app(MAX_TASKS=1).test_client()
    credentials = {"username": new_user(), "password": "correct horse battery staple"}
    token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    first = client.post(TASKS, json={"title": "First"})
    assert client.post(TASKS, json={"title": "Second"}).json["code"] == "quota_exceeded"
    assert client.delete(first.headers["Location"]).status_code == 204
    assert client.post(TASKS, json={"title": "Second"}).status_code == 201
