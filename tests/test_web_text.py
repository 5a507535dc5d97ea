"""The browser client's own rules, tried in a browser: quick add, days where a person lives, edits that meet."""

import pytest

from taskapi.web.routes import RELEASE

NOON = "2030-06-12T12:00:00Z"  # a Wednesday

LINES = {
    "Milk": {"title": "Milk"},
    "Milk !high": {"title": "Milk", "priority": "high"},
    "!u Milk": {"title": "Milk", "priority": "urgent"},
    "Milk !nonsense": {"title": "Milk !nonsense"},
    "Milk!": {"title": "Milk!"},
    "Milk #home #far away": {"title": "Milk away", "labels": ["home", "far"]},
    'Milk #"far away"': {"title": "Milk", "labels": ["far away"]},
    'Milk @"The Shop" #home': {"title": "Milk", "labels": ["home"], "project": "The Shop"},
    "Write to ada@example.org": {"title": "Write to ada@example.org"},
    "Issue #": {"title": "Issue #"},
    "Milk today": {"title": "Milk", "due_date": "2030-06-12"},
    "Milk tomorrow": {"title": "Milk", "due_date": "2030-06-13"},
    "Milk on Friday": {"title": "Milk", "due_date": "2030-06-14"},
    "Milk wed": {"title": "Milk", "due_date": "2030-06-19"},
    "Milk next week": {"title": "Milk", "due_date": "2030-06-17"},
    "Milk in 3 days": {"title": "Milk", "due_date": "2030-06-15"},
    "Milk in 2 weeks #home": {"title": "Milk", "labels": ["home"], "due_date": "2030-06-26"},
    "Milk 2031-01-31": {"title": "Milk", "due_date": "2031-01-31"},
    "Milk 2031-02-31": {"title": "Milk 2031-02-31"},
    "Milk tomorrow at 6pm": {"title": "Milk", "due_at": "2030-06-13T16:00:00Z"},
    "Milk 18:30": {"title": "Milk", "due_at": "2030-06-12T16:30:00Z"},
    "Milk 25:00": {"title": "Milk 25:00"},
    "Chapter 12": {"title": "Chapter 12"},
    "Tomorrow": {"title": "Tomorrow"},
    "Monday is a song": {"title": "Monday is a song"},
    "<b>Milk</b> & co": {"title": "<b>Milk</b> & co"},
}


@pytest.fixture
def run(site, page):
    """Run an expression in which a module of the client is `m`, on a Wednesday, for somebody in Berlin."""
    page.clock.set_fixed_time(NOON)
    page.goto(site)

    def run(module, expression, given=None):
        days = f"/static/{RELEASE}/text/days.js"
        script = f"""async given => {{
            (await import('{days}')).setZone('Europe/Berlin');
            const m = await import('/static/{RELEASE}/{module}');
            return {expression};
        }}"""
        return page.evaluate(script, given)

    return run


def test_quick_add_reads_a_line(run, subtests):
    read = run("text/quickadd.js", "given.map(m.parse)", [*LINES])
    for line, found in zip(LINES, read, strict=True):
        with subtests.test(line=line):
            assert found == LINES[line]


def test_a_word_that_is_begun_can_be_finished(run):
    finish = "m.finish(given[0], given[1], m.wordAt(given[0], given[1]), given[2])"
    assert run("text/quickadd.js", finish, ["Milk #ho now", 8, "home"]) == {"line": "Milk #home now", "cursor": 11}
    assert run("text/quickadd.js", finish, ["Milk @", 6, "The Shop"])["line"] == 'Milk @"The Shop" '
    assert run("text/quickadd.js", "m.wordAt('a@b', 3)") is None


INSTANTS = {
    "2030-06-11T22:00:00Z": ("2030-06-12", "00:00"),
    "2030-12-11T23:00:00Z": ("2030-12-12", "00:00"),
    "2030-03-31T00:59:00Z": ("2030-03-31", "01:59"),
    "2030-03-31T01:00:00Z": ("2030-03-31", "03:00"),
    "2030-10-27T11:00:00Z": ("2030-10-27", "12:00"),
}


def test_a_time_of_day_is_an_instant_of_the_persons_zone(run):
    expression = "given.map(([day, time]) => m.instantOf(day, time))"
    assert run("text/days.js", expression, [*INSTANTS.values()]) == [*INSTANTS]
    read = run("text/days.js", "given.map(at => [m.dayOf(at), m.timeOf(at)])", [*INSTANTS])
    assert [tuple(each) for each in read] == [*INSTANTS.values()]


DUE = [
    ({"due_date": "2030-06-12"}, "Today", False),
    ({"due_date": "2030-06-11"}, "Yesterday", True),
    ({"due_date": "2030-06-16"}, "Sunday", False),
    ({"due_date": "2031-01-01"}, "1 Jan 2031", False),
    ({"due_at": "2030-06-12T11:00:00Z"}, "Today, 13:00", True),
    ({"due_at": "2030-06-12T22:30:00Z"}, "Tomorrow, 00:30", False),
]


def test_a_due_day_is_near_or_far_as_seen_from_where_the_person_lives(run, subtests):
    tasks = [{"status": "todo", "due_date": None, "due_at": None, **due} for due, _, _ in DUE]
    read = run("text/days.js", "given.map(task => [m.describeDue(task), m.isOverdue(task)])", tasks)
    for (due, words, overdue), found in zip(DUE, read, strict=True):
        with subtests.test(due=due):
            assert found == [words, overdue]


BASE = {"title": "Milk", "priority": "none", "labels": ["a"], "due_date": None, "due_at": None, "description": ""}
EDITS = [
    ({"title": "Oats"}, {}, []),
    ({"title": "Oats"}, {"priority": "high"}, []),
    ({"title": "Oats"}, {"title": "Oats"}, []),
    ({"title": "Oats"}, {"title": "Rice"}, ["title"]),
    ({"labels": ["b", "a"]}, {"labels": ["A", "B"]}, []),
    ({"due_date": "2030-01-01", "due_at": None}, {"due_at": "2030-01-01T00:00:00Z"}, ["due"]),
    ({"due_date": "2030-01-01"}, {"title": "Rice"}, []),
    ({"title": "Oats", "priority": "low"}, {"title": "Rice", "priority": "high"}, ["title", "priority"]),
]


def test_two_edits_clash_in_the_fields_that_both_changed_and_not_to_the_same(run, subtests):
    edits = [[BASE, mine, {**BASE, **theirs}] for mine, theirs, _ in EDITS]
    read = run("data/merge.js", "given.map(edits => m.conflicts(...edits))", edits)
    for (mine, theirs, clash), found in zip(EDITS, read, strict=True):
        with subtests.test(mine=mine, theirs=theirs):
            assert found == clash
