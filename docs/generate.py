"""Write the documents that are generated from the code: `make docs`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs import postman
from taskapi.api.error_catalogue import CATALOGUE
from taskapi.config import PREFIX, SETTINGS

ROOT = Path(__file__).parent.parent
NOTE = "Made by `make docs`; change the code instead."


def documents() -> dict[Path, str]:
    """Return every generated document by path."""
    return {
        ROOT / ".env.example": "\n".join(_example()) + "\n",
        ROOT / "docs" / "settings.md": "\n".join(_settings()) + "\n",
        ROOT / "docs" / "errors.md": "\n".join(_errors()) + "\n",
    }


def _example() -> Iterator[str]:
    yield "# Copy this to .env, and uncomment what you set. The lines show the defaults."
    yield f"# {NOTE.replace('`', '')}"
    for name, setting in SETTINGS.items():
        yield f"\n# {setting.metadata['help']}"
        yield f"#{PREFIX}{name}={_text(setting.default)}"


def _settings() -> Iterator[str]:
    yield f"""# Settings

<!-- {NOTE} -->

Each setting is an environment variable with the prefix `{PREFIX}`. The same name with the suffix `_FILE` names a file
that contains the value, as secret stores mount them. Settings come from four sources. Later sources override earlier
ones:

1. `config.py` in the instance folder, a Python file with the names as below (`BCRYPT_ROUNDS = 13`)
2. `.env`, in the current folder or one of its parents
3. the environment
4. the argument of `create_app({{"BCRYPT_ROUNDS": 13}})`

`DATABASE_URL` and `REDIS_URL` are also read without the prefix, if the name with the prefix is not set. Durations are
in seconds, sizes in bytes, booleans are `true` or `false`, and lists are comma-separated. An empty value means that the
setting is absent. The service does not start with an invalid setting; the error lists all of them. `flask doctor` lists
the settings that are set.

An unknown name with this prefix is logged as a warning at start, with the setting that it resembles, and fails `flask
doctor`. The variables that Kubernetes sets in each pod for a Service named `taskapi` (`TASKAPI_PORT=tcp://…`,
`TASKAPI_SERVICE_HOST` and so on) are ignored; `flask doctor` lists them in a warning.

`.env` and the files named by `_FILE` are UTF-8, with or without a byte order mark, or UTF-16 with one. The commands
`flask …` are an exception for `.env`: Flask reads this file as UTF-8 before our code runs, and stops with a
`UnicodeDecodeError` if it is UTF-16. Set `FLASK_SKIP_DOTENV=1`, as `make run` does, or save the file as UTF-8.

`{PREFIX}ENV=production` has more requirements. Each error message names the setting and the requirement. A file that
`JWT_KEYS`, `JWT_SECRET_KEY_FILE` or `JWT_PRIVATE_KEY_FILE` names must allow no access for group and others (mode 0600
or 0400). If its owner is root and the service runs as another user, the group may read it (0640).

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
