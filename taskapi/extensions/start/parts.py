"""Which parts of this project a new project gets, and the lines that only tasks, projects and labels need."""

from typing import Final

EXTENSIONS: Final = ("admin", "secret_stores", "sharding")  # the others show tasks, or explain this project
LICENSE: Final = "LICENSE"  # keeps its names
COPIED: Final = (
    ".env.example",
    ".gitignore",
    ".ruff.toml",
    LICENSE,
    "deploy/Dockerfile",
    "deploy/Dockerfile.dockerignore",
    "pyproject.toml",
    "requirements-dev.in",
    "requirements-dev.txt",
    "requirements.in",
    "requirements.txt",
    "setup.cfg",
    "taskapi",
    "wsgi.py",
)
TESTS: Final = (
    "cluster.py",
    "conftest.py",
    "documented.py",
    "forging.py",
    "key_sets.py",
    "owner_conditions.py",
    "servers.py",
    "surface.py",
    "test_audit.py",
    "test_cli_keys.py",
    "test_cli_tokens.py",
    "test_config.py",
    "test_cookies.py",
    "test_cors.py",
    "test_denylist.py",
    "test_docs_page.py",
    "test_document.py",
    "test_errors.py",
    "test_escalation.py",
    "test_examples.py",
    "test_guard.py",
    "test_health.py",
    "test_isolation.py",
    "test_key_attacks.py",
    "test_key_refusals.py",
    "test_keys.py",
    "test_logging.py",
    "test_matrix.py",
    "test_metrics.py",
    "test_openapi.py",
    "test_passwords.py",
    "test_rate_limit.py",
    "test_redis.py",
    "test_revisions.py",
    "test_sessions.py",
    "test_token_claims.py",
    "test_tokens.py",
)
REMOVED: Final = ("taskapi/tasks", "taskapi/projects", "taskapi/labels")
_REVISION: Final = "taskapi/migrations/versions/0001_first_release.py"
# Exact texts and what replaces them. Each must be found once, so that a change of the core is noticed
EDITS: Final = {
    ".ruff.toml": (
        ('  "PLR2004", ', '  "E501",  # the new names make some lines longer; `ruff format` wraps code\n  "PLR2004", '),
    ),
    ".env.example": (
        ("# Projects of one user, including the trash.\n#TASKAPI_MAX_PROJECTS=10000\n\n", ""),
        ("# Labels of one user, including the trash.\n#TASKAPI_MAX_LABELS=10000\n\n", ""),
        (" The largest task takes 0.3 MB of the database.", ""),
        ("; each one updates the due days of tasks.", "."),
    ),
    ".gitignore": (("# Copied by `flask lesson start`\n/lesson-*/\n", ""),),
    "setup.cfg": (
        ("    (tasks) : (projects) : (labels)\n", "    (tasks)\n"),
        ("# Applications of the lessons, each with a module app of its own, and files of new projects\n", ""),
        ("exclude = /(course|new)/\n", ""),
        (", clients/python/src", ""),
        ("    **/course/**/*\n", ""),
        ("    **/new/**/*\n", ""),
    ),
    "taskapi/__init__.py": (
        ("the backend of a task manager, protected by", "REST with"),
        ("from taskapi.labels.routes import blp as label_routes\n", ""),
        ("from taskapi.projects.routes import blp as project_routes\n", ""),
        ("from taskapi.tasks.edit import move_due_days\n", ""),
        ("    project_routes,\n    label_routes,\n", ""),
        ("init_timezones(app, move_due_days)", "init_timezones(app)"),
    ),
    "taskapi/api/docs_page.py": (
        (
            '@docs.get("/docs")\n',
            """@docs.get("/")
@public
def find_start() -> Response:
    \"\"\"Redirect to the documents. The status is temporary: another page can replace this one.\"\"\"
    return Response(status=302, headers={"Location": "docs/"})


@docs.get("/docs")
""",
        ),
    ),
    "taskapi/api/error_catalogue.py": (
        (
            """    "project_archived": Entry(
        409,
        "The project is archived.",
        "An archived project accepts no new tasks. Set its `archived` to false first, or choose another project.",
    ),
""",
            "",
        ),
        ("Restore its project or parent first, then the resource.", "Restore it first."),
    ),
    "taskapi/api/openapi.py": (("A task manager. Each user", "Each user"),),
    "taskapi/api/openapi_examples.py": (
        (
            'PROJECT_ID = "01980a5c-3f00-7a10-8c4e-5d1f0a2b3c04"\nLABEL_ID = "01980a5c-3f00-7a10-8c4e-5d1f0a2b3c05"\n',
            "",
        ),
    ),
    "taskapi/api/parsing.py": (("; a batch of 100 complete tasks has 5,000", ""),),
    "taskapi/cli/maintenance.py": ((": see docs/operations.md", ""),),
    "taskapi/config/__init__.py": (
        ("; each one updates the due days of tasks.", "."),
        (" The largest task takes 0.3 MB of the database.", ""),
        ('    max_projects: int = setting(10_000, "Projects of one user, including the trash.", whole(1))\n', ""),
        ('    max_labels: int = setting(10_000, "Labels of one user, including the trash.", whole(1))\n', ""),
    ),
    _REVISION: (
        (
            """    if _on_sqlite():
        for statement in SEARCH_ON_SQLITE:
            op.execute(statement)
    else:
        _enable""",
            """    if not _on_sqlite():
        _enable""",
        ),
        (
            """    if _on_sqlite():
        op.drop_table("task_search")
        op.drop_table("task_search_rows")
""",
            "",
        ),
        ('"task_labels", "tasks", "labels", "projects",', '"tasks",'),
        ('"projects", "labels", "tasks", "task_labels")', '"tasks")'),
        ('        sa.Column("projects", sa.Integer(), server_default="0", nullable=False),\n', ""),
        ('        sa.Column("labels", sa.Integer(), server_default="0", nullable=False),\n', ""),
    ),
    "taskapi/migrations/env.py": (('            "include_name": _is_declared,\n', ""),),
    "taskapi/resources/__init__.py": (("that tasks, projects and labels share", "that resources share"),),
    "taskapi/resources/models.py": (
        ('    projects: Mapped[int] = mapped_column(default=0, server_default="0")\n', ""),
        ('    labels: Mapped[int] = mapped_column(default=0, server_default="0")\n', ""),
    ),
    "taskapi/resources/ownership.py": (("    projects: int\n    labels: int\n", ""),),
    "taskapi/users/service.py": (("writers of tasks read", "writers of rows read"),),
    "tests/conftest.py": ((', "tests.browser", "tests.web_client"', ""),),
    "tests/test_denylist.py": (('        ("POST", "/api/v1/projects", {"name": "Garden"}),\n', ""),),
    "tests/test_document.py": (
        ('("tasks", "projects", "labels")', '("tasks",)'),
        ('    "/docs": "pages', '    "/": "redirects to the page that shows the document",\n    "/docs": "pages'),
    ),
    "tests/test_matrix.py": (
        ('    "GET /docs": ANYONE,\n', '    "GET /": ANYONE,\n    "GET /docs": ANYONE,\n'),
        ('    "GET /api/v1/tasks/subtask-counts": READERS,\n', ""),
        ('    "GET /api/v1/tasks/summary": READERS,\n', ""),
    ),
}
# Removed from a text up to another one
CUT: Final = (
    (".ruff.toml", '"tests/python', "# Written by Alembic"),
    ("taskapi/migrations/env.py", "def _is_declared", "def _revise"),
    (_REVISION, "LIVE: Any =", "# The audit log is"),
    (_REVISION, "# SQLite's full-text index", "# PostgreSQL shows and accepts"),
    (_REVISION, "def _create_named_table", "def _enable_row_security"),
)
