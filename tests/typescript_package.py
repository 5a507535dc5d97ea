"""The npm package of the TypeScript client: pack it, and install it as users do."""

import json
import subprocess
import tarfile
from pathlib import Path
from shutil import copytree, ignore_patterns

from conftest import node_package, program

ROOT = Path(__file__).parent.parent
DEPENDENCIES = ("openapi-fetch", "openapi-typescript-helpers")
PROJECT = {"package.json": {"type": "module", "private": True}, "tsconfig.json": {
    "compilerOptions": {
        "strict": True, "target": "es2022", "module": "nodenext", "lib": ["es2022", "dom", "dom.iterable"], "types": [],
    },
}}  # fmt: skip


def run(command: list[str | Path], folder: Path, **environment: str) -> str:
    """Run a program and return its output. Fails with the output if the program fails."""
    done = subprocess.run(
        ["env", *(f"{name}={value}" for name, value in environment.items()), *command],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def pack(folder: Path) -> list[Path]:
    """Pack the client and its dependencies into a folder; returns the archives."""
    modules = node_package("openapi-fetch").parent
    (folder / "node_modules").symlink_to(modules)
    source = copytree(
        ROOT / "clients" / "typescript", folder / "client", ignore=ignore_patterns("dist", "node_modules")
    )
    packages = [source, *(modules / name for name in DEPENDENCIES)]
    npm = program("npm")
    run([npm, "pack", "--silent", source, "--pack-destination", folder], folder)
    run([npm, "pack", "--silent", "--ignore-scripts", *packages[1:], "--pack-destination", folder], folder)
    return sorted(folder.glob("*.tgz"))


def install(archives: list[Path], project: Path) -> None:
    """Install the archives into a new project, without the registry."""
    for name, content in PROJECT.items():
        (project / name).write_text(json.dumps(content))
    run([program("npm"), "install", "--offline", "--no-audit", "--no-fund", *archives], project)


def compile_project(project: Path) -> None:
    """Compile all TypeScript files of a project."""
    run([program("node"), node_package("typescript") / "bin" / "tsc"], project)


def build_example(name: str, folder: Path, **environment: str) -> Path:
    """Compile and build an example application with the packed client; returns the folder of its files."""
    archives = pack(folder)
    app = copytree(ROOT / "examples" / name, folder / name, ignore=ignore_patterns("dist", "node_modules"))
    client = next(path for path in archives if path.name.startswith("taskapi-client"))
    with tarfile.open(client) as archive:
        archive.extractall(folder, filter="data")
    (app / "node_modules").mkdir()
    (folder / "package").rename(app / "node_modules" / "taskapi-client")
    compile_project(app)
    run([program("node"), node_package("vite") / "bin" / "vite.js", "build"], app, **environment)
    return app / "dist"
