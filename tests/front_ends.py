"""Front ends and the API on different origins, for tests in a browser."""

import ssl
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from conftest import keep_connections
from proxy import write_certificate
from servers import free_port
from typescript_package import build_example
from werkzeug.serving import make_server

from tests.forging import SECRET, decode_token, sign


class Front(SimpleHTTPRequestHandler):
    """The files of a front end."""

    def log_message(self, *_):
        """Write no log."""


class Servers:
    """A front end and the API on different ports."""

    def __init__(self, make_app, folder, files, hosts=("localhost", "localhost"), scheme="http", **settings):
        front, api = hosts
        context = None
        if scheme == "https":
            certificate = write_certificate(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, folder / "privkey.pem")
        self.fronts = [self._start_front(files, context) for _ in range(2)]
        self.page, self.unlisted = (f"{scheme}://{front}:{server.server_port}" for server in self.fronts)
        app = make_app(CORS_ORIGINS=self.page, JWT_SECRET_KEY=SECRET, **settings)
        keep_connections(app)
        self.api_server = make_server("127.0.0.1", free_port(), app, threaded=True, ssl_context=context)
        Thread(target=self.api_server.serve_forever).start()
        self.api = f"{scheme}://{api}:{self.api_server.server_port}"

    @staticmethod
    def _start_front(files, context):
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Front, directory=str(files)))
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever).start()
        return server

    def stop(self):
        """Stop all servers."""
        for server in (*self.fronts, self.api_server):
            server.shutdown()
            server.server_close()


def serve_example(name, mode, make_app, tmp_path_factory):
    """Build an example application for a new API, with tokens (bearer) or cookies, and serve both."""
    files = tmp_path_factory.mktemp("files")
    servers = Servers(make_app, files, files / "dist")
    folder = tmp_path_factory.mktemp(mode)
    build_example(name, folder, VITE_API_URL=servers.api, VITE_AUTH_MODE=mode).rename(files / "dist")
    return servers


def expire_cookie(context, address):
    """Replace the access token in the cookie by one that expired an hour ago."""
    cookie = next(
        each for each in context.cookies(address) if each["name"].endswith("access_token") and each["httpOnly"]
    )
    header, claims = decode_token(cookie["value"])
    claims |= {name: claims[name] - 3600 for name in ("iat", "nbf", "exp")}
    context.add_cookies([{**cookie, "value": sign(header, claims)}])
