"""Many writers at once: nobody's change is lost, nothing is made twice, no rule is broken together."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier

import pytest
from following import Copy, truth, without_counts
from surface import needs

WRITERS = 16


@pytest.fixture
def at_once():
    """Call a function with each argument, from as many threads that start together; returns what each returned."""

    def run(function, arguments):
        arguments = list(arguments)
        barrier = Barrier(len(arguments))

        def start(argument):
            barrier.wait()
            return function(argument)

        with ThreadPoolExecutor(len(arguments)) as pool:
            return list(pool.map(start, arguments))

    return run


@pytest.fixture
def another(app):
    """Return another client of the same person."""

    def make(client):
        twin = app.test_client()
        twin.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {client.token}"
        return twin

    return make


def codes(answers):
    return sorted(answer.status_code for answer in answers)


def test_one_of_16_changes_with_the_same_version_succeeds(owner, another, task, at_once):
    url, version = f"/api/v1/tasks/{task['id']}", task["version"]
    for _ in range(5):
        change = lambda i, version=version: another(owner).patch(  # noqa: E731
            url, json={"title": f"By {i} upon {version}"}, headers={"If-Match": f'"{version}"'}
        )
        answers = at_once(change, range(WRITERS))
        assert codes(answers) == [200] + [412] * (WRITERS - 1)
        (won,) = (answer.json for answer in answers if answer.status_code == 200)
        assert owner.get(url).json == won
        version = won["version"]


def test_16_unconditional_changes_all_succeed(owner, another, task, at_once):
    url = f"/api/v1/tasks/{task['id']}"
    answers = at_once(lambda i: another(owner).patch(url, json={"title": f"By {i}"}), range(WRITERS))
    assert codes(answers) == [200] * WRITERS
    assert len({answer.json["version"] for answer in answers}) == WRITERS


@needs("changes")
@pytest.mark.parametrize("people", [1, 4])
def test_copy_by_the_change_feed_is_correct_under_16_writers(signed_in, another, at_once, people):
    owners = [signed_in() for _ in range(people)]
    copies = [Copy(another(owner)) for owner in owners]

    def work(i):
        try:
            if i < WRITERS:
                scribble(another(owners[i % people]), Random(i))
            else:
                while len(done) < WRITERS:
                    copies[i - WRITERS].follow(limit=7)
        finally:
            done.append(i)

    done = []
    at_once(work, range(WRITERS + people))
    for owner, copy in zip(owners, copies, strict=True):
        copy.follow()
        assert copy.versions == sorted(copy.versions)
        assert without_counts(copy.rows) == without_counts(truth(owner))


def scribble(client, random):
    """Make, change, move, delete and restore things."""
    ids = []
    for step in range(12):
        kind = random.choice(["add", "add", "edit", "delete", "restore", "label", "project", "gone"])
        if kind == "add" or not ids:
            body = {"title": f"Task {step}", "labels": [f"label {random.randrange(4)}"]}
            ids.append(client.post("/api/v1/tasks", json=body).json["id"])
        elif kind == "label":
            client.post("/api/v1/labels", json={"name": f"label {random.randrange(4)}"})
        elif kind == "project":
            client.post("/api/v1/projects", json={"name": f"Project {random.randrange(99)}"})
        else:
            url = f"/api/v1/tasks/{random.choice(ids)}"
            answers = {
                "edit": lambda url=url: client.patch(url, json={"parent_id": random.choice(ids), "status": "done"}),
                "delete": lambda url=url: client.delete(url),
                "restore": lambda url=url: client.post(f"{url}/restore"),
                "gone": lambda url=url: client.delete(f"{url}?permanent=true"),
            }
            assert answers[kind]().status_code < 500


def test_concurrent_moves_make_no_cycle(owner, another, at_once):
    for _ in range(8):
        one, two = (owner.post("/api/v1/tasks", json={"title": "Task"}).json["id"] for _ in range(2))
        move = lambda pair: another(owner).patch(f"/api/v1/tasks/{pair[0]}", json={"parent_id": pair[1]})  # noqa: E731
        assert codes(at_once(move, [(one, two), (two, one)])) == [200, 422]


def test_concurrent_moves_stay_within_the_depth(owner, another, at_once):
    def chain(length):
        ids = [owner.post("/api/v1/tasks", json={"title": "Task"}).json["id"]]
        for _ in range(length - 1):
            ids.append(owner.post("/api/v1/tasks", json={"title": "Task", "parent_id": ids[-1]}).json["id"])
        return ids

    for _ in range(4):
        top, middle, bottom = chain(2), chain(2), chain(2)
        moves = [(middle[0], top[-1]), (bottom[0], middle[-1])]
        move = lambda pair: another(owner).patch(f"/api/v1/tasks/{pair[0]}", json={"parent_id": pair[1]})  # noqa: E731
        assert codes(at_once(move, moves)) == [200, 422]


def test_16_requests_with_one_key_create_one_task(owner, another, at_once):
    for round_ in range(3):
        key = {"Idempotency-Key": f"round-{round_}"}
        send = lambda _, key=key: another(owner).post("/api/v1/tasks", json={"title": "Once"}, headers=key)  # noqa: E731
        answers = at_once(send, range(WRITERS))
        assert codes(answers) == [201] * WRITERS
        assert len({answer.data for answer in answers}) == 1
    assert len(owner.get("/api/v1/tasks").json["items"]) == 3


def test_16_tasks_with_a_new_label_create_it_once(owner, another, at_once):
    body = {"title": "Task", "labels": ["home", "garden"]}
    answers = at_once(lambda _: another(owner).post("/api/v1/tasks", json=body), range(WRITERS))
    assert codes(answers) == [201] * WRITERS
    assert [(item["name"], item["task_count"]) for item in owner.get("/api/v1/labels").json["items"]] == [
        ("garden", WRITERS),
        ("home", WRITERS),
    ]


def test_one_of_16_creations_with_the_same_name_succeeds(owner, another, at_once):
    answers = at_once(lambda _: another(owner).post("/api/v1/projects", json={"name": "Garden"}), range(WRITERS))
    assert codes(answers) == [201] + [409] * (WRITERS - 1)


def test_no_task_is_created_in_a_project_during_its_deletion(owner, another, at_once):
    for round_ in range(5):
        project = owner.post("/api/v1/projects", json={"name": f"Garden {round_}"}).json["id"]
        url = f"/api/v1/projects/{project}?permanent=true"
        body = {"title": "Task", "project_id": project}
        steps = [lambda url=url: another(owner).delete(url)]
        steps += [lambda body=body: another(owner).post("/api/v1/tasks", json=body) for _ in range(3)]
        answers = at_once(lambda step: step(), steps)
        assert {answer.status_code for answer in answers} <= {204, 201, 422}
        assert owner.get(f"/api/v1/tasks?project_id={project}").json["items"] == []
