"""Write the documents that are made from the code: `make docs`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs import postman
from taskapi.api.error_catalogue import CATALOGUE
from taskapi.config import PREFIX, SETTINGS

ROOT = Path(__file__).parent.parent
NOTE = "Made by `make docs`; change the code instead."


def documents() -> dict[Path, str]:
    """Return every generated document by its place."""
    return {
        ROOT / ".env.example": "\n".join(_example()) + "\n",
        ROOT / "docs" / "settings.md": "\n".join(_settings()) + "\n",
        ROOT / "docs" / "errors.md": "\n".join(_errors()) + "\n",
    }


def _example() -> Iterator[str]:
    yield "# Copy this to .env, and take the mark off what you set. What stays marked has the default shown."
    yield f"# {NOTE.replace('`', '')}"
    for name, setting in SETTINGS.items():
        yield f"\n# {setting.metadata['help']}"
        yield f"#{PREFIX}{name}={_text(setting.default)}"


def _settings() -> Iterator[str]:
    yield f"""# Settings

<!-- {NOTE} -->

Each setting is an environment variable, `{PREFIX}` and its name. The same name with `_FILE` behind it names a file that
holds the value, as secret stores mount them. They are gathered from four places, each stronger than the one before:

1. `config.py` in the instance folder, a Python file with the names as below (`BCRYPT_ROUNDS = 13`)
2. `.env`, in the folder you start from or one above it
3. the environment
4. what a program hands to `create_app({{"BCRYPT_ROUNDS": 13}})`

`DATABASE_URL` and `REDIS_URL` count without the prefix too, where the prefixed name is not set. Durations are seconds,
sizes bytes, booleans `true` or `false`; lists are comma-separated; an empty value counts as none. A wrong setting keeps
the service from starting, and all that are wrong are told at once. `flask doctor` tells which are set.

An unknown name with this prefix is logged as a warning at start, with the setting that it resembles, and fails `flask
doctor`. The variables that Kubernetes sets in each pod for a Service named `taskapi` (`TASKAPI_PORT=tcp://…`,
`TASKAPI_SERVICE_HOST` and so on) are ignored; `flask doctor` lists them in a warning.

`.env` and the files named by `_FILE` are UTF-8, with or without a byte order mark, or UTF-16 with one. The commands
`flask …` are an exception for `.env`: Flask reads this file as UTF-8 before our code runs, and stops with a
`UnicodeDecodeError` if it is UTF-16. Set `FLASK_SKIP_DOTENV=1`, as `make run` does, or save the file as UTF-8.

`{PREFIX}ENV=production` is stricter: each refusal says what it asks for. A file that `JWT_KEYS`, `JWT_SECRET_KEY_FILE`
or `JWT_PRIVATE_KEY_FILE` names must allow no access for group and others (mode 0600 or 0400). If its owner is root and
the service runs as another user, the group may read it (0640).

| `{PREFIX}…` | default | what it is |
| --- | --- | --- |"""
    for name, setting in SETTINGS.items():
        default = _text(setting.default)
        secret = " Secret." if setting.metadata["secret"] else ""
        yield f"| `{name}` | {f'`{default}`' if default else ''} | {setting.metadata['help']}{secret} |"


def _text(value: Any) -> str:
    """Return a default as it is written in the environment."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str("" if value is None else value)


def _errors() -> Iterator[str]:
    yield f"""# Errors

<!-- {NOTE} -->

Every error is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `detail`, `code` and `request_id`.
A 422 also has `errors`, by place (`json`, `query`, `path`) and field. Programs should check `code`. `type` is the URL
of a page with the text below: `/problems/<code>`.

| status | `code` | `detail` | what to do |
| --- | --- | --- | --- |"""
    for code, entry in sorted(CATALOGUE.items(), key=lambda item: item[1].status):
        yield f"| {entry.status} | `{code}` | {entry.detail} | {entry.advice} |"


if __name__ == "__main__":
    for path, text in (documents() | postman.documents(postman.openapi())).items():
        path.write_text(text, encoding="utf-8")
