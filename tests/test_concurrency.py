"""Concurrent writers: no change is lost, nothing is created twice, and no rule is broken."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier

import pytest
from feed_copy import FeedCopy, rows_of_server, without_counts
from surface import needs

WRITERS = 16


@pytest.fixture
def at_once():
    """Call a function with each argument in threads that start at the same time; returns the results."""

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
    """Return another client of the same user."""

    def make(client):
        twin = app.test_client()
        twin.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {client.token}"
        return twin

    return make


def codes(responses):
    return sorted(response.status_code for response in responses)


def test_one_of_16_changes_with_the_same_version_succeeds(owner, another, task, at_once):
    url, version = f"/api/v1/tasks/{task['id']}", task["version"]
    for _ in range(5):
        change = lambda i, version=version: another(owner).patch(  # noqa: E731
            url, json={"title": f"By {i} upon {version}"}, headers={"If-Match": f'"{version}"'}
        )
        responses = at_once(change, range(WRITERS))
        assert codes(responses) == [200] + [412] * (WRITERS - 1)
        (won,) = (response.json for response in responses if response.status_code == 200)
        assert owner.get(url).json == won
        version = won["version"]


def test_16_unconditional_changes_all_succeed(owner, another, task, at_once):
    url = f"/api/v1/tasks/{task['id']}"
    responses = at_once(lambda i: another(owner).patch(url, json={"title": f"By {i}"}), range(WRITERS))
    assert codes(responses) == [200] * WRITERS
    assert len({response.json["version"] for response in responses}) == WRITERS


@needs("changes")
@pytest.mark.parametrize("users", [1, 4])
def test_copy_by_the_change_feed_is_correct_under_16_writers(signed_in, another, at_once, users):
    owners = [signed_in() for _ in range(users)]
    copies = [FeedCopy(another(owner)) for owner in owners]

    def work(i):
        try:
            if i < WRITERS:
                scribble(another(owners[i % users]), Random(i))
            else:
                while len(done) < WRITERS:
                    copies[i - WRITERS].follow(limit=7)
        finally:
            done.append(i)

    done = []
    at_once(work, range(WRITERS + users))
    for owner, copy in zip(owners, copies, strict=True):
        copy.follow()
        assert copy.versions == sorted(copy.versions)
        assert without_counts(copy.rows) == without_counts(rows_of_server(owner))


def scribble(client, random):
    """Create, change, move, delete and restore rows at random."""
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
            responses = {
                "edit": lambda url=url: client.patch(url, json={"parent_id": random.choice(ids), "status": "done"}),
                "delete": lambda url=url: client.delete(url),
                "restore": lambda url=url: client.post(f"{url}/restore"),
                "gone": lambda url=url: client.delete(f"{url}?permanent=true"),
            }
            assert responses[kind]().status_code < 500


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
        responses = at_once(send, range(WRITERS))
        assert codes(responses) == [201] * WRITERS
        assert len({response.data for response in responses}) == 1
    assert len(owner.get("/api/v1/tasks").json["items"]) == 3


def test_16_tasks_with_a_new_label_create_it_once(owner, another, at_once):
    body = {"title": "Task", "labels": ["home", "garden"]}
    responses = at_once(lambda _: another(owner).post("/api/v1/tasks", json=body), range(WRITERS))
    assert codes(responses) == [201] * WRITERS
    assert [(item["name"], item["task_count"]) for item in owner.get("/api/v1/labels").json["items"]] == [
        ("garden", WRITERS),
        ("home", WRITERS),
    ]


def test_one_of_16_creations_with_the_same_name_succeeds(owner, another, at_once):
    responses = at_once(lambda _: another(owner).post("/api/v1/projects", json={"name": "Garden"}), range(WRITERS))
    assert codes(responses) == [201] + [409] * (WRITERS - 1)


def test_no_task_is_created_in_a_project_during_its_deletion(owner, another, at_once):
    for round_ in range(5):
        project = owner.post("/api/v1/projects", json={"name": f"Garden {round_}"}).json["id"]
        url = f"/api/v1/projects/{project}?permanent=true"
        body = {"title": "Task", "project_id": project}
        steps = [lambda url=url: another(owner).delete(url)]
        steps += [lambda body=body: another(owner).post("/api/v1/tasks", json=body) for _ in range(3)]
        responses = at_once(lambda step: step(), steps)
        assert {response.status_code for response in responses} <= {204, 201, 422}
        assert owner.get(f"/api/v1/tasks?project_id={project}").json["items"] == []
