"""Any sequence of changes: the order is that of a simple list of ids for each group."""

from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.extensions.order.ordering import listed, move

pytestmark = pytest.mark.slow

sides = st.sampled_from(["after", "before"])


class OrderMachine(RuleBasedStateMachine):
    """One user with tasks in two projects, without a project, and under a parent."""

    def __init__(self, client, twin):
        super().__init__()
        self.client = client
        self.twin = twin
        names = ("Garden", "Balcony")
        made = [client.post("/api/v1/projects", json={"name": f"{name} {id(self)}"}).json["id"] for name in names]
        parent = client.post("/api/v1/tasks", json={"title": "Parent", "project_id": made[1]}).json["id"]
        self.places = [
            {"project_id": None, "parent_id": None},
            {"project_id": made[0], "parent_id": None},
            {"project_id": made[1], "parent_id": parent},
        ]
        self.lists = [[], [], []]  # all tasks of each place in their order, with those in the trash
        self.trash = set()

    def draw(self, data, tasks):
        return data.draw(st.sampled_from(sorted(tasks)))

    def live(self, place):
        return [task_id for task_id in self.lists[place] if task_id not in self.trash]

    @rule(place=st.integers(0, 2), count=st.integers(1, 3))
    def add(self, place, count):
        for _ in range(count):
            response = self.client.post("/api/v1/tasks", json={"title": "Rake", **self.places[place]})
            assert response.status_code == 201, response.text
            self.lists[place].append(response.json["id"])

    @precondition(lambda self: any(len(self.live(place)) > 1 for place in range(3)))
    @rule(data=st.data(), side=sides)
    def move(self, data, side):
        place = data.draw(st.sampled_from([place for place in range(3) if len(self.live(place)) > 1]))
        moved, beside = data.draw(st.lists(st.sampled_from(self.live(place)), min_size=2, max_size=2, unique=True))
        response = move(self.client, moved, **{side: beside})
        assert response.status_code == 200, response.text
        self.expect(place, moved, side, beside)

    @precondition(lambda self: any(len(self.live(place)) > 2 for place in range(3)))
    @rule(data=st.data(), side=sides, other_side=sides)
    def move_two_at_once(self, data, side, other_side):
        """The result is that of one after the other."""
        place = data.draw(st.sampled_from([place for place in range(3) if len(self.live(place)) > 2]))
        draw = st.lists(st.sampled_from(self.live(place)), min_size=2, max_size=2, unique=True)
        moves = [(*data.draw(draw), side), (*data.draw(draw), other_side)]
        with ThreadPoolExecutor(2) as pool:
            clients = (self.client, self.twin)
            send = lambda client, one: move(client, one[0], **{one[2]: one[1]})  # noqa: E731
            responses = list(pool.map(send, clients, moves))
        assert [response.status_code for response in responses] == [200, 200]
        shown = [item["id"] for item in listed(self.client, **self.query(place))]
        expected = []
        for order in (moves, moves[::-1]):
            trial = self.live(place)
            for moved, beside, where in order:
                put(trial, moved, where, beside)
            expected.append(trial)
        assert shown in expected, moves
        for moved, beside, where in moves if shown == expected[0] else moves[::-1]:
            self.expect(place, moved, where, beside)

    @precondition(lambda self: any(map(self.live, range(3))))
    @rule(data=st.data())
    def delete(self, data):
        task_id = self.draw(data, {task_id for place in range(3) for task_id in self.live(place)})
        assert self.client.delete(f"/api/v1/tasks/{task_id}").status_code == 204
        self.trash.add(task_id)

    @precondition(lambda self: self.trash)
    @rule(data=st.data())
    def restore(self, data):
        task_id = self.draw(data, self.trash)
        assert self.client.post(f"/api/v1/tasks/{task_id}/restore").status_code == 200
        self.trash.remove(task_id)

    @precondition(lambda self: any(map(self.live, range(3))))
    @rule(data=st.data(), place=st.integers(0, 2))
    def change_group(self, data, place):
        """It comes last in its new group."""
        task_id = self.draw(data, {task_id for place in range(3) for task_id in self.live(place)})
        response = self.client.patch(f"/api/v1/tasks/{task_id}", json=self.places[place])
        assert response.status_code == 200, response.text
        if task_id not in self.lists[place]:
            for tasks in self.lists:
                if task_id in tasks:
                    tasks.remove(task_id)
            self.lists[place].append(task_id)

    def expect(self, place, moved, side, beside):
        """Put a task beside another one, unless only tasks in the trash are between them."""
        before = self.live(place)
        after = [*before]
        put(after, moved, side, beside)
        if after != before:
            put(self.lists[place], moved, side, beside)

    def query(self, place):
        names = {name: value for name, value in self.places[place].items() if value}
        return names if place != 1 else {**names, "without": "parent"}

    @invariant()
    def order_is_that_of_the_lists(self):
        for place in range(3):
            items = listed(self.client, limit=3, **self.query(place))
            assert [item["id"] for item in items] == self.live(place)
            positions = [item["position"] for item in items]
            assert positions == sorted(positions)
            assert len({*positions}) == len(positions)


def put(tasks, moved, side, beside):
    """Put a task beside another one, in a list."""
    tasks.remove(moved)
    tasks.insert(tasks.index(beside) + (side == "after"), moved)


def test_order_is_that_of_a_list(app, signed_in):
    def machine():
        client = signed_in()
        twin = app.test_client()
        twin.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {client.token}"
        return OrderMachine(client, twin)

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[*HealthCheck], database=None
        ),
    )
