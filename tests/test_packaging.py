"""Dependencies: normalised names, no private API, and an upper bound where behaviour is overridden."""

import ast
import re
from inspect import signature
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from psycopg import Connection
from surface import needs

ROOT = Path(__file__).parent.parent
# Names with an underscore that our code uses. All are documented by their packages
DOCUMENTED = {"_deserialize", "_fields", "_get_current_object", "_mapping", "_replace"}


def requirements():
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line.partition("  #")[0]) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def sources():
    return [ROOT / "gunicorn.conf.py", *(ROOT / "taskapi").rglob("*.py")]


def private_names(path):
    """Yield the private names that a file uses, except those of `self` and `cls`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and re.match("_[a-zA-Z]", node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}):
                yield node.attr
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith(("taskapi", "_typeshed")):
            yield from (name.name for name in node.names if re.match("_[a-zA-Z]", name.name))


def test_extras_have_normalised_names():
    extras = {extra for requirement in requirements().values() for extra in requirement.extras}
    assert extras == {"asymmetric-crypto", "binary"}
    assert extras == {canonicalize_name(extra) for extra in extras}


@needs("admin")
def test_no_private_name_of_a_dependency_is_used():
    used = {name for path in sources() for name in private_names(path)}
    assert used == DOCUMENTED


def test_psycopg_waits_by_the_method_that_is_overridden():
    """`BoundedConnection.wait` is the one use of a dependency beyond its documentation."""
    assert [*signature(Connection.wait).parameters] == ["self", "gen", "interval", "timeout"]
    assert any(one.operator == "<" for one in requirements()["psycopg"].specifier)
