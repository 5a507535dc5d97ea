"""POST /tasks/{id}/move, and where tasks come in the manual order without it."""

from uuid import uuid4

import pytest
from surface import needs

from tests.extensions.order.ordering import listed, move, order

MAX_DIGITS = 64


@pytest.fixture
def add(owner):
    """Add a task, and return its id."""

    def add(title="Rake", **fields):
        response = owner.post("/api/v1/tasks", json={"title": title, **fields})
        assert response.status_code == 201, response.text
        return response.json["id"]

    return add


@pytest.fixture
def project(owner):
    """The id of a project."""
    return owner.post("/api/v1/projects", json={"name": "Garden"}).json["id"]


@pytest.fixture
def three(add):
    """The ids of three tasks."""
    return [add(title) for title in ("One", "Two", "Three")]


def get(owner, task_id):
    return owner.get(f"/api/v1/tasks/{task_id}").json


def test_new_tasks_come_last_in_the_order_of_their_creation(owner, three):
    items = listed(owner)
    assert [item["id"] for item in items] == three
    assert [item["position"] for item in items] == [task_id.replace("-", "") for task_id in three]
    created = [owner.post("/api/v1/tasks", json={"title": f"Task {i}"}).json["id"] for i in range(20)]
    assert order(owner) == three + created


@pytest.mark.parametrize(
    ("moved", "place", "expected"),
    [
        (2, {"before": 0}, [2, 0, 1]),
        (2, {"after": 0}, [0, 2, 1]),
        (2, {"before": 1}, [0, 2, 1]),
        (0, {"after": 2}, [1, 2, 0]),
        (0, {"after": 1}, [1, 0, 2]),
        (0, {"before": 2}, [1, 0, 2]),
        (1, {"before": 0}, [1, 0, 2]),
        (1, {"after": 2}, [0, 2, 1]),
    ],
)
def test_move_places_the_task_directly_beside_the_other(owner, three, moved, place, expected):
    before = {item["id"]: item for item in listed(owner)}
    response = move(owner, three[moved], **{side: three[number] for side, number in place.items()})
    assert response.status_code == 200
    items = listed(owner)
    assert [item["id"] for item in items] == [three[number] for number in expected]
    after = {item["id"]: item for item in items}
    assert response.json == after[three[moved]]
    assert response.headers["ETag"] == f'"{response.json["version"]}"'
    assert response.json["version"] == max(item["version"] for item in before.values()) + 1
    changed = {"position", "version", "updated_at"}
    assert {name for name, value in response.json.items() if before[three[moved]][name] != value} == changed
    assert [after[task_id] for task_id in three if task_id != three[moved]] == [
        before[task_id] for task_id in three if task_id != three[moved]
    ]


@pytest.mark.parametrize(
    ("moved", "place"),
    [
        (1, {"after": 0}),
        (1, {"before": 2}),
        (0, {"before": 1}),
        (2, {"after": 1}),
        (1, {"after": 1}),
        (1, {"before": 1}),
    ],
)
def test_move_to_the_same_place_changes_nothing(owner, three, moved, place):
    before = get(owner, three[moved])
    response = move(owner, three[moved], **{side: three[number] for side, number in place.items()})
    assert (response.status_code, response.json) == (200, before)
    assert get(owner, three[moved]) == before


def test_repeated_move_changes_nothing_the_second_time(owner, three):
    first = move(owner, three[2], before=three[0])
    again = move(owner, three[2], before=three[0])
    assert first.json == again.json


def test_move_to_the_end_stays_before_tasks_that_are_added_later(owner, three, add):
    assert move(owner, three[0], after=three[2]).status_code == 200
    later = add("Later")
    assert order(owner) == [three[1], three[2], three[0], later]


def test_subtasks_have_an_order_of_their_own(owner, three, add, project):
    parent = add("Parent", project_id=project)
    below = [add(title, parent_id=parent) for title in ("a", "b", "c")]
    assert move(owner, below[2], before=below[0]).status_code == 200
    assert order(owner, parent_id=parent) == [below[2], below[0], below[1]]
    assert order(owner) == three
    assert order(owner, project_id=project, without="parent") == [parent]


def test_two_projects_have_separate_orders(owner, add, project):
    other = owner.post("/api/v1/projects", json={"name": "Balcony"}).json["id"]
    mixed = [add(str(i), project_id=[project, other][i % 2]) for i in range(6)]
    assert move(owner, mixed[0], after=mixed[2]).status_code == 200
    assert order(owner, project_id=project) == [mixed[2], mixed[0], mixed[4]]
    assert order(owner, project_id=other) == [mixed[1], mixed[3], mixed[5]]


def test_task_of_another_group_is_422(owner, other, three, add, project):
    parent = add("Parent", project_id=project)
    child = add("Child", parent_id=parent)
    trashed = add("Trashed")
    owner.delete(f"/api/v1/tasks/{trashed}")
    strangers = other.post("/api/v1/tasks", json={"title": "Theirs"}).json["id"]
    before = listed(owner)
    for moved, beside in (
        (three[0], parent), (three[0], child), (child, parent), (parent, child), (child, three[0]),
        (three[0], trashed), (three[0], strangers), (three[0], str(uuid4())),
    ):  # fmt: skip
        for side in ("after", "before"):
            response = move(owner, moved, **{side: beside})
            assert (response.status_code, response.json["code"]) == (422, "validation_failed")
            assert response.json["errors"]["json"].keys() == {side}
    assert listed(owner) == before


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"after": 1, "before": 2},
        {"after": None},
        {"after": ""},
        {"after": "first"},
        {"position": "0"},
        {"after": []},
    ],
)
def test_body_without_exactly_one_task_is_422(owner, three, place):
    named = {side: three[value] if isinstance(value, int) else value for side, value in place.items()}
    assert move(owner, three[0], **named).status_code == 422
    assert order(owner) == three


def test_task_of_another_user_is_404(owner, other, three):
    mine = other.post("/api/v1/tasks", json={"title": "Mine"}).json["id"]
    assert move(other, three[0], after=three[1]).status_code == 404
    assert move(other, three[0], after=mine).status_code == 404
    assert move(owner, str(uuid4()), after=three[1]).status_code == 404


def test_task_in_the_trash_is_409(owner, three):
    owner.delete(f"/api/v1/tasks/{three[0]}")
    response = move(owner, three[0], after=three[2])
    assert (response.status_code, response.json["code"]) == (409, "in_trash")


def test_if_match_of_another_version_is_412(owner, three):
    version = get(owner, three[0])["version"]
    stale = move(owner, three[0], f'"{version + 1}"', after=three[2])
    assert (stale.status_code, stale.json["current"]["id"]) == (412, three[0])
    assert order(owner) == three
    assert move(owner, three[0], f'"{version}"', after=three[2]).status_code == 200
    assert move(owner, three[0], f'"{version}"', after=three[2]).status_code == 412


def test_position_is_ignored_on_write(owner, three, project):
    shown = get(owner, three[0])
    patched = owner.patch(f"/api/v1/tasks/{three[0]}", json={"position": "ff", "title": "One more"}).json
    assert patched["position"] == shown["position"]
    created = owner.post("/api/v1/tasks", json={"title": "Four", "position": "00"}).json
    assert created["position"] == created["id"].replace("-", "")


@pytest.mark.parametrize("field", ["project_id", "parent_id"])
def test_task_of_a_new_project_or_parent_comes_last(owner, add, project, three, field):
    group = project if field == "project_id" else add("Parent")
    first, second = (add(title, **{field: group}) for title in ("a", "b"))
    below = [add(title, parent_id=three[0]) for title in ("x", "y")]
    assert move(owner, below[1], before=below[0]).status_code == 200
    moved = owner.patch(f"/api/v1/tasks/{three[0]}", json={field: group}).json
    assert order(owner, **{field: group, "without": "parent" if field == "project_id" else []}) == [
        first,
        second,
        three[0],
    ]
    assert moved["position"] != three[0].replace("-", "")
    assert order(owner, parent_id=three[0]) == [below[1], below[0]]
    back = owner.patch(f"/api/v1/tasks/{three[0]}", json={field: None}).json
    assert back["position"] > moved["position"]
    assert order(owner)[-1] == three[0]


def test_patch_with_the_same_project_and_parent_keeps_the_place(owner, add, project):
    tasks = [add(title, project_id=project) for title in ("a", "b")]
    owner.patch(f"/api/v1/tasks/{tasks[0]}", json={"project_id": project, "parent_id": None, "title": "A"})
    assert order(owner, project_id=project) == tasks


def test_restored_task_comes_back_to_its_place(owner, three):
    owner.delete(f"/api/v1/tasks/{three[1]}")
    assert move(owner, three[2], after=three[0]).json["version"] == get(owner, three[2])["version"]
    assert move(owner, three[0], after=three[2]).status_code == 200
    owner.post(f"/api/v1/tasks/{three[1]}/restore")
    assert order(owner) == [three[1], three[2], three[0]]


def test_restored_task_never_has_the_position_of_another(owner, three, add):
    """The middle of two tasks is used by a task in the trash."""
    middle = add("Middle")
    move(owner, middle, after=three[0])
    owner.delete(f"/api/v1/tasks/{middle}")
    move(owner, three[2], after=three[0])
    owner.post(f"/api/v1/tasks/{middle}/restore")
    positions = [item["position"] for item in listed(owner)]
    assert len({*positions}) == 4


@pytest.mark.parametrize("sort", ["position", "-position"])
def test_pages_by_position_are_complete(owner, add, project, sort):
    tasks = [add(str(i), project_id=project) for i in range(7)]
    for task_id in tasks[3:]:
        move(owner, task_id, before=tasks[0])
    expected = [tasks[i] for i in (3, 4, 5, 6, 0, 1, 2)]
    found = [item["id"] for item in listed(owner, limit=2, project_id=project, sort=sort)]
    assert found == (expected if sort == "position" else expected[::-1])


@pytest.mark.slow
@needs("changes")
@pytest.mark.parametrize("side", ["after", "before"])
def test_positions_stay_short_after_many_moves_to_one_place(owner, add, side):
    """Once no short position is left, the 64 nearest tasks get new ones in the same order."""
    tasks = [add(str(i)) for i in range(80)]
    anchor = tasks[40]
    expected = [*tasks]
    cursor = owner.get("/api/v1/changes?since=now").json["cursor"]
    changed = set()
    for turn in range(300):
        moved = tasks[(42 - turn % 2) if side == "after" else (38 + turn % 2)]
        response = move(owner, moved, **{side: anchor})
        expected.remove(moved)
        expected.insert(expected.index(anchor) + (side == "after"), moved)
        assert len(response.json["position"]) <= MAX_DIGITS
        changes = owner.get(f"/api/v1/changes?since={cursor}").json
        changed.add(len(changes["changes"]))
        cursor = changes["cursor"]
    items = listed(owner)
    assert [item["id"] for item in items] == expected
    assert len({item["position"] for item in items}) == 80
    assert all(len(item["position"]) <= MAX_DIGITS for item in items)
    assert changed == {1, 65}


@needs("changes")
def test_change_feed_has_a_move_once(owner, three):
    cursor = owner.get("/api/v1/changes?since=now").json["cursor"]
    move(owner, three[0], after=three[1])
    moved = move(owner, three[0], after=three[2]).json
    changes = owner.get(f"/api/v1/changes?since={cursor}").json["changes"]
    assert [(change["id"], change["data"]) for change in changes] == [(three[0], moved)]


@needs("exports", "imports")
@pytest.mark.parametrize("form", ["json", pytest.param("csv", marks=needs("csv_imports"))])
def test_export_and_import_keep_the_order(owner, other, add, project, form):
    parent = add("Parent", project_id=project)
    tasks = [add(title, project_id=project) for title in "abc"]
    below = [add(title, parent_id=parent) for title in "xyz"]
    move(owner, tasks[2], before=parent)
    move(owner, below[2], before=below[0])
    file = owner.get(f"/api/v1/tasks/export.{form}")
    response = other.post(f"/api/v1/tasks/import.{form}", data=file.data, content_type=file.headers["Content-Type"])
    assert response.json["created"] == 7
    imported = other.get("/api/v1/projects").json["items"][0]["id"]
    roots = listed(other, project_id=imported, without="parent")
    assert [item["title"] for item in roots] == ["c", "Parent", "a", "b"]
    assert [item["title"] for item in listed(other, parent_id=roots[1]["id"])] == ["z", "x", "y"]


@needs("exports")
def test_calendar_has_the_order(owner, three):
    move(owner, three[2], before=three[0])
    lines = owner.get("/api/v1/tasks/export.ics").text.splitlines()
    assert [line for line in lines if line.startswith("SUMMARY")] == ["SUMMARY:Three", "SUMMARY:One", "SUMMARY:Two"]
