"""Settings for `gunicorn wsgi:app`, the alternative to `flask serve`; it does not drain before it stops."""

import os
import shutil
import tempfile

IN_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 - a stalled disk must not stop requests

workers = int(os.environ.get("WEB_CONCURRENCY") or os.cpu_count() or 1)
worker_class = "gthread"
threads = 8
keepalive = 75  # longer than proxies keep idle connections, so that the proxy closes the connection first
graceful_timeout = 30  # for requests in flight after SIGTERM
limit_request_line = 8190  # gunicorn's maximum; RFC 9110, section 4.1, recommends at least 8000
forwarded_allow_ips = ""  # TASKAPI_TRUSTED_PROXIES decides how many proxies to trust
secure_scheme_headers: dict[str, str] = {}
control_socket_disable = True
worker_tmp_dir = IN_MEMORY
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="taskapi-", dir=IN_MEMORY)


def on_exit(_server: object) -> None:
    """Remove the metrics files of the workers."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
