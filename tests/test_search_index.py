"""SQLite's full-text index has all tasks of users with many tasks, and none of users who never had many."""

import pytest
from conftest import PASSWORD
from searching import count_in_index, find, raise_task_count
from surface import needs
from task_files import import_tasks

from taskapi.resources.pagination import FEW_TASKS

pytestmark = pytest.mark.usefixtures("sqlite")


@pytest.fixture
def add(owner):
    """Add a task of the owner; returns its URL."""
    return lambda title: owner.post("/api/v1/tasks", json={"title": title}).headers["Location"]


def test_index_is_filled_when_a_user_gets_many_tasks(app, owner, add):
    oat, almond = add("Oat quark"), add("Almond quark")
    raise_task_count(owner, FEW_TASKS - 2)
    assert (count_in_index(app, "quark"), find(owner, "quark")) == (0, ["Almond quark", "Oat quark"])
    rice = add("Rice quark")
    assert (count_in_index(app, "quark"), find(owner, "quark")) == (3, ["Rice quark", "Almond quark", "Oat quark"])
    owner.patch(oat, json={"title": "Soy quark"})
    assert find(owner, "quark") == ["Rice quark", "Almond quark", "Soy quark"]
    for gone in (almond, rice):
        owner.delete(f"{gone}?permanent=true")
    add("Cow's quark")
    assert (count_in_index(app, "quark"), find(owner, "quark")) == (1, ["Cow's quark", "Soy quark"])
    add("Goat's quark")
    assert (count_in_index(app, "quark"), find(owner, "quark")) == (3, ["Goat's quark", "Cow's quark", "Soy quark"])


def test_index_has_the_current_text_of_tasks_changed_before(app, owner, add):
    oat, bread = add("Oat skyr"), add("Bread with skyr")
    owner.patch(oat, json={"title": "Soy skyr"})
    owner.delete(f"{bread}?permanent=true")
    raise_task_count(owner, FEW_TASKS)
    assert count_in_index(app, "skyr") == 1
    assert (find(owner, "skyr"), find(owner, "bread"), find(owner, "oat")) == (["Soy skyr"], [], [])


@needs("imports")
def test_index_has_many_imported_tasks(app, owner):
    assert import_tasks(owner, [{"title": f"Kefir {i}"} for i in range(FEW_TASKS + 1)]).status_code == 200
    assert count_in_index(app, "kefir") == FEW_TASKS + 1
    assert find(owner, f"kefir {FEW_TASKS}") == [f"Kefir {FEW_TASKS}"]


def test_index_has_no_words_of_deleted_users(app, owner, add):
    raise_task_count(owner, FEW_TASKS)
    add("Buttermilk")
    assert count_in_index(app, "buttermilk") == 1
    assert owner.delete("/api/v1/me", json={"password": PASSWORD}).status_code == 204
    assert count_in_index(app, "buttermilk") == 0
