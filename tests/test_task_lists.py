"""Lists of tasks: filters, sort orders, limits and conditional requests."""

from itertools import product

import pytest

TASKS = "/api/v1/tasks"


def titles(owner, **query):
    response = owner.get(TASKS, query_string=query)
    assert response.status_code == 200, response.text
    return [item["title"] for item in response.json["items"]]


@pytest.fixture
def add(owner):
    """Add a task of the owner; returns it."""
    return lambda title, **values: owner.post(TASKS, json={"title": title, **values}).json


@pytest.mark.parametrize(
    ("name", "values"),
    [("status", ["todo", "in_progress", "done", "cancelled"]), ("priority", ["none", "low", "medium", "high"])],
)
def test_filters_can_be_repeated(owner, add, name, values):
    for value in values:
        add(value, **{name: value})
    assert titles(owner, **{name: values[1]}) == [values[1]]
    assert titles(owner, **{name: [values[0], values[2]]}) == [values[2], values[0]]


def test_exclude_label_excludes_tasks_with_the_label(owner, add):
    add("both", labels=["home", "garden"])
    add("home", labels=["home"])
    add("none")
    assert titles(owner, exclude_label="GARDEN") == ["none", "home"]
    assert titles(owner, exclude_label=["garden", "Home"]) == ["none"]
    assert titles(owner, label="home", exclude_label="garden") == ["home"]
    assert titles(owner, exclude_label="never heard of") == ["none", "home", "both"]


def test_without_requires_that_all_parts_are_missing(owner, add):
    project = owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]
    parent = add("labelled", labels=["home"])["id"]
    add("child", parent_id=parent)
    add("in project", project_id=project)
    add("day", due_date="2030-01-01")
    add("instant", due_at="2030-01-01T09:00:00Z")
    assert titles(owner, without="project") == ["instant", "day", "child", "labelled"]
    assert titles(owner, without="parent") == ["instant", "day", "in project", "labelled"]
    assert titles(owner, without="labels") == ["instant", "day", "in project", "child"]
    assert titles(owner, without="due") == ["in project", "child", "labelled"]
    assert titles(owner, without=["project", "parent", "due"]) == ["labelled"]
    assert titles(owner, without=["project", "parent", "due", "labels"]) == []


def test_without_labels_ignores_labels_in_the_trash(owner, add):
    add("labelled", labels=["home"])
    label = owner.get("/api/v1/labels").json["items"][0]["id"]
    owner.delete(f"/api/v1/labels/{label}")
    assert titles(owner, without="labels") == ["labelled"]
    assert titles(owner, exclude_label="home") == ["labelled"]


@pytest.mark.parametrize("name", ["project_id", "parent_id"])
def test_id_filters_accept_ids_only(owner, name):
    response = owner.get(TASKS, query_string={name: "none"})
    assert (response.status_code, list(response.json["errors"]["query"])) == (422, [name])


def test_sort_by_completed_at_puts_open_tasks_last(owner, add):
    tasks = {title: add(title) for title in ("open", "first", "second", "reopened", "third")}
    for title in ("second", "reopened", "first", "third"):
        owner.patch(f"{TASKS}/{tasks[title]['id']}", json={"status": "done"})
    owner.patch(f"{TASKS}/{tasks['reopened']['id']}", json={"status": "todo"})
    owner.patch(f"{TASKS}/{tasks['second']['id']}", json={"title": "second, renamed"})
    done = ["second, renamed", "first", "third"]
    assert titles(owner, sort="completed_at") == [*done, "open", "reopened"]
    assert titles(owner, sort="-completed_at") == [*done[::-1], "reopened", "open"]
    assert titles(owner, sort="completed_at", completed_after="1970-01-01") == done


@pytest.mark.parametrize(
    ("name", "word"),
    [("status", "open"), ("priority", "HIGH"), ("overdue", "no"), ("sort", "id"), ("without", "title")],
)
def test_unknown_filter_value_is_422(owner, name, word):
    response = owner.get(TASKS, query_string={name: word})
    assert (response.status_code, list(response.json["errors"]["query"])) == (422, [name])


@pytest.mark.parametrize("field", ["created", "updated", "completed"])
def test_after_includes_and_before_excludes_the_instant(owner, add, field):
    first, second = (add(title, status="done") for title in ("first", "second"))
    add("open") if field == "completed" else None
    border = second[f"{field}_at"]
    assert titles(owner, **{f"{field}_after": border}) == ["second"]
    assert titles(owner, **{f"{field}_before": border}) == ["first"]
    assert titles(owner, **{f"{field}_after": first[f"{field}_at"], f"{field}_before": border}) == ["first"]


def test_updated_after_includes_the_last_change(owner, add):
    first = add("first")
    second = add("second")
    assert titles(owner, updated_after=second["updated_at"]) == ["second"]
    changed = owner.patch(f"{TASKS}/{first['id']}", json={"priority": "low"}).json
    assert titles(owner, updated_after=changed["updated_at"]) == ["first"]


@pytest.mark.parametrize("sort", ["priority,-due,title", "-priority,due,-title", "-title,priority,-due"])
def test_list_sorts_by_three_keys(owner, add, sort):
    for title, priority, day in product("ab", ["low", "urgent"], ["2030-01-01", "2030-01-02"]):
        add(title, priority=priority, due_date=day)
    items = owner.get(TASKS, query_string={"sort": sort}).json["items"]
    expected = items[:]
    for key in reversed(sort.split(",")):
        expected.sort(key=KEYS[key.removeprefix("-")], reverse=key.startswith("-"))
    assert items == expected
    assert len(items) == 8


KEYS = {
    "title": lambda task: task["title"],
    "due": lambda task: task["due_date"],
    "priority": lambda task: ["low", "urgent"].index(task["priority"]),
}


@pytest.mark.parametrize("limit", [0, 101, -1, 2**63, "1.5", "ten", " "])
def test_limit_out_of_range_is_422(owner, limit):
    response = owner.get(TASKS, query_string={"limit": limit})
    assert (response.status_code, list(response.json["errors"]["query"])) == (422, ["limit"])


def test_list_with_known_etag_is_304_until_it_changes(owner, add):
    add("Milk")
    tag = owner.get(TASKS).headers["ETag"]
    known = {"If-None-Match": tag}
    response = owner.get(TASKS, headers=known)
    assert (response.status_code, response.data, response.headers["ETag"]) == (304, b"", tag)
    assert response.headers["Cache-Control"] == "private, no-cache"
    add("Bread")
    assert owner.get(TASKS, headers=known).status_code == 200
