"""Dependencies: normalised names, and an upper bound for each that we use beyond its documentation."""

import ast
import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
# The private names that our code uses, and their packages. None: the name is documented
PRIVATE = {
    "_AppCtxGlobals": "flask",
    "_deserialize": None,
    "_fields": None,
    "_get_current_object": None,
    "_handle_dbapi_exception": "sqlalchemy",
    "_mapping": None,
    "_replace": None,
}
# Modules that the documentation of their package does not describe as public
UNDOCUMENTED = {
    "flask.ctx": "flask",
    "psycopg.pq": "psycopg",
    "psycopg.waiting": "psycopg",
    "redis.connection": "redis",
}


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


def test_private_names_of_dependencies_are_listed():
    used = {name for path in sources() for name in private_names(path)}
    assert used == set(PRIVATE)


def undocumented_modules():
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources())
    return {module for module in UNDOCUMENTED if re.search(rf"\b{re.escape(module)}\b", text)}


def test_undocumented_use_of_a_dependency_has_an_upper_bound():
    assert undocumented_modules() == set(UNDOCUMENTED)
    bounded = {
        name
        for name, requirement in requirements().items()
        if any(one.operator in {"<", "<="} for one in requirement.specifier)
    }
    assert {*filter(None, PRIVATE.values()), *UNDOCUMENTED.values()} <= bounded
