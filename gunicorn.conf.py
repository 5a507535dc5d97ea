"""How gunicorn serves us: `gunicorn wsgi:app`. What it is told by its options or GUNICORN_CMD_ARGS is stronger.

Of the environment it heeds PORT and WEB_CONCURRENCY, as gunicorn does anyway, DRAIN_SECONDS, and what we log by.
Nothing of ours is imported before the workers are there, so that a SIGHUP has them run the code that is installed then.
"""

import ctypes
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from mmap import mmap
from selectors import EVENT_READ

import structlog
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import (
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.http.message import Request
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import TConn, ThreadWorker

DRAIN_SECONDS = int(os.environ.get("DRAIN_SECONDS", "5"))  # from the end of readiness to the end of the listener
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 - a disk that stalls must stop nobody
PATIENCE_SECONDS = 30  # with a client that neither sends nor takes anything: it holds a thread meanwhile
LEAVE_SECONDS = 2  # for a client to close, so that it has read its answer before what it still sends is refused
SO_ATTACH_FILTER = 26  # of Linux
NO_SYN = (  # for a packet filter: of a TCP header, let through what is no SYN, or is one with an ACK
    (0x30, 0, 0, 13),  # load the flags
    (0x54, 0, 0, 0x12),  # of them SYN and ACK
    (0x15, 0, 1, 0x02),  # but for SYN alone, skip the next
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFF),  # take it
)
ALONE, SHARED = 1, 2  # as we stop: nobody else listens by our sockets, or somebody may
JSON_LOGS = os.environ.get("TASKAPI_LOG_FORMAT") == "json" or (
    os.environ.get("TASKAPI_ENV") == "production" and not os.environ.get("TASKAPI_LOG_FORMAT")
)

workers = int(os.environ.get("WEB_CONCURRENCY") or os.cpu_count() or 1)
threads = 8
keepalive = 75  # longer than proxies keep idle connections, so that it is they who close them
graceful_timeout = 30  # for requests in flight, once the listener is closed
limit_request_line = 8190  # what browsers and proxies can be relied on to send
forwarded_allow_ips = ""  # TASKAPI_TRUSTED_PROXIES decides whom to believe, not gunicorn
secure_scheme_headers: dict[str, str] = {}
control_socket_disable = True
worker_tmp_dir = MEMORY
loglevel = os.environ.get("TASKAPI_LOG_LEVEL") or "info"


class Log(Logger):
    """Writes what gunicorn has to say as the application writes its lines."""

    def setup(self, cfg: Config) -> None:
        """Set the handler up, and its format."""
        super().setup(cfg)
        processors = structlog.processors
        stamp = (processors.TimeStamper(fmt="iso", utc=True), processors.format_exc_info)
        render = processors.JSONRenderer() if JSON_LOGS else structlog.dev.ConsoleRenderer(colors=False)
        formatter = structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, *stamp],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter)

    def exception(self, msg: str, *args: object, **kwargs: object) -> None:
        """Make no fault of ours of a client that was given up on."""
        log = super().debug if isinstance(sys.exception(), BlockingIOError) else super().exception
        log(msg, *args, **kwargs)


def bar(listener: socket.socket) -> None:
    """Let nobody begin to connect any more: between the last who is taken and the close, one would be lost.

    On Linux; who tries all the same tries again after a second, and is refused. For good, for all who share the socket.
    """
    if sys.platform != "linux" or listener.family == socket.AF_UNIX:
        return
    steps = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in NO_SYN))
    with suppress(OSError):
        program = struct.pack("HP", len(NO_SYN), ctypes.addressof(steps))
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
    time.sleep(0.002)  # for those who are half-way in


class Worker(ThreadWorker):
    """A gthread worker that loses no connection as it stops, waits for no client, and refuses in our words."""

    def init_process(self) -> None:
        """Begin with nobody about to leave."""
        self.leaving: deque[TConn] = deque()
        super().init_process()

    def handle_exit(self, sig: int, frame: object) -> None:
        """Stop at the end of all; where others take over, a while later, for they have yet to load what they serve."""
        if self.stopping[0] or not DRAIN_SECONDS or sig == signal.SIGALRM:
            super().handle_exit(sig, frame)
        elif not signal.getitimer(signal.ITIMER_REAL)[0]:  # the arbiter says it again and again
            signal.signal(signal.SIGALRM, self.handle_exit)
            signal.alarm(DRAIN_SECONDS)

    def set_accept_enabled(self, enabled: bool) -> None:
        """As the worker stops, take the connections that wait and close the door; left open, it would lose more."""
        super().set_accept_enabled(enabled)
        while self.sockets and not (enabled or self.alive):
            listener, taken = self.sockets.pop(), -1
            if self.stopping[0] == ALONE:
                bar(listener.sock)
            while taken != self.nr_conns:
                taken = self.nr_conns
                self.accept(listener)
            listener.close()

    def handle(self, conn: TConn) -> object:
        """Serve a connection as long as its client sends or takes something now and then."""
        if not conn.initialized:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                conn.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", PATIENCE_SECONDS, 0))
        return super().handle(conn)

    def finish_request(self, conn: TConn, fs: Future[object]) -> None:
        """Say goodbye without waiting for the client: gunicorn's loop would, for two seconds, and nobody be served."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # it has gone
            self.nr_conns -= 1
            conn.close()
            return
        conn.timeout = time.monotonic() + LEAVE_SECONDS
        self.leaving.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.hear_out, conn))

    def hear_out(self, conn: TConn, client: socket.socket) -> None:
        """Read what a client still sends, until it closes."""
        try:
            gone = not client.recv(65536)
        except OSError as error:
            gone = not isinstance(error, BlockingIOError)
        if gone:
            self.part(conn)

    def part(self, conn: TConn) -> None:
        """Close a connection."""
        self.leaving.remove(conn)
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Close what has had its time; called again and again."""
        super().murder_pending()
        while self.leaving and self.leaving[0].timeout < time.monotonic():
            self.part(self.leaving[0])

    def handle_error(self, req: Request | None, client: object, addr: object, exc: Exception) -> None:
        """Answer a problem, and log it without what the client sent."""
        if not isinstance(exc, ParseException) or isinstance(exc, InvalidResponseHeader | InvalidResponseHeaderName):
            super().handle_error(req, client, addr, exc)
            return
        from taskapi.api.problems import Problem  # noqa: PLC0415 - loaded by now, by the application
        from taskapi.security.headers import carried  # noqa: PLC0415

        codes = {LimitRequestLine: "uri_too_long", LimitRequestHeaders: "headers_too_large"}
        with self.wsgi.test_request_context("/healthz", method="?") as context:
            self.wsgi.preprocess_request()
            problem = Problem(codes.get(type(exc), "malformed_request"), None, {}, {"Connection": "close"})
            answer = self.wsgi.process_response(problem.answer())
            answer.headers.extend(carried(context.request.environ, answer.status, [*answer.headers]))
        write_nonblock(client, f"HTTP/1.1 {answer.status}\r\n{answer.headers}".encode("latin-1") + answer.data)


logger_class = Log
worker_class = Worker


def on_starting(server: Arbiter) -> None:
    """Make room for what the workers share: their counters, and one byte that says whether we are stopping."""
    server.stopping = mmap(-1, 1)
    given = any(address.startswith("fd://") for address in server.cfg.bind)  # or by systemd, or an older gunicorn
    server.shares = given or bool({"LISTEN_FDS", "GUNICORN_FD"} & os.environ.keys())
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = server.metrics = tempfile.mkdtemp(prefix="taskapi-", dir=MEMORY)


def when_ready(server: Arbiter) -> None:
    """Have a SIGTERM end readiness first, and the listener only once proxies had time to notice; a second, at once."""

    def drain(signum: int, _frame: object) -> None:
        server.stopping[0] = SHARED if server.shares or server.reexec_pid else ALONE
        if signal.getsignal(signal.SIGTERM) is drain and DRAIN_SECONDS:
            signal.signal(signal.SIGTERM, server.signal)
            signal.alarm(DRAIN_SECONDS)
        else:
            server.signal(signal.SIGTERM, None)

    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGALRM, drain)


def post_fork(server: Arbiter, worker: ThreadWorker) -> None:
    """Show the worker the byte."""
    worker.stopping = server.stopping


def post_worker_init(worker: ThreadWorker) -> None:
    """Let readiness depend on it."""
    checks = worker.wsgi.extensions["taskapi-checks"]
    checks["shutdown"] = lambda: "it has begun" if worker.stopping[0] else None


def pre_request(worker: ThreadWorker, req: Request) -> None:
    """Keep no connection alive that will have to end."""
    if worker.stopping[0]:
        req.force_close()


def child_exit(_server: Arbiter, worker: ThreadWorker) -> None:
    """Forget what a dead worker had in use; what it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 - asks for the folder as it is imported

    mark_process_dead(worker.pid)


def on_exit(server: Arbiter) -> None:
    """Tidy up."""
    shutil.rmtree(server.metrics, ignore_errors=True)
