# ruff: noqa: RUF001 - these tests are about characters that look alike
"""`q`: words in title and description, ignoring case and accents, at any position, and up to date."""

import pytest
from searching import find, raise_task_count

from taskapi.resources.pagination import FEW_TASKS


@pytest.fixture(autouse=True, params=[0, FEW_TASKS], ids=["of few tasks", "of many"])
def _counted(request, owner):
    """Run each test with few tasks and with many, for which SQLite uses its full-text index."""
    raise_task_count(owner, request.param)


@pytest.fixture
def add(owner):
    """Add a task of the owner; returns its id."""
    return lambda title, **values: owner.post("/api/v1/tasks", json={"title": title, **values}).json["id"]


@pytest.mark.parametrize("q", ["mil", "MILK", "ilk", "lk", "k", "m", "oat milk", "milk oat", "ilk oa", "Óat"])
def test_search_finds_parts_of_words(owner, add, q):
    add("Oat milk")
    add("Bread", description="with butter")
    assert find(owner, q) == (["Oat milk"])


@pytest.mark.parametrize(
    "q", ['"', '"milk"', "milk*", "milk OR bread", "NEAR(milk)", "-milk", "words:milk", "'", "mi_k", "m%k"]
)
def test_search_takes_wildcards_literally(owner, add, q):
    add("Oat milk")
    add("Bread")
    assert find(owner, q) == []


@pytest.mark.parametrize(
    "title", ['Say "milk"', "100% milk", "a_b milk", "it's milk", "back\\slash milk", "牛奶买菜 milk"]
)
def test_search_finds_signs_and_other_scripts(owner, add, title):
    add(title)
    assert find(owner, title) == [title]
    assert find(owner, title.split()[0]) == [title]


@pytest.mark.parametrize(
    ("title", "q"),
    [
        ("Acme™", "acmetm"), ("Acme™", "ACME™"), ("It’s here", "it's"), ("It's here", "it’s"), ("“Milk”", '"milk"'),
        ("Say \"milk\"", "“milk”"), ("it´s", "it's"), ("Łódź", "lodz"), ("Tromsø", "tromso"), ("Đà Nẵng", "da nang"),
        ("Iğdır", "IGDIR"), ("İstanbul", "istanbul"), ("Straße", "strasse"), ("STRASSE", "straße"), ("Æther", "aether"),
        ("Œuvre", "oeuvre"), ("Þing", "thing"), ("Borðeyri", "bordeyri"), ("ﬁnd", "FIND"), ("2030–31", "2030-31"),
        ("zero\u00adwidth", "zerowidth"), ("❤️ it", "❤"), ("한글", "한글"), ("x\u200b", "X"),
    ],
)  # fmt: skip
def test_search_finds_text_by_its_typed_form(owner, add, title, q):
    add(title)
    add("Bread")
    assert find(owner, q) == [title]
    assert find(owner, title) == [title]


@pytest.mark.parametrize("q", ["\u0301", "\u200b\u0308", "\ufe0f", " ", "\u3000\u0301"])
def test_search_for_blank_text_is_422(owner, add, q):
    add("Milk")
    response = owner.get("/api/v1/tasks", query_string={"q": q})
    says = "Must have a character to search for. Spaces, accents and invisible characters do not count."
    assert (response.status_code, response.json["errors"]["query"]) == (422, {"q": [says]})


def test_search_has_at_most_10_words(owner, add):
    words = [f"w{letter}" for letter in "abcdefghijk"]
    add(" ".join(words))
    assert len(find(owner, " ".join(words[:10]))) == 1
    assert len(find(owner, " ".join([*words[:10], "w", *words[:10]]))) == 1
    response = owner.get("/api/v1/tasks", query_string={"q": " ".join(words)})
    assert (response.status_code, list(response.json["errors"]["query"])) == (422, ["q"])


def test_search_index_follows_every_change(owner, add):
    task = add("Oat milk")
    url = f"/api/v1/tasks/{task}"
    owner.patch(url, json={"description": "with vanilla"})
    assert find(owner, "vanilla") == ["Oat milk"]
    owner.patch(url, json={"title": "Bread", "status": "done"})
    assert (find(owner, "milk"), find(owner, "bread vanilla")) == ([], ["Bread"])
    owner.delete(url)
    assert (find(owner, "bread"), find(owner, "bread", deleted="true")) == ([], ["Bread"])
    owner.post(f"{url}/restore")
    assert find(owner, "bread") == ["Bread"]
    owner.delete(f"{url}?permanent=true")
    assert (find(owner, "bread"), find(owner, "bread", deleted="true")) == ([], [])
    add("Bread again")
    assert find(owner, "bread") == ["Bread again"]


def test_search_finds_own_tasks_only(owner, add, signed_in):
    add("Oat milk")
    other = signed_in()
    other.post("/api/v1/tasks", json={"title": "Milk shake"})
    assert (find(owner, "milk"), find(other, "milk")) == (["Oat milk"], ["Milk shake"])


def test_search_works_with_filters_and_pages(owner, add):
    for i in range(5):
        add(f"Milk {i}", status="done" if i % 2 else "todo")
    first = owner.get("/api/v1/tasks?q=milk&status=todo&sort=title&limit=2").json
    rest = owner.get(f"/api/v1/tasks?q=milk&status=todo&sort=title&limit=2&cursor={first['next_cursor']}").json
    assert [item["title"] for item in first["items"] + rest["items"]] == ["Milk 0", "Milk 2", "Milk 4"]
