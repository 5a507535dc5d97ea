"""Pages: every sort order, equal keys, tasks without a due date, and cursors that are bound to their query."""

import itertools
import random

import pytest

TASKS = "/api/v1/tasks"
KEYS = ("created_at", "updated_at", "completed_at", "due", "priority", "title", "position")
PRIORITIES = ("none", "low", "medium", "high", "urgent")
FAR = "9999-12-30T23:59:59Z"


@pytest.fixture(scope="module")
def reader(app):
    """A user with 24 tasks, many with equal sort keys."""
    client = app.test_client()
    credentials = {"username": f"reader-{random.random()}"[:30].replace(".", "-"), "password": "correct horse battery"}
    assert client.post("/api/v1/auth/register", json=credentials).status_code == 201
    token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    dues = [
        {},
        {},
        {"due_date": "2030-01-31"},
        {"due_at": "2030-01-31T09:00:00Z"},
        {"due_date": "2030-02-01"},
        {"due_at": FAR},
    ]
    for i in range(24):
        title = ("apple", "Äpfel", "banana", "Zebra", "x" * 200)[i % 5]
        body = {
            "title": title,
            "priority": PRIORITIES[i % 3],
            "status": ("todo", "done")[i // 5 % 2],
            **dues[i % len(dues)],
        }
        assert client.post(TASKS, json=body).status_code == 201
    return client


def walk(client, **query):
    """Return the items of all pages, and the number of pages."""
    seen, pages, cursor = [], 0, {}
    while True:
        page = client.get(TASKS, query_string={**query, **cursor}).json
        seen += page["items"]
        pages += 1
        if page["next_cursor"] is None:
            return seen, pages
        cursor = {"cursor": page["next_cursor"]}


def rank(task, key):
    """Return the sort key of a task, computed independently of the API."""
    if key == "priority":
        return PRIORITIES.index(task["priority"])
    if key == "due":
        return task["due_at"] or (f"{task['due_date']}T23:59:59.999999Z" if task["due_date"] else "")
    if key == "title":
        return task["title"].casefold().replace("ä", "a")
    return task[key] or ""


SORTS = [sign + key for key in KEYS for sign in ("", "-")]
MIXED = [
    "priority,-due",
    "-priority,due,title",
    "due,-title",
    "-due,-priority,-title",
    "title,-created_at",
    "-title,due",
    "-completed_at,title",
    "completed_at,-due",
]


@pytest.mark.parametrize("sort", SORTS + MIXED)
@pytest.mark.parametrize("limit", [1, 5])
def test_pages_have_every_task_once_in_order(reader, sort, limit):
    seen, pages = walk(reader, sort=sort, limit=limit)
    assert len({task["id"] for task in seen}) == len(seen) == 24
    assert pages == -(-24 // limit)
    for one, next_one in itertools.pairwise(seen):
        assert in_order(one, next_one, sort.split(","))


def in_order(one, other, keys):
    """Tell whether two adjacent tasks are in order. The next key decides between equals, and finally the id."""
    for key in keys:
        name = key.removeprefix("-")
        a, b = rank(one, name), rank(other, name)
        if a == b:
            continue
        if "" in (a, b):
            return b == ""
        return a > b if key.startswith("-") else a < b
    return one["id"] != other["id"]


@pytest.mark.parametrize("sort", ["due", "-due"])
def test_tasks_without_due_date_come_last_in_both_directions(reader, sort):
    seen, _ = walk(reader, sort=sort, limit=7)
    dated = [bool(task["due_date"] or task["due_at"]) for task in seen]
    if sort == "-due":
        assert dated == sorted(dated, reverse=True)
    assert not any(dated[-4:])


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "title", "priority,-due"])
def test_no_task_is_skipped_or_repeated_while_tasks_are_added(signed_in, sort):
    client = signed_in()
    first = [client.post(TASKS, json={"title": f"Task {i % 3}", "priority": PRIORITIES[i % 5]}).json for i in range(9)]
    seen, cursor = [], {}
    while True:
        page = client.get(TASKS, query_string={"sort": sort, "limit": 2, **cursor}).json
        seen += [task["id"] for task in page["items"]]
        if page["next_cursor"] is None or len(seen) > 40:
            break
        cursor = {"cursor": page["next_cursor"]}
        if len(seen) < 8:
            client.post(TASKS, json={"title": f"Task {len(seen) % 4}", "due_date": "2030-01-31"})
    assert len(seen) == len({*seen})
    assert {task["id"] for task in first} <= {*seen}


def test_page_that_ends_with_the_last_task_has_no_cursor(reader):
    page = reader.get(TASKS, query_string={"limit": 24}).json
    assert (len(page["items"]), page["next_cursor"]) == (24, None)


def test_link_leads_to_the_same_page_as_the_cursor(reader):
    response = reader.get(f"{TASKS}?limit=5&sort=-priority,due&status=todo&status=done")
    link = response.headers["Link"]
    assert link.endswith('>; rel="next"')
    by_link = reader.get(link[1:].split(">")[0])
    query = {"limit": 5, "sort": "-priority,due", "status": ["todo", "done"], "cursor": response.json["next_cursor"]}
    assert by_link.json == reader.get(TASKS, query_string=query).json
    assert "Link" not in reader.get(f"{TASKS}?limit=100").headers


def test_cursor_is_valid_for_another_limit(reader):
    cursor = reader.get(f"{TASKS}?limit=5").json["next_cursor"]
    assert len(reader.get(TASKS, query_string={"limit": 100, "cursor": cursor}).json["items"]) == 19


def test_cursor_is_valid_for_the_same_filters_in_another_order(reader):
    first = reader.get(f"{TASKS}?limit=5&status=todo&status=done&sort=title").json
    again = f"{TASKS}?sort=title&status=done&status=todo&limit=5"
    assert first["items"] == reader.get(again).json["items"]
    assert reader.get(f"{again}&cursor={first['next_cursor']}").json["items"] not in ([], first["items"])


@pytest.mark.parametrize(
    "other",
    [
        {"sort": "created_at"}, {"sort": "-created_at,title"}, {"sort": "title"}, {"status": "todo"}, {"q": "apple"},
        {"priority": "none"}, {"due_after": "2030-01-01"}, {"overdue": "true"}, {"deleted": "true"},
    ],
)  # fmt: skip
def test_cursor_of_another_query_is_400(reader, other):
    cursor = reader.get(f"{TASKS}?limit=5").json["next_cursor"]
    response = reader.get(TASKS, query_string={"cursor": cursor, **other})
    assert (response.status_code, response.json["code"]) == (400, "invalid_cursor")


def test_changed_cursor_is_400(reader):
    cursor = reader.get(f"{TASKS}?limit=5").json["next_cursor"]
    forged = [cursor[:i] + ("A" if cursor[i] != "A" else "B") + cursor[i + 1 :] for i in range(0, len(cursor), 7)]
    forged += [
        cursor[:-1],
        cursor[1:],
        cursor + "A",
        cursor + "=",
        cursor + "!",
        f" {cursor}",
        cursor * 2,
        cursor.upper(),
    ]
    forged += ["x", "AAAA", "A" * 100, "null", "0", "-1", "é", "' OR 1=1 --", "eyJhIjoxfQ"]
    for text in forged:
        response = reader.get(TASKS, query_string={"limit": 5, "cursor": text})
        assert (response.status_code, response.json["code"]) == (400, "invalid_cursor"), text


def test_cursor_is_valid_after_a_restart(app, reader, database_url, make_app):
    """Another process with the same keys accepts the cursor."""
    cursor = reader.get(f"{TASKS}?limit=5").json["next_cursor"]
    other = make_app(INSTANCE_PATH=app.instance_path).test_client()
    other.environ_base["HTTP_AUTHORIZATION"] = reader.environ_base["HTTP_AUTHORIZATION"]
    query = {"limit": 5, "cursor": cursor}
    assert other.get(TASKS, query_string=query).json == reader.get(TASKS, query_string=query).json


@pytest.mark.parametrize(
    "sort", [" ", ",", "nonsense", "-", "--title", "title,", "title,title", "title,-title", "id", "title;x"]
)
def test_unknown_sort_key_is_422(reader, sort):
    assert reader.get(TASKS, query_string={"sort": sort}).status_code == 422


def test_more_than_three_sort_keys_are_422(reader):
    assert reader.get(f"{TASKS}?sort=due,priority,title").status_code == 200
    assert reader.get(f"{TASKS}?sort=due,priority,title,created_at").status_code == 422
