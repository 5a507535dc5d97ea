"""What a revision may do while the release before it still serves: docs/migrations.md, as code."""

import ast
import re
from pathlib import Path

import pytest

from taskapi.config import VERSION
from taskapi.migrations import history

BASELINE = "0001"  # the schema of the first release; the rule applies to every later revision


def release(name):
    return tuple(map(int, name.split(".")))


def option(call, name):
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def is_false(node):
    return isinstance(node, ast.Constant) and node.value is False


def is_true(node):
    return isinstance(node, ast.Constant) and node.value is True


def said(call):
    """Return the name of what is called, and of an `execute` the statement."""
    strings = [part.value for part in ast.walk(call) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return " ".join(strings).upper() if call.func.attr == "execute" else call.func.attr


def calls_in(text):
    """Return what `upgrade` calls, but for what it does to tables that it has made itself."""
    (upgrade,) = (node for node in ast.parse(text).body if getattr(node, "name", None) == "upgrade")
    calls = [call for call in ast.walk(upgrade) if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)]
    made = {call.args[0].value for call in calls if call.func.attr == "create_table"}
    batches = {  # the tables of calls within `with op.batch_alter_table(…) as batch_op`
        call: item.context_expr.args[0].value
        for node in ast.walk(upgrade)
        if isinstance(node, ast.With)
        for item in node.items
        if isinstance(item.optional_vars, ast.Name)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and getattr(getattr(call.func, "value", None), "id", "") == item.optional_vars.id
    }
    for call in calls:
        table = batches.get(call) or next((w.value for w in call.args[:2] if getattr(w, "value", None) in made), None)
        if table not in made:
            yield call


def needs_a_value(call):
    columns = [part for part in ast.walk(call) if isinstance(part, ast.Call)]
    return any(is_false(option(part, "nullable")) and not option(part, "server_default") for part in columns)


BREAKS = {  # the release before could not go on
    "the old code uses it": lambda call: re.search(
        r"^drop_(table|column)$|\bDROP (TABLE|COLUMN|FUNCTION)\b", said(call)
    ),
    "the old code knows it by its name and type: add the new beside it": lambda call: (
        re.search(r"^rename_table$|\bRENAME\b|\bALTER COLUMN \w+ TYPE\b", said(call))
        or option(call, "new_column_name")
        or option(call, "type_")
    ),
    "the old code leaves the column out: nullable, or with a server_default": lambda call: (
        (said(call) in {"add_column", "alter_column"} and needs_a_value(call)) or "SET NOT NULL" in said(call)
    ),
    "the old code may write what it refuses": lambda call: (
        re.search(r"^create_.*_(constraint|key)$|\bADD CONSTRAINT\b", said(call)) or is_true(option(call, "unique"))
    ),
}
WHY_NOT_AT_ONCE = "nobody writes while an index is built: postgresql_concurrently, in an autocommit_block"


def faults(text):
    """Return what is wrong with a revision. One that a release which is out suits may break what is older."""
    named = re.search(r'^suits_since = "([\d.]+)"', text, re.MULTILINE)
    may_break = named is not None and release(named[1]) < release(VERSION)
    for call in calls_in(text):
        if not may_break:
            yield from (f"{said(call)}: {why}" for why, breaks in BREAKS.items() if breaks(call))
        if said(call) == "create_index" and not option(call, "postgresql_concurrently"):
            yield f"create_index: {WHY_NOT_AT_ONCE}"


def test_previous_release_works_after_each_revision(app):
    with app.app_context():
        revisions = [Path(script.path) for script in history().walk_revisions() if script.revision != BASELINE]
    found = {path.name: [*faults(path.read_text())] for path in revisions}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        'op.drop_column("tasks", "title")',
        'op.drop_table("tasks")',
        'op.execute("ALTER TABLE tasks DROP COLUMN title")',
        'op.rename_table("tasks", "things")',
        'op.execute("ALTER TABLE tasks RENAME title TO name")',
        'op.execute("ALTER TABLE tasks ALTER COLUMN title SET NOT NULL")',
        'op.alter_column("tasks", "title", new_column_name="name")',
        'op.alter_column("tasks", "title", type_=sa.Text())',
        'op.alter_column("tasks", "title", nullable=False)',
        'op.add_column("tasks", sa.Column("name", sa.Text(), nullable=False))',
        'op.create_unique_constraint(None, "tasks", ["title"])',
        'op.create_index("more", "tasks", ["title"])',
        'op.create_index("more", "tasks", ["title"], unique=True, postgresql_concurrently=True)',
        'with op.batch_alter_table("tasks") as batch_op:\n        batch_op.drop_column("title")',
    ],
)
def test_breaking_operations_are_found(line):
    assert len([*faults(f"def upgrade():\n    {line}\n")]) == 1


@pytest.mark.parametrize(
    "line",
    [
        'op.add_column("tasks", sa.Column("name", sa.Text(), nullable=True))',
        'op.add_column("tasks", sa.Column("size", sa.Integer(), nullable=False, server_default="0"))',
        'op.create_table("things")\n    op.create_index("more", "things", ["title"])',
        'op.create_index("more", "tasks", ["title"], unique=False, postgresql_concurrently=True)',
        'op.drop_index("more", table_name="tasks")',
        """op.create_table("things")
    with op.batch_alter_table("things") as batch_op:
        batch_op.create_index("more", ["title"], unique=True)
    with op.batch_alter_table("tasks") as batch_op:
        batch_op.add_column(sa.Column("size", sa.Integer()))""",
        'op.execute("UPDATE tasks SET size = 1")',
    ],
)
def test_compatible_operations_are_allowed(line):
    assert [*faults(f"def upgrade():\n    {line}\n")] == []


@pytest.mark.parametrize(("named", "expected"), [("0.0.9", 0), (VERSION, 1)])
def test_operation_that_all_releases_tolerate_is_allowed(named, expected):
    text = f'suits_since = "{named}"\n\n\ndef upgrade():\n    op.drop_column("tasks", "title")\n'
    assert len([*faults(text)]) == expected
