"""Any filter, any sort: reading all pages shows each remaining task once, while tasks are added and deleted."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from taskapi.database.types import fold

pytestmark = pytest.mark.slow

START = datetime(2030, 1, 1, tzinfo=UTC)
STATUSES = ["todo", "in_progress", "done", "cancelled"]
PRIORITIES = ["none", "low", "medium", "high", "urgent"]
WORDS = ["Milk", "brûlée", "100%", "a_b", "milky", "Äpfel", "x"]
instants = st.integers(0, 12).map(lambda hours: (START + timedelta(hours=6 * hours)).isoformat())
days = st.integers(0, 3).map(lambda number: (START + timedelta(days=number)).date().isoformat())
dues = st.one_of(
    st.just({}), days.map(lambda day: {"due_date": day}), instants.map(lambda instant: {"due_at": instant})
)
bodies = st.builds(
    lambda words, due, **rest: {"title": " ".join(words), **due, **rest},
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
    due=dues,
    status=st.sampled_from(STATUSES),
    priority=st.sampled_from(PRIORITIES),
    labels=st.lists(st.sampled_from(["a", "B"]), unique=True),
)
sorts = st.lists(
    st.sampled_from(["created_at", "updated_at", "completed_at", "due", "priority", "title", "position"]),
    min_size=1,
    max_size=3,
    unique=True,
).flatmap(lambda keys: st.tuples(*(st.sampled_from([key, f"-{key}"]) for key in keys)))
filters = st.fixed_dictionaries(
    {},
    optional={
        "status": st.lists(st.sampled_from(STATUSES), min_size=1, max_size=2),
        "priority": st.lists(st.sampled_from(PRIORITIES), min_size=1, max_size=3),
        "label": st.lists(st.sampled_from(["A", "b"]), min_size=1, max_size=2, unique=True),
        "q": st.lists(st.sampled_from(["MILK", "brul", "0%", "_", "apf", "x"]), min_size=1, max_size=2).map(" ".join),
        "due_after": st.one_of(days, instants),
        "due_before": st.one_of(days, instants),
        "exclude_label": st.lists(st.sampled_from(["A", "b"]), min_size=1, max_size=2, unique=True),
        "without": st.lists(st.sampled_from(["project", "parent", "labels", "due"]), min_size=1, max_size=2),
    },
)


class Walk(NamedTuple):
    """The reading of all pages: the query, the tasks that existed when it began, and the tasks that it has shown."""

    question: dict
    sort: tuple
    there: dict
    shown: list


class ListMachine(RuleBasedStateMachine):
    """One user who reads lists on one device and changes tasks on another."""

    def __init__(self, client):
        super().__init__()
        self.client = client
        self.tasks = {}
        self.walk = None
        self.cursor = None

    @rule(body=bodies)
    def add(self, body):
        response = self.client.post("/api/v1/tasks", json=body)
        assert response.status_code == 201, response.text
        self.tasks[response.json["id"]] = response.json

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), body=bodies)
    def change(self, data, body):
        task_id = data.draw(st.sampled_from(sorted(self.tasks)))
        cleared = {"due_date": None, "due_at": None}
        self.tasks[task_id] = self.client.patch(f"/api/v1/tasks/{task_id}", json={**cleared, **body}).json

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def delete(self, data):
        task_id = data.draw(st.sampled_from(sorted(self.tasks)))
        assert self.client.delete(f"/api/v1/tasks/{task_id}").status_code == 204
        del self.tasks[task_id]

    @precondition(lambda self: self.walk is None)
    @rule(question=filters, sort=sorts, limit=st.integers(1, 4))
    def begin(self, question, sort, limit):
        question = {**question, "sort": ",".join(sort), "limit": limit}
        there = {id_: task for id_, task in self.tasks.items() if matches(task, question)}
        self.walk = Walk(question, sort, there, [])
        self.cursor = None
        self.go_on()

    @precondition(lambda self: self.walk is not None)
    @rule()
    def go_on(self):
        query = self.walk.question | ({"cursor": self.cursor} if self.cursor else {})
        response = self.client.get("/api/v1/tasks", query_string=query)
        assert response.status_code == 200, response.text
        for item in response.json["items"]:
            assert item == self.tasks[item["id"]]
            assert matches(item, self.walk.question)
        self.walk.shown.extend(response.json["items"])
        self.cursor = response.json["next_cursor"]
        if self.cursor is None:
            self.check()
            self.walk = None

    def check(self):
        """Compare the tasks that were shown with those that existed from the first page to the last."""
        untouched = {id_ for id_, task in self.walk.there.items() if self.tasks.get(id_) == task}
        shown = [item["id"] for item in self.walk.shown]
        versions = {(item["id"], item["version"]) for item in self.walk.shown}
        assert len(versions) == len(shown), "shown twice"
        assert untouched <= set(shown), "skipped"
        for one, two in pairwise(self.walk.shown):
            assert in_order(one, two, self.walk.sort), (one, two)


def matches(task, question):
    """Return whether a task meets the filters, by the documentation of the API."""
    words = fold(f"{task['title']}\n{task['description']}")
    due = due_of(task)
    after, before = question.get("due_after"), question.get("due_before")
    return (
        task["status"] in question.get("status", STATUSES)
        and task["priority"] in question.get("priority", PRIORITIES)
        and {name.casefold() for name in question.get("label", [])} <= {name.casefold() for name in task["labels"]}
        and not {name.casefold() for name in question.get("exclude_label", [])}
        & {name.casefold() for name in task["labels"]}
        and ("labels" not in question.get("without", []) or not task["labels"])
        and ("due" not in question.get("without", []) or due is None)
        and all(fold(word) in words for word in question.get("q", "").split())
        and (after is None or (due is not None and due >= beginning_of(after)))
        and (before is None or (due is not None and due < beginning_of(before)))
    )


def due_of(task):
    """Return when a task is due; a day is over when its last instant is."""
    if task["due_at"]:
        return datetime.fromisoformat(task["due_at"])
    if task["due_date"]:
        return datetime.fromisoformat(f"{task['due_date']}T23:59:59.999999+00:00")
    return None


def beginning_of(text):
    return datetime.fromisoformat(text if "T" in text else f"{text}T00:00:00+00:00")


KEYS = {
    "created_at": lambda task: task["created_at"],
    "completed_at": lambda task: task["completed_at"],
    "position": lambda task: task["position"],
    "updated_at": lambda task: task["updated_at"],
    "priority": lambda task: PRIORITIES.index(task["priority"]),
    "title": lambda task: fold(task["title"]),
}


def in_order(one, two, sort):
    """Tell whether one may come before two; no due date comes last, whichever way it goes."""
    for key in sort:
        name = key.removeprefix("-")
        if name in {"due", "completed_at"}:
            here, there = map(due_of if name == "due" else KEYS[name], (one, two))
            if (here is None) != (there is None):
                return there is None
        else:
            here, there = KEYS[name](one), KEYS[name](two)
        if here != there:
            return (here > there) == key.startswith("-")
    return (one["id"] > two["id"]) == sort[-1].startswith("-")


def test_paging_shows_each_remaining_task_once_in_order(signed_in):
    run_state_machine_as_test(
        lambda: ListMachine(signed_in()),
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
