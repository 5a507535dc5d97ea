"""Moves at the same time, of tasks of the same group: each one is as if it were alone."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier

import pytest

from tests.extensions.order.ordering import listed, move

WRITERS = 8
MOVES = 15  # by each writer
OFFSETS = {"after": 1, "before": -1}


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [3, 30])
def test_concurrent_moves_are_serializable(app, owner, tasks):
    """Replayed in the order of their versions, each task is directly beside the other one after its move."""
    ids = [owner.post("/api/v1/tasks", json={"title": f"Task {i}"}).json["id"] for i in range(tasks)]
    positions = {item["id"]: item["position"] for item in listed(owner)}
    versions = {item["id"]: item["version"] for item in listed(owner)}
    barrier = Barrier(WRITERS)

    def work(seed):
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {owner.token}"
        random = Random(seed)
        barrier.wait()
        done = []
        for _ in range(MOVES):
            moved, beside = random.sample(ids, 2)
            side = random.choice(["after", "before"])
            response = move(client, moved, **{side: beside})
            assert response.status_code == 200, response.text
            done.append((response.json["version"], moved, response.json["position"], side, beside))
        return done

    with ThreadPoolExecutor(WRITERS) as pool:
        done = [entry for entries in pool.map(work, range(WRITERS)) for entry in entries]
    first = max(versions.values())
    replayed = sorted({(version, moved, position) for version, moved, position, *_ in done if version > first})
    assert len(replayed) > MOVES
    assert len({version for version, *_ in replayed}) == len(replayed)
    for version, moved, position in replayed:
        positions[moved] = position
        order = sorted(ids, key=positions.__getitem__)
        places = [(side, beside) for other, *_, side, beside in done if other == version]  # of repeated moves, too
        assert any(order.index(moved) - order.index(beside) == OFFSETS[side] for side, beside in places)
        assert len({*positions.values()}) == tasks
    assert [item["id"] for item in listed(owner)] == order
