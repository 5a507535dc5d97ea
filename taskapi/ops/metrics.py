"""/metrics: Prometheus text, summed over all workers that share PROMETHEUS_MULTIPROC_DIR, which the server sets."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from sqlalchemy import Engine, event

from taskapi.api import public
from taskapi.api.errors import Problem
from taskapi.config import Settings
from taskapi.context import current_g, current_request
from taskapi.database import db

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

REQUESTS = Counter("taskapi_requests", "Completed requests.", ["method", "route", "status"])
SECONDS = Histogram("taskapi_request_seconds", "Time to respond.", ["method", "route"], buckets=BUCKETS)
SIGN_INS = Counter("taskapi_sign_ins", "Sign-ins by result.", ["result"])
REFRESHES = Counter("taskapi_refreshes", "Refreshes by result.", ["result"])
DENYLIST = Counter("taskapi_denylist_lookups", "Look-ups in the denylist by result.", ["result"])
AUDIT_OMITTED = Counter("taskapi_audit_omitted", "Entries beyond the allowances of the audit log.", ["by"])
KEY_SET_READ = Gauge(
    "taskapi_key_set_read_timestamp_seconds",
    "The last successful read of the key set; the oldest of all workers.",
    multiprocess_mode="livemin",
)
POOL = Gauge("taskapi_pool_connections_in_use", "Database connections in use.", ["engine"], multiprocess_mode="livesum")


@contextmanager
def counted(counter: Counter) -> Iterator[None]:
    """Count success as `ok`, and a refusal by its error code."""
    try:
        yield
    except Problem as refusal:
        counter.labels(refusal.code_name).inc()
        raise
    counter.labels("ok").inc()


pages = Blueprint("metrics", __name__)


@pages.get("/metrics")
@public
def show_metrics() -> Response:
    """Show the metrics of all workers."""
    registry: CollectorRegistry = REGISTRY
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        _drop_gauges_of_dead_workers(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _drop_gauges_of_dead_workers(folder: Path) -> None:
    """Remove the gauges of workers that have ended. Their counters stay."""
    for pid in {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*_*.db")}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]


def init_metrics(app: Flask, _settings: Settings) -> None:
    """Count each response, and the database connections in use."""
    app.register_blueprint(pages)
    app.after_request(_count_request)
    with app.app_context():
        for name, engine in db.engines.items():
            _count_connections(engine, name or "writer")


def _count_request(response: Response) -> Response:
    request = current_request()
    method = request.method if request.method in METHODS else "other"
    route = request.url_rule.rule if request.url_rule else "none"
    count, seconds = _series(method, route, response.status_code)
    count.inc()
    seconds.observe(time.perf_counter() - current_g().started)
    return response


@lru_cache(maxsize=4096)
def _series(method: str, route: str, status: int) -> tuple[Any, Any]:
    return REQUESTS.labels(method, route, status), SECONDS.labels(method, route)


def _count_connections(engine: Engine, name: str) -> None:
    gauge = POOL.labels(name)
    event.listen(engine, "checkout", lambda *_: gauge.inc())
    event.listen(engine, "checkin", lambda *_: gauge.dec())
