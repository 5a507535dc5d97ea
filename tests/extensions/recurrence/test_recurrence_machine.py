"""Any sequence of changes: each completion of a recurring task is followed by one task, as in a plain model."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.extensions.recurrence.recurring import TASKS, add

pytestmark = pytest.mark.slow

FIRST = date(2090, 1, 5)  # in the future, so that no date is missed
STATUSES = ["todo", "in_progress", "cancelled"]


class RecurrenceMachine(RuleBasedStateMachine):
    """One user with daily tasks and weekly ones of two weeks, some of which end, and their subtasks."""

    def __init__(self, client, twin):
        super().__init__()
        self.client = client
        self.twin = twin
        self.tasks = {}  # by id: title, days, count, due, status, next, parent, deleted, touched

    def draw(self, data, condition):
        return data.draw(st.sampled_from(self.ids(condition)))

    def ids(self, condition=lambda _: True):
        return sorted(task_id for task_id, task in self.tasks.items() if condition(task))

    def patch(self, task_id, client=None, **changes):
        return (client or self.client).patch(f"{TASKS}/{task_id}", json=changes)

    def below(self, task_id):
        children = self.ids(lambda task: task["parent"] == task_id)
        return [*children, *(found for child in children for found in self.below(child))]

    @rule(days=st.sampled_from([1, 14]), count=st.sampled_from([None, 1, 2, 5]))
    def add(self, days, count):
        text = ("FREQ=DAILY" if days == 1 else "FREQ=WEEKLY;INTERVAL=2") + (f";COUNT={count}" if count else "")
        task = add(self.client, text, FIRST.isoformat(), title=f"Task {len(self.tasks)}")
        self.expect(task["id"], title=task["title"], days=days, count=count, due=FIRST)

    def expect(self, task_id, parent=None, **fields):
        self.tasks[task_id] = {
            "status": "todo",
            "next": None,
            "deleted": None,
            "touched": True,
            "parent": parent,
            **fields,
        }

    @precondition(lambda self: self.ids(is_live_root))
    @rule(data=st.data())
    def add_subtask(self, data):
        parent = self.draw(data, is_live_root)
        response = self.client.post(TASKS, json={"title": f"Step {len(self.tasks)}", "parent_id": parent})
        assert response.status_code == 201, response.text
        self.expect(response.json["id"], parent, title=response.json["title"], days=None, count=None, due=None)

    @precondition(lambda self: self.ids(is_live))
    @rule(data=st.data(), at_once=st.integers(1, 3))
    def complete(self, data, at_once):
        """Complete a task by one request, or by several at once, which is also what a retry does."""
        task_id = self.draw(data, is_live)
        with ThreadPoolExecutor(2) as pool:
            clients = [self.client, self.twin]
            send = lambda number: self.patch(task_id, clients[number % 2], status="done")  # noqa: E731
            responses = list(pool.map(send, range(at_once)))
        assert {response.status_code for response in responses} == {200}
        [next_id] = {response.json["next_id"] for response in responses}
        self.expect_completed(task_id, next_id)

    @precondition(lambda self: self.ids(is_live))
    @rule(data=st.data())
    def complete_and_cancel_at_once(self, data):
        """The result is that of one after the other."""
        task_id = self.draw(data, is_live)
        with ThreadPoolExecutor(2) as pool:
            both = [(self.client, "done"), (self.twin, "cancelled")]
            responses = list(pool.map(lambda one: self.patch(task_id, one[0], status=one[1]), both))
        done, cancelled = (response.json for response in responses)
        if done["version"] < cancelled["version"]:
            self.expect_completed(task_id, done["next_id"], with_copies=False)  # they are removed by now
            self.expect_reopened(task_id, "cancelled")
        else:
            self.expect_reopened(task_id, "cancelled")
            self.expect_completed(task_id, done["next_id"])
        assert self.patch(task_id, status="todo").status_code == 200  # so that both orders end alike
        self.expect_reopened(task_id, "todo")

    def expect_completed(self, task_id, next_id, *, with_copies=True):
        task = self.tasks[task_id]
        was_done, before = task["status"] == "done", task["next"]
        task["status"] = "done"
        self.touch(task_id, changed=not was_done)
        if was_done or before or not task["days"] or task["count"] == 1:
            assert next_id == before
            return
        assert next_id not in {None, *self.tasks}
        task["next"] = next_id
        shift = timedelta(days=task["days"])
        self.expect(next_id, task["parent"], title=task["title"], days=task["days"], due=task["due"] + shift,
                    count=task["count"] and task["count"] - 1, touched=False)  # fmt: skip
        if with_copies:
            self.learn_copies(task_id, next_id)

    def learn_copies(self, task_id, next_id):
        """Take the ids of the copied subtasks from the server, and compare them with the subtasks."""
        originals = sorted(self.tasks[each]["title"] for each in self.below(task_id) if not self.tasks[each]["deleted"])
        copies = self.client.get(TASKS, query_string={"parent_id": next_id, "limit": 100}).json["items"]
        assert sorted(copy["title"] for copy in copies) == originals
        for copy in copies:
            self.expect(copy["id"], next_id, title=copy["title"], days=None, count=None, due=None, touched=False)

    @precondition(lambda self: self.ids(is_live))
    @rule(data=st.data(), status=st.sampled_from(STATUSES))
    def set_status(self, data, status):
        task_id = self.draw(data, is_live)
        assert self.patch(task_id, status=status).status_code == 200
        self.expect_reopened(task_id, status)

    def expect_reopened(self, task_id, status):
        task = self.tasks[task_id]
        self.touch(task_id, changed=task["status"] != status)
        was_done, task["status"] = task["status"] == "done", status
        if not was_done or task["next"] is None:
            return
        following = self.tasks.get(task["next"])
        if following is None or following["deleted"]:
            task["next"] = None
        elif not any(self.tasks[each]["touched"] for each in (task["next"], *self.below(task["next"]))):
            for each in (task["next"], *self.below(task["next"])):
                del self.tasks[each]
            task["next"] = None

    def touch(self, task_id, *, changed=True):
        self.tasks[task_id]["touched"] |= changed

    @precondition(lambda self: self.ids(is_live))
    @rule(data=st.data())
    def edit(self, data):
        task_id = self.draw(data, is_live)
        title = f"{self.tasks[task_id]['title'].split('!')[0]}!{len(self.tasks)}"
        assert self.patch(task_id, title=title).status_code == 200
        self.touch(task_id, changed=self.tasks[task_id]["title"] != title)
        self.tasks[task_id]["title"] = title

    @precondition(lambda self: self.ids(is_live))
    @rule(data=st.data())
    def delete(self, data):
        task_id = self.draw(data, is_live)
        assert self.client.delete(f"{TASKS}/{task_id}").status_code == 204
        for each in (task_id, *self.below(task_id)):
            if not self.tasks[each]["deleted"]:
                self.tasks[each].update(deleted=task_id, touched=True)

    @precondition(lambda self: self.ids(lambda task: task["deleted"]))
    @rule(data=st.data())
    def restore(self, data):
        task_id = self.draw(data, lambda task: task["deleted"])
        response = self.client.post(f"{TASKS}/{task_id}/restore")
        parent = self.tasks.get(self.tasks[task_id]["parent"])
        if parent and parent["deleted"]:
            assert response.json["code"] == "in_trash"
            return
        assert response.status_code == 200, response.text
        group = self.tasks[task_id]["deleted"]
        for task in self.tasks.values():
            if task["deleted"] == group:
                task["deleted"] = None

    @precondition(lambda self: self.ids())
    @rule(data=st.data())
    def delete_permanently(self, data):
        task_id = self.draw(data, lambda _: True)
        assert self.client.delete(f"{TASKS}/{task_id}?permanent=true").status_code == 204
        for each in (task_id, *self.below(task_id)):
            del self.tasks[each]

    @invariant()
    def tasks_are_those_of_the_model(self):
        items = self.client.get(TASKS, query_string={"limit": 100}).json["items"]
        shown = {item["id"]: (item["title"], item["due_date"], item["status"], item["next_id"]) for item in items}
        live = {task_id: task for task_id, task in self.tasks.items() if not task["deleted"]}
        assert len(live) <= 100
        assert shown == {
            task_id: (task["title"], task["due"] and task["due"].isoformat(), task["status"], task["next"])
            for task_id, task in live.items()
        }
        positions = [item["position"] for item in items if item["parent_id"] is None]
        assert len({*positions}) == len(positions)


def is_live(task):
    return not task["deleted"]


def is_live_root(task):
    return not task["deleted"] and task["parent"] is None


def test_completions_are_followed_as_in_a_model(app, signed_in):
    def machine():
        client = signed_in()
        twin = app.test_client()
        twin.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {client.token}"
        return RecurrenceMachine(client, twin)

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=[*HealthCheck], database=None
        ),
    )
