"""The rules of the code base, checked."""

import ast
import re
from pathlib import Path

import sqlalchemy as sa

from taskapi.api.error_catalogue import CATALOGUE
from taskapi.config import SETTINGS
from taskapi.database import db
from taskapi.resources.models import Owned

ROOT = Path(__file__).parents[1] / "taskapi"
MODULES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(ROOT.rglob("*.py"))}
# Without revisions, and without the applications of the lessons, which are Flask alone
NOT_OURS = re.compile(r"migrations/versions/|extensions/\w+/migrations/|extensions/lessons/course/")
OURS = {name: text for name, text in MODULES.items() if not NOT_OURS.match(name)}
TREES = {name: ast.parse(text) for name, text in OURS.items()}
COMMITTERS = (
    "routes.py",
    "commands.py",
    "service.py",
    "sample_data.py",
    "cli.py",
    "database/session.py",
    "audit/log.py",
    "auth/refresh.py",
)


def calls(tree, *names):
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names
    ]


def test_only_routes_services_and_commands_commit():
    commits = {name for name, tree in TREES.items() if calls(tree, "commit")}
    assert {name for name in commits if not name.endswith(COMMITTERS) and not name.startswith("cli/")} == set()


def test_every_module_and_public_function_has_a_docstring():
    silent = [name for name, tree in TREES.items() if not ast.get_docstring(tree)]
    for name, tree in TREES.items():
        public = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
        silent += [f"{name}: {function.name}" for function in public if not ast.get_docstring(function)]
    assert silent == []


def test_no_module_has_a_generic_name():
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base"}
    assert [name for name in OURS if drawers & {*Path(name).with_suffix("").parts}] == []


def test_code_has_no_todo_comments():
    assert [name for name, text in OURS.items() if re.search(r"#.*\b(TODO|FIXME|XXX|HACK)\b", text)] == []


def test_errors_are_raised_by_problem_only():
    assert [name for name, text in OURS.items() if re.search(r"\babort\(", text)] == []


def test_sql_is_not_built_from_text():
    without_parameters = {"database/sqlite.py", "database/postgresql.py"}  # PRAGMA; PREPARE and DEALLOCATE
    texts = {name: text for name, text in OURS.items() if name not in without_parameters}
    assert [name for name, text in texts.items() if re.search(r"\b(text|execute)\(\s*f[\"']", text)] == []


def test_relationships_are_not_loaded_lazily(app):
    lazy = [
        str(relationship)
        for mapper in db.Model.registry.mappers
        for relationship in mapper.relationships
        if relationship.lazy not in {"raise", "raise_on_sql", "noload", "write_only"}
    ]
    assert lazy == []


def test_key_of_every_owned_row_starts_with_its_owner(app):
    for model in (mapper.class_ for mapper in db.Model.registry.mappers if issubclass(mapper.class_, Owned)):
        table = model.__table__
        assert next(column.name for column in table.primary_key) == "owner_id", table.name
        for index in (*table.indexes, *(c for c in table.constraints if isinstance(c, sa.UniqueConstraint))):
            assert next(iter(index.columns)).name == "owner_id", index.name


def test_reference_between_owned_rows_has_the_owner(app):
    owned = {m.class_.__table__.name for m in db.Model.registry.mappers if issubclass(m.class_, Owned)}
    for name in owned:
        for key in db.metadata.tables[name].foreign_key_constraints:
            if key.referred_table.name in owned:
                assert "owner_id" in key.column_keys, key.name


def test_every_setting_is_used():
    text = "\n".join(OURS.values())
    unused = {name for name in SETTINGS if not re.search(rf"\.{name.lower()}\b", text)}
    by_table = {name for name in unused if name.startswith("MAX_") and 'f"max_{table}"' in text}
    assert unused == by_table


def test_every_error_of_the_catalogue_is_used():
    outside = "\n".join(
        text for name, text in OURS.items() if name not in {"api/error_catalogue.py", "api/openapi_components.py"}
    )
    outside = re.sub(r"@\w+\.problems\([^)]*\)", "", outside)  # what is only documented is not used
    table = OURS["api/error_catalogue.py"].split("\n}\n", 1)[1]
    assert [code for code in CATALOGUE if f'"{code}"' not in outside + table] == []
    said = set(re.findall(r'\bproblem\(\s*"(\w+)"', outside))
    assert said <= CATALOGUE.keys()
