"""/tasks: create, read, list, change, trash, restore."""

import pytest


def test_a_task_is_created_with_defaults(owner):
    answer = owner.post("/api/v1/tasks", json={"title": "  Milk  "})
    assert answer.status_code == 201
    body = answer.json
    assert (body["title"], body["status"], body["priority"], body["description"]) == (
        "Milk",
        "todo",
        "none",
        "",
    )
    assert answer.headers["Location"] == f"/api/v1/tasks/{body['id']}"
    assert answer.headers["ETag"] == f'"{body["version"]}"'


@pytest.mark.parametrize(("method", "body"), [("get", None), ("patch", {"title": "Mine"}), ("delete", None)])
def test_another_persons_task_does_not_exist(signed_in, task, method, body):
    answer = getattr(signed_in(), method)(f"/api/v1/tasks/{task['id']}", json=body)
    assert answer.status_code == 404


def test_a_patch_changes_only_what_it_names(owner, task):
    before = owner.patch(
        f"/api/v1/tasks/{task['id']}", json={"description": "twice a week", "due_date": "2030-01-31"}
    ).json
    after = owner.patch(f"/api/v1/tasks/{task['id']}", json={"priority": "high"}).json
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"priority", "version", "updated_at"}


def test_a_page_goes_on_where_the_last_one_ended(owner):
    made = [owner.post("/api/v1/tasks", json={"title": f"Task {i}"}).json["id"] for i in range(7)]
    seen, url = [], "/api/v1/tasks?limit=3"
    while url:
        answer = owner.get(url)
        seen += [item["id"] for item in answer.json["items"]]
        link = answer.headers.get("Link")
        url = link.split(">")[0].lstrip("<") if link else None
    assert seen == made[::-1]


def test_words_are_found_in_any_case_and_without_accents(owner):
    owner.post("/api/v1/tasks", json={"title": "Crème brûlée", "description": "100% sugar"})
    owner.post("/api/v1/tasks", json={"title": "Bread"})
    for query in ("CREME", "brule", "100%", "sugar creme"):
        assert [item["title"] for item in owner.get("/api/v1/tasks", query_string={"q": query}).json["items"]] == [
            "Crème brûlée"
        ]
    assert owner.get("/api/v1/tasks", query_string={"q": "%"}).json["items"][0]["title"] == "Crème brûlée"
    assert owner.get("/api/v1/tasks", query_string={"q": "_"}).json["items"] == []
