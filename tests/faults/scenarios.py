"""The faults, each under load: what is set up, what is broken, and what the clients saw of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.load import Figures, load
from tests.servers import ROOT, Gunicorn, Postgres


@contextmanager
def service(database_url: str, folder: Path, **settings: str) -> Iterator[Gunicorn]:
    """Serve the API on a database, which is migrated first."""
    environment = {
        "TASKAPI_DATABASE_URL": database_url,
        "TASKAPI_INSTANCE_PATH": str(folder),
        "TASKAPI_BCRYPT_ROUNDS": "4",
        "TASKAPI_RATELIMIT_ENABLED": "false",
        "TASKAPI_LOG_LEVEL": "warning",
        **settings,
    }
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=True, capture_output=True)
    with Gunicorn(environment, folder, "--workers", "2", "--threads", "8") as server:
        yield server


def workers_killed(postgres: Postgres, folder: Path, *, kills: int) -> Figures:
    """Kill one of two workers each two seconds, with SIGKILL."""
    with service(postgres.new_database(), folder) as server, load(server.address, folder=folder) as running:
        for turn in range(kills):
            os.kill(server.workers()[turn % 2], signal.SIGKILL)
            time.sleep(2)
        return running.recovery()


def postgres_restarted(postgres: Postgres, folder: Path, *, how: str, down_seconds: float) -> Figures:
    """Stop PostgreSQL, leave it down for a while, and start it again."""
    with service(postgres.new_database(), folder) as server, load(server.address, folder=folder) as running:
        postgres.stop(how)
        time.sleep(down_seconds)
        postgres.start()
        return running.recovery()


def postgres_frozen(postgres: Postgres, folder: Path, *, seconds: float) -> Figures:
    """Stop every process of PostgreSQL where it stands, and let it go on after a while."""
    with service(postgres.new_database(), folder) as server, load(server.address, folder=folder) as running:
        postgres.freeze()
        try:
            time.sleep(seconds)
        finally:
            postgres.thaw()
        return running.recovery()
