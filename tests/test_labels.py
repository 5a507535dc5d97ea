"""/labels: labels of tasks, which are created when a task names them."""

import pytest
from surface import needs


@pytest.fixture
def label(owner):
    return owner.post("/api/v1/labels", json={"name": "Home"}).json


@pytest.fixture
def add(owner):
    """Add a task of the owner; returns it."""
    return lambda **values: owner.post("/api/v1/tasks", json={"title": "Task", **values}).json


def names(owner):
    return [item["name"] for item in owner.get("/api/v1/labels").json["items"]]


def test_task_creates_labels_that_do_not_exist(owner, add):
    task = add(labels=["urgent", "Home", "HOME"])
    assert task["labels"] == ["Home", "urgent"] or task["labels"] == ["HOME", "urgent"]
    assert owner.get(f"/api/v1/tasks/{task['id']}").json == task
    assert len(names(owner)) == 2


def test_label_name_ignores_case_and_keeps_its_first_form(owner, label, add):
    assert add(labels=["hOmE"])["labels"] == ["Home"]
    assert names(owner) == ["Home"]


def test_patch_replaces_labels_and_null_clears_them(owner, add):
    task = add(labels=["a", "b"])
    url = f"/api/v1/tasks/{task['id']}"
    changed = owner.patch(url, json={"labels": ["c", "b"]}).json
    assert changed["labels"] == ["b", "c"]
    assert changed["version"] > task["version"]
    assert owner.get(url).json == changed
    assert owner.patch(url, json={"title": "Other"}).json["labels"] == ["b", "c"]
    assert owner.patch(url, json={"labels": None}).json["labels"] == []
    assert owner.get(url).json["labels"] == []


@pytest.mark.parametrize("labels", [["x"] * 21, ["x" * 51], [""], [None], "home", {"home": True}])
def test_too_many_too_long_or_empty_labels_are_422(owner, labels):
    assert owner.post("/api/v1/tasks", json={"title": "Task", "labels": labels}).status_code == 422


def test_repeated_label_filter_requires_all_labels(owner, add):
    both, one = add(labels=["a", "b"]), add(labels=["a"])
    find = lambda query: {item["id"] for item in owner.get(f"/api/v1/tasks?{query}").json["items"]}  # noqa: E731
    assert find("label=A") == {both["id"], one["id"]}
    assert find("label=a&label=b") == {both["id"]}
    assert find("label=a&label=unknown") == set()


def test_renamed_label_and_its_tasks_get_new_versions(owner, add):
    task, other = add(labels=["home"]), add()
    (label,) = owner.get("/api/v1/labels").json["items"]
    renamed = owner.patch(f"/api/v1/labels/{label['id']}", json={"name": "House"}).json
    after = owner.get(f"/api/v1/tasks/{task['id']}").json
    assert (renamed["name"], renamed["task_count"], after["labels"]) == ("House", 1, ["House"])
    assert after["version"] > renamed["version"] > max(label["version"], task["version"], other["version"])
    assert owner.get(f"/api/v1/tasks/{other['id']}").json == other
    assert owner.get(f"/api/v1/labels/{label['id']}").json == renamed


def test_deleted_label_leaves_its_tasks_until_restored(owner, add):
    task = add(labels=["home", "garden"])
    label = next(item for item in owner.get("/api/v1/labels").json["items"] if item["name"] == "home")
    assert owner.delete(f"/api/v1/labels/{label['id']}").status_code == 204
    without = owner.get(f"/api/v1/tasks/{task['id']}").json
    assert (without["labels"], without["version"] > task["version"]) == (["garden"], True)
    assert owner.get("/api/v1/tasks?label=home").json["items"] == []
    restored = owner.post(f"/api/v1/labels/{label['id']}/restore").json
    again = owner.get(f"/api/v1/tasks/{task['id']}").json
    assert (restored["task_count"], again["labels"]) == (1, ["garden", "home"])
    assert again["version"] > without["version"]


def test_label_name_is_unique_ignoring_case(owner, label):
    other = owner.post("/api/v1/labels", json={"name": "Work"}).json
    for response in (
        owner.post("/api/v1/labels", json={"name": "HOME"}),
        owner.patch(f"/api/v1/labels/{other['id']}", json={"name": "home"}),
    ):
        assert (response.status_code, response.json["code"]) == (409, "name_taken")


def test_task_count_excludes_the_trash(owner, add):
    task = add(labels=["home"])
    owner.delete(f"/api/v1/tasks/{task['id']}")
    assert owner.get("/api/v1/labels").json["items"][0]["task_count"] == 0


def test_users_have_separate_labels(signed_in, add):
    add(labels=["home"])
    assert signed_in().get("/api/v1/labels").json["items"] == []


def test_restore_label_accepts_a_new_name_when_taken(owner):
    task = owner.post("/api/v1/tasks", json={"title": "Task", "labels": ["home"]}).json
    label = owner.get("/api/v1/labels").json["items"][0]
    url = f"/api/v1/labels/{label['id']}"
    owner.delete(url)
    owner.post("/api/v1/labels", json={"name": "Home"})
    assert owner.post(f"{url}/restore").json["code"] == "name_taken"
    assert owner.post(f"{url}/restore", json={"name": "x" * 51}).status_code == 422
    assert owner.post(f"{url}/restore", json={"name": "old home"}).json["name"] == "old home"
    assert owner.get(f"/api/v1/tasks/{task['id']}").json["labels"] == ["old home"]


def ids(owner):
    return {item["name"]: item["id"] for item in owner.get("/api/v1/labels").json["items"]}


@pytest.mark.parametrize("batch", [False, pytest.param(True, marks=needs("batch"))], ids=["patch", "batch"])
def test_label_in_the_trash_stays_on_a_task_whose_labels_change(owner, add, batch):
    task = add(labels=["keep", "gone"])
    url = f"/api/v1/tasks/{task['id']}"
    gone = ids(owner)["gone"]
    owner.delete(f"/api/v1/labels/{gone}")
    for labels in (["keep", "extra"], [], ["keep", "extra"]):
        operation = {"op": "update", "id": task["id"], "data": {"labels": labels}}
        if batch:
            owner.post("/api/v1/tasks/batch", json={"operations": [operation]})
        else:
            owner.patch(url, json=operation["data"])
        assert owner.get(url).json["labels"] == sorted(labels)
    owner.post(f"/api/v1/labels/{gone}/restore")
    assert owner.get(url).json["labels"] == ["extra", "gone", "keep"]


def test_restored_labels_never_exceed_the_labels_a_task_may_have(owner, add):
    task = add(labels=["first", "second", "third"])
    url = f"/api/v1/tasks/{task['id']}"
    deleted = [ids(owner)[name] for name in ("first", "second", "third")]
    for label in deleted:
        owner.delete(f"/api/v1/labels/{label}")
    owner.patch(url, json={"labels": [f"label {i:02}" for i in range(18)]})
    for label in deleted:
        owner.post(f"/api/v1/labels/{label}/restore")
    shown = owner.get(url).json
    assert (len(shown["labels"]), shown["labels"][18:]) == (20, ["second", "third"])
    assert owner.patch(url, json=shown).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda owner, label, _: owner.patch(label, json={"name": "House"}),
        lambda owner, label, _: owner.delete(label),
        lambda owner, label, _: owner.delete(f"{label}?permanent=true"),
        lambda owner, label, _: (owner.delete(label), owner.post(f"{label}/restore")),
        lambda owner, label, _: (owner.delete(label), owner.post(f"{label}/restore", json={"name": "House"})),
        lambda owner, label, task: (owner.delete(label), owner.patch(task, json={"labels": ["new"]})),
        lambda owner, label, task: (owner.delete(task), owner.patch(label, json={"name": "House"}),
                                    owner.post(f"{task}/restore")),
    ],
    ids=["rename", "trash", "delete", "restore", "restore renamed", "replace in the trash", "rename in the trash"],
)  # fmt: skip
def test_tasks_show_the_labels_that_find_them(owner, add, change):
    task = add(labels=["Zoo", "home"])
    add(labels=["home"])
    (label,) = (item for item in owner.get("/api/v1/labels").json["items"] if item["name"] == "home")
    change(owner, f"/api/v1/labels/{label['id']}", f"/api/v1/tasks/{task['id']}")
    tasks = owner.get("/api/v1/tasks").json["items"]
    assert [sorted(item["labels"], key=str.casefold) for item in tasks] == [item["labels"] for item in tasks]
    for name in ("home", "House", "Zoo", "new"):
        found = owner.get(f"/api/v1/tasks?label={name}").json["items"]
        assert [item["id"] for item in found] == [item["id"] for item in tasks if name in item["labels"]]
    unlabelled = owner.get("/api/v1/tasks?without=labels").json["items"]
    assert [item["id"] for item in unlabelled] == [item["id"] for item in tasks if not item["labels"]]
