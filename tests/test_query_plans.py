"""Every list, with every filter and every sort, finds its rows by an index."""

import re
from copy import copy
from itertools import product

import pytest
import sqlalchemy as sa
from psycopg import RawCursor
from searching import raise_task_count

from taskapi.database import READER, PreparedStatement, db
from taskapi.extensions import NAMES
from taskapi.resources.pagination import FEW_TASKS

pytestmark = pytest.mark.slow

ID = "01890000-0000-7000-8000-000000000000"
DAY, INSTANT = "2030-01-01", "2030-01-01T00:00:00Z"
FILTERS = [
    "", "status=todo&status=done", "priority=high", f"project_id={ID}", f"parent_id={ID}", "without=project",
    "without=parent", "without=labels", "without=due", "label=home", "label=home&label=garden", "exclude_label=home",
    f"due_after={DAY}", f"due_before={INSTANT}", "overdue=true", f"created_after={INSTANT}",
    f"created_before={INSTANT}", f"updated_after={INSTANT}", f"updated_before={INSTANT}",
    f"completed_after={INSTANT}", f"completed_before={INSTANT}", "q=milk", "q=mi", "q=milk+mi", "deleted=true",
]  # fmt: skip
SORTS = ["created_at", "updated_at", "completed_at", "due", "priority", "title", "position"]
SORTS = [*SORTS, *(f"-{sort}" for sort in SORTS), "priority,due", "-priority,due,title", "due,-created_at"]
OTHERS = [
    "/api/v1/projects", "/api/v1/projects?archived=true", "/api/v1/projects?deleted=true", "/api/v1/labels",
    "/api/v1/labels?deleted=true", "/api/v1/tasks/summary",
    f"/api/v1/tasks/subtask-counts?task_id={ID}&task_id={ID}",
    f"/api/v1/tasks/{ID}", f"/api/v1/projects/{ID}", f"/api/v1/labels/{ID}",
]  # fmt: skip
if "changes" in NAMES:
    OTHERS += ["/api/v1/changes", "/api/v1/changes?since=1"]
READS = r"(SELECT|WITH)\b(?!.*\bdenylist\b)"
TABLES = "tasks|projects|labels|task_labels|tombstones|change_counters|task_search_rows"


@pytest.fixture
def plans(app, owner, monkeypatch):
    """Send a request, and return the query plans of its statements."""
    for i in range(3):
        owner.post("/api/v1/tasks", json={"title": f"Task {i}", "labels": ["home", "garden"], "due_date": "2030-01-01"})
    with app.app_context():
        engine = db.engines[READER]
    raise_task_count(owner, FEW_TASKS)  # so that words are looked up in their index
    asked = []
    record = lambda conn, cursor, statement, parameters, context, many: asked.append((statement, parameters))  # noqa: E731
    sa.event.listen(engine, "before_cursor_execute", record)
    monkeypatch.setattr(PreparedStatement, "all", recorded(PreparedStatement.all, asked))

    def ask(url):
        asked.clear()
        response = owner.get(url)
        assert response.status_code in {200, 404}, response.text
        if "cursor" not in url and response.json.get("next_cursor"):
            mark = "&" if "?" in url else "?"
            owner.get(f"{url}{mark}cursor={response.json['next_cursor']}")
        questions = [question for question in asked if re.match(READS, question[0], re.DOTALL)]
        return [explain(engine, *question) for question in questions]

    yield ask
    sa.event.remove(engine, "before_cursor_execute", record)


def recorded(run, asked):
    """Record prepared statements, which bypass SQLAlchemy and its events."""

    def run_recorded(statement, connection, parameters, rows=0):
        form = copy(statement.compiled_for(connection.dialect))
        if rows:
            form.set_rows(rows)
        asked.append((form.sql, form.values(parameters)))
        return run(statement, connection, parameters, rows)

    return run_recorded


def explain(engine, statement, parameters):
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(parameters)).all()
        depths = {0: -1}
        for number, parent, *_ in rows:
            depths[number] = depths[parent] + 1
        return "\n".join(f"{' ' * depths[row[0]]}{row[3]}" for row in rows)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        if isinstance(parameters, list):  # as prepared statements have them
            explain = RawCursor(connection.connection.driver_connection)
            rows = [row for (row,) in explain.execute(f"EXPLAIN {statement}", parameters)]
        else:
            rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
        connection.exec_driver_sql("SET enable_seqscan = on")
    return "\n".join(rows)


def assert_no_scan(plans):
    assert plans
    for plan in plans:
        assert not re.search(rf"SCAN ({TABLES})\b|Seq Scan on ({TABLES})\b", plan), plan


@pytest.mark.parametrize("sort", SORTS)
def test_no_list_of_tasks_scans_a_table(plans, sort):
    for filter_, limit in product(FILTERS, (1, 100)):
        assert_no_scan(plans(f"/api/v1/tasks?sort={sort}&limit={limit}&{filter_}".rstrip("&")))


@pytest.mark.parametrize("url", OTHERS)
def test_nothing_else_that_is_read_scans_a_table(plans, url):
    assert_no_scan(plans(url))


@pytest.mark.parametrize("sort", [sort for sort in SORTS if "," not in sort])
def test_page_by_one_key_uses_its_index_without_sorting(plans, sort):
    level = "&without=parent" if "position" in sort else ""  # there is no index of the positions of all tasks
    for plan in plans(f"/api/v1/tasks?sort={sort}&limit=1{level}"):
        if "users" in plan:  # the time zone, to which sort=due is bound
            continue
        assert f"ix_tasks_{index_of(sort)}" in plan, plan
        assert not re.search(r"TEMP B-TREE|\bSort +\(", plan), plan


def index_of(sort):
    names = {
        "completed_at": "live_completed_first",
        "-completed_at": "live_completed_last",
        "due": "live_due_first",
        "-due": "live_due_last",
        "priority": "live_priority_rank",
        "title": "live_title_key",
        "position": "roots",
    }
    return names.get(sort) or names.get(sort.removeprefix("-")) or f"live_{sort.removeprefix('-')}"


@pytest.mark.parametrize(
    ("query", "looked_up"),
    [("", 0), ("overdue=true", 0), (f"due_after={INSTANT}", 0), (f"due_after={DAY}", 1), ("sort=due", 1)],
)
def test_time_zone_is_read_only_where_needed(plans, query, looked_up):
    found = plans(f"/api/v1/tasks?{query}".rstrip("?"))
    assert sum("users" in plan for plan in found) == looked_up


@pytest.mark.parametrize("url", ["/api/v1/tasks", f"/api/v1/tasks/{ID}"])
def test_labels_of_a_task_need_no_join(plans, url):
    assert not any("labels" in plan for plan in plans(url))


@pytest.mark.usefixtures("sqlite")
@pytest.mark.parametrize("few", [True, False])
def test_search_uses_its_index_for_users_with_many_tasks(owner, plans, few):
    raise_task_count(owner, -FEW_TASKS if few else 0)
    plan = plans("/api/v1/tasks?q=milk")[-1]
    assert ("SCAN task_search VIRTUAL TABLE INDEX" in plan) != few, plan
