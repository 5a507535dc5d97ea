"""The types of the TypeScript client, made from the OpenAPI document by openapi-typescript."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PROGRAM = ROOT / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
SCHEMA = ROOT / "clients" / "typescript" / "src" / "schema.ts"
FILE = re.compile(r"(\* Format: binary\n(?:(?!\*/).)*\*/\s+\w+): string;", re.DOTALL)
PATHS = """
/** The paths whose POST requests accept an Idempotency-Key. */
export const idempotentPaths: ReadonlySet<string> = new Set({});
"""


def documents(document: dict[str, Any]) -> dict[Path, str]:
    """Return the types by path; nothing without Node.js and the packages of `make node`."""
    node = shutil.which("node")
    if not node or not PROGRAM.is_file():
        sys.stderr.write(f"{SCHEMA.relative_to(ROOT)} is not generated: it needs Node.js and `make node`.\n")
        return {}
    text = json.dumps(document)
    done = subprocess.run([node, PROGRAM], input=text, capture_output=True, text=True, check=True)  # noqa: S603
    types = FILE.sub(r"\1: Blob;", done.stdout)  # openapi-typescript has no type for files
    return {SCHEMA: types + PATHS.format(json.dumps(_idempotent_paths(document), indent=2))}


def _idempotent_paths(document: dict[str, Any]) -> list[str]:
    """Return the paths whose POST declares the header Idempotency-Key."""
    operations = {path: item.get("post", {}) for path, item in document["paths"].items()}
    return [
        path
        for path, operation in operations.items()
        if any(parameter.get("name") == "Idempotency-Key" for parameter in operation.get("parameters", []))
    ]
