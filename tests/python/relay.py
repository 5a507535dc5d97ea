"""A server between the client and the API: it records requests, and loses, delays or replaces responses."""

import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PREFIX = "/api/v1"


class Relay(ThreadingHTTPServer):
    """Forwards requests to an address. Paths are given without the prefix of the API."""

    daemon_threads = True

    def __init__(self, address):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = urlsplit(address).netloc
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.sent = []  # method, path and status of each request
        self.headers = []  # the headers of each request, by names in lower case
        self.bodies = []
        self.lose = None  # the path whose next response is lost
        self.delay = {}  # the seconds before the response to a path
        self.replies = []  # statuses, headers and bodies that are sent instead of the next responses

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        """Be silent about clients that have gone."""

    def reply(self, status, headers=(), body=b""):
        self.replies.append((status, dict(headers), body if isinstance(body, bytes) else json.dumps(body).encode()))

    def wait_for(self, line):
        """Wait until a request has a response."""
        deadline = time.monotonic() + 30
        while line not in self.sent:
            assert time.monotonic() < deadline, self.sent
            time.sleep(0.01)

    def count(self, start):
        return len([line for line in self.sent if line.startswith(start)])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        relay, path = self.server, urlsplit(self.path).path.removeprefix(PREFIX)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        relay.headers.append({name.lower(): value for name, value in self.headers.items()})
        relay.bodies.append(body)
        status, headers, content = relay.replies.pop(0) if relay.replies else self.ask(body)
        seconds = relay.delay.get(path, 0)
        relay.sent.append(f"{self.command} {path} {status}")
        time.sleep(seconds)
        if relay.lose == path:
            relay.lose = None
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"connection", "content-length", "transfer-encoding", "date", "server"}:
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def ask(self, body):
        connection = http.client.HTTPConnection(self.server.upstream, timeout=30)
        connection.request(self.command, self.path, body or None, dict(self.headers))
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, dict(response.getheaders()), content

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815

    def log_message(self, *_):
        """Write no log."""
