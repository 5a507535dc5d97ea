"""Task API: the backend of a task manager, protected by JSON Web Tokens."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Flask

from taskapi.api.docs_page import init_docs
from taskapi.api.errors import init_errors
from taskapi.api.openapi import init_api
from taskapi.api.responses import NoSessions, OrjsonProvider
from taskapi.audit.log import init_audit
from taskapi.auth.routes import blp as auth_routes
from taskapi.auth.routes import me as password_routes
from taskapi.cli import init_cli
from taskapi.config.sources import load_settings
from taskapi.database import init_database
from taskapi.extensions import EXTENSIONS
from taskapi.labels.routes import blp as label_routes
from taskapi.migrations import check_database, check_migrations, init_migrations, init_schema
from taskapi.ops.health import DRAIN_PATIENCE, init_drain, init_health
from taskapi.ops.health import blp as health_routes
from taskapi.ops.logging import init_logging
from taskapi.ops.metrics import init_metrics
from taskapi.projects.routes import blp as project_routes
from taskapi.security.guard import init_guard
from taskapi.security.headers import init_headers
from taskapi.security.keys import check_keys, init_keys
from taskapi.security.keys.jwks import blp as jwks_routes
from taskapi.security.passwords import init_passwords
from taskapi.security.rate_limit import Kind, init_rate_limit
from taskapi.security.redis import check_redis, init_redis
from taskapi.security.tokens import init_tokens
from taskapi.tasks.edit import move_due_days
from taskapi.tasks.routes import blp as task_routes
from taskapi.users.routes import blp as me_routes
from taskapi.users.service import init_timezones

ROUTES = (
    auth_routes,
    me_routes,
    password_routes,
    task_routes,
    project_routes,
    label_routes,
    *(blueprint for extension in EXTENSIONS for blueprint in extension.blueprints),
    health_routes,
    jwks_routes,
)

CHECKS = {"database": check_database, "migrations": check_migrations, "signing_key": check_keys}
REPORTS = {"redis": check_redis}  # reported only: the service works without it


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """Build the application. `overrides` are settings by name and win over all other sources. Raises SettingsError."""
    app = Flask(__name__, static_folder=None)
    settings = load_settings(overrides or {}, app.instance_path)
    app.instance_path = settings.instance_path
    app.config.update(SETTINGS=settings, MAX_CONTENT_LENGTH=settings.max_body_bytes)
    app.json = OrjsonProvider(app)
    app.session_interface = NoSessions()
    app.url_map.merge_slashes = False

    init_logging(app, settings)
    init_keys(app, settings)
    init_database(app, settings)
    init_tokens(app, settings)
    init_redis(app, settings)
    init_rate_limit(app, settings)
    init_passwords(app, settings)
    init_headers(app, settings)
    init_metrics(app, settings)

    api = init_api(app)
    init_errors(app)
    init_guard(app)
    init_audit(app)
    init_docs(app)
    init_cli(app)

    init_migrations(app, [extension.revisions for extension in EXTENSIONS])
    for extension in EXTENSIONS:
        extension.init_app(app, settings)
    init_timezones(app, move_due_days)
    for routes in ROUTES:
        api.register_blueprint(routes)

    init_health(app, CHECKS, REPORTS)
    init_drain(app, partial(app.extensions["taskapi-slow-requests"].hold, Kind.BODY, DRAIN_PATIENCE, share=2))
    init_schema(app, settings)
    return app
