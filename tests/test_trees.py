"""A tree of tasks is in one project: whatever is created, moved, imported, deleted and restored."""

import hypothesis.strategies as st
import pytest
from feed_copy import FeedCopy
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from surface import needs
from task_files import TASKS, import_csv, import_tasks, list_all, list_tasks, row_errors

from taskapi.extensions import NAMES

pytestmark = pytest.mark.slow

PROJECTS = "/api/v1/projects"
SAME = ["A subtask is in the project of its parent."]


@pytest.fixture
def projects(owner):
    """Two projects; returns their ids."""
    return [owner.post(PROJECTS, json={"name": name}).json["id"] for name in "AB"]


@pytest.fixture
def add(owner):
    """Add a task; returns it."""

    def post(**values):
        response = owner.post(TASKS, json={"title": "Task", **values})
        assert response.status_code == 201, response.text
        return response.json

    return post


@pytest.fixture
def tree(add, projects):
    """A task in the first project, one under it and one under that one."""
    tasks = [add(project_id=projects[0])]
    tasks += [add(parent_id=tasks[0]["id"])]
    return [*tasks, add(parent_id=tasks[1]["id"])]


def show(owner, task):
    return owner.get(f"{TASKS}/{task['id']}").json


def patch(owner, task, **changes):
    return owner.patch(f"{TASKS}/{task['id']}", json=changes)


def test_new_subtask_gets_the_project_of_its_parent(owner, tree, projects, add):
    assert [task["project_id"] for task in tree] == [projects[0]] * 3
    named = {"parent_id": tree[0]["id"], "project_id": projects[0]}
    assert add(**named)["project_id"] == add(**named | {"project_id": None})["project_id"] == projects[0]
    assert add(parent_id=tree[2]["id"])["project_id"] == projects[0]


def test_subtask_with_another_project_is_422(owner, tree, projects):
    data = {"title": "Task", "parent_id": tree[0]["id"], "project_id": projects[1]}
    responses = [
        owner.post(TASKS, json=data),
        patch(owner, tree[1], project_id=projects[1], parent_id=tree[0]["id"]),
    ]
    for response in responses:
        assert (response.status_code, response.json["errors"]) == (422, {"json": {"project_id": SAME}})


@needs("changes")
def test_subtasks_move_with_their_parent_and_get_new_versions(owner, tree, projects):
    copy = FeedCopy(owner).follow()
    trashed = tree[2]
    owner.delete(f"{TASKS}/{trashed['id']}")
    moved = patch(owner, tree[0], project_id=projects[1], title="Moved").json
    assert (moved["project_id"], moved["title"]) == (projects[1], "Moved")
    assert moved == show(owner, tree[0])
    after = [show(owner, task) for task in tree]
    assert [task["project_id"] for task in after] == [projects[1]] * 3
    assert len({task["version"] for task in after}) == 3
    assert all(task["version"] > before["version"] for task, before in zip(after, tree, strict=True))
    rows = copy.follow().rows
    assert [rows["task", task["id"]] for task in after[:2]] == after[:2]
    assert ("task", trashed["id"]) not in rows
    assert patch(owner, tree[0], project_id=None).json["project_id"] is None
    assert [show(owner, task)["project_id"] for task in tree] == [None] * 3


def test_task_and_subtasks_get_the_project_of_the_new_parent(owner, tree, projects, add):
    elsewhere = add(project_id=projects[1])
    moved = patch(owner, tree[1], parent_id=elsewhere["id"]).json
    assert (moved["project_id"], moved["parent_id"]) == (projects[1], elsewhere["id"])
    assert [show(owner, task)["project_id"] for task in tree] == [projects[0], projects[1], projects[1]]
    assert patch(owner, tree[1], parent_id=None).json["project_id"] == projects[1]


def test_subtask_that_changes_its_project_leaves_its_parent(owner, tree, projects):
    moved = patch(owner, tree[1], project_id=projects[1]).json
    assert (moved["project_id"], moved["parent_id"]) == (projects[1], None)
    assert show(owner, tree[2])["project_id"] == projects[1]
    assert show(owner, tree[2])["parent_id"] == tree[1]["id"]
    kept = patch(owner, tree[2], project_id=projects[1]).json
    assert kept["parent_id"] == tree[1]["id"]


def test_task_that_was_read_can_be_sent_back(owner, tree):
    for task in tree:
        sent = {name: task[name] for name in ("title", "description", "project_id", "parent_id", "labels", "status")}
        response = patch(owner, task, **sent)
        assert response.status_code == 200
        assert (response.json["project_id"], response.json["parent_id"]) == (task["project_id"], task["parent_id"])


@pytest.mark.parametrize("query", ["", "?permanent=true"])
def test_deleted_project_leaves_a_tree_that_moved_out(owner, tree, projects, query):
    patch(owner, tree[0], project_id=projects[1])
    assert owner.delete(f"{PROJECTS}/{projects[0]}{query}").status_code == 204
    assert [show(owner, task)["deleted_at"] for task in tree] == [None] * 3


@needs("imports")
def test_imported_subtasks_get_the_project_of_their_parents(owner):
    rows = [{"title": "c", "id": "3", "parent_id": "2"}, {"title": "b", "id": "2", "parent_id": "1", "project": "p"}]
    rows += [{"title": "a", "id": "1", "project": "P"}]
    assert import_tasks(owner, rows).status_code == 200
    first_given = "p"  # the name of a project is the first one that the file has for it
    assert {task["title"]: task["project"] for task in list_tasks(owner)} == dict.fromkeys("abc", first_given)


@needs("csv_imports")
def test_imported_subtask_with_another_project_is_422(owner):
    rows = [{"title": "a", "id": "1"}, {"title": "b", "parent_id": "1", "project": "P"}]
    assert row_errors(import_tasks(owner, rows)) == {"1": {"project": SAME}}
    assert row_errors(import_csv(owner, "title,id,parent_id,project\na,1,,A\nb,2,1,a\nc,3,2,C\n")) == {
        "2": {"project": SAME}
    }


places = st.fixed_dictionaries({}, optional={"project_id": st.integers(0, 9), "parent_id": st.integers(0, 9)})


class TreeMachine(RuleBasedStateMachine):
    """One user who moves tasks between projects and parents, and a copy that follows the change feed."""

    def __init__(self, client):
        super().__init__()
        self.client = client
        self.copy = FeedCopy(client)
        self.tasks, self.projects = [], []

    def place(self, drawn):
        """Return a project and a parent by their numbers; none where there is no such one."""
        kinds = {"project_id": self.projects, "parent_id": self.tasks}
        return {name: kinds[name][i] if i < len(kinds[name]) else None for name, i in drawn.items()}

    def send(self, method, path, **options):
        response = self.client.open(f"/api/v1/{path}", method=method, **options)
        assert response.status_code in {200, 201, 204, 404, 409, 422}, response.text
        return response.json if response.status_code in {200, 201} else None

    @rule()
    def add_project(self):
        if made := self.send("POST", "projects", json={"name": f"P{len(self.projects)}"}):
            self.projects.append(made["id"])

    @rule(place=places)
    def add(self, place):
        if made := self.send("POST", "tasks", json={"title": "Task", **self.place(place)}):
            self.tasks.append(made["id"])

    @precondition(lambda self: self.tasks)
    @rule(number=st.integers(0, 9), place=places)
    def move(self, number, place):
        self.send("PATCH", f"tasks/{self.tasks[number % len(self.tasks)]}", json=self.place(place))

    @precondition(lambda self: self.tasks and "batch" in NAMES)
    @rule(number=st.integers(0, 9), place=places, other=places, delete=st.booleans())
    def batch(self, number, place, other, delete):
        task_id = self.tasks[number % len(self.tasks)]
        last = {"op": "delete", "id": task_id} if delete else {"op": "update", "id": task_id, "data": {"title": "T"}}
        operations = [
            {"op": "create", "data": {"title": "Task", **self.place(place)}},
            {"op": "update", "id": task_id, "data": self.place(other)},
            last,
        ]
        if done := self.send("POST", "tasks/batch", json={"operations": operations}):
            self.tasks.append(done["results"][0]["id"])

    @rule(project=st.sampled_from(["P0", "P1", "new", None]), depth=st.integers(1, 3))
    def import_tree(self, project, depth):
        rows = [{"title": "T", "id": str(i), "parent_id": str(i - 1) if i else None} for i in range(depth)]
        rows[-1]["project"] = project
        import_tasks(self.client, rows)
        rows[0]["project"] = project
        import_tasks(self.client, rows)

    @precondition(lambda self: self.tasks)
    @rule(number=st.integers(0, 9), how=st.sampled_from(["", "", "?permanent=true"]))
    def delete(self, number, how):
        self.send("DELETE", f"tasks/{self.tasks[number % len(self.tasks)]}{how}")

    @precondition(lambda self: self.tasks)
    @rule(number=st.integers(0, 9))
    def restore(self, number):
        self.send("POST", f"tasks/{self.tasks[number % len(self.tasks)]}/restore")

    @precondition(lambda self: self.projects)
    @rule(number=st.integers(0, 9), how=st.sampled_from(["", "", "?permanent=true"]))
    def delete_project(self, number, how):
        self.send("DELETE", f"projects/{self.projects[number % len(self.projects)]}{how}")

    @precondition(lambda self: self.projects)
    @rule(number=st.integers(0, 9))
    def restore_project(self, number):
        self.send("POST", f"projects/{self.projects[number % len(self.projects)]}/restore")

    @precondition(lambda self: self.projects)
    @rule(number=st.integers(0, 9), archived=st.booleans())
    def archive(self, number, archived):
        self.send("PATCH", f"projects/{self.projects[number % len(self.projects)]}", json={"archived": archived})

    @invariant()
    def every_tree_is_in_one_project(self):
        live = {task["id"]: task for task in list_all(self.client, TASKS, archived="true")}
        trash = {task["id"]: task for task in list_all(self.client, TASKS, deleted="true")}
        projects = {project["id"] for project in list_all(self.client, PROJECTS)}
        for task in (live | trash).values():
            parent = (live | trash)[task["parent_id"]] if task["parent_id"] else task
            assert task["project_id"] == parent["project_id"]
        for task in live.values():
            assert task["parent_id"] is None or task["parent_id"] in live
            assert task["project_id"] is None or task["project_id"] in projects
        self.copy.follow(limit=3)
        assert {id_: row for (kind, id_), row in self.copy.rows.items() if kind == "task"} == live
        assert {id_ for kind, id_ in self.copy.rows if kind == "project"} == projects


@needs("changes", "imports")
def test_every_tree_stays_in_one_project(signed_in):
    run_state_machine_as_test(
        lambda: TreeMachine(signed_in()), settings=settings(max_examples=25, stateful_step_count=30, deadline=None)
    )
