"""nginx with the configuration of deploy/, in front of instances that a test has started."""

import http.client
import json
import os
import socket
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from email.parser import Parser
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.conftest import program
from tests.servers import ROOT, connects, free_port, wait_until

SITE = ROOT / "deploy" / "nginx" / "taskapi.conf"
SCRATCH = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx:
    """nginx with deploy/nginx/taskapi.conf, except for the ports, the certificate and the instances."""

    def __init__(self, folder, *instances, streams=()):
        self.folder, self.http, self.https = folder, free_port(), free_port()
        self.certificate = write_certificate(folder)
        site = SITE.read_text()
        for original, replacement in {
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "listen 443 ssl": f"listen 127.0.0.1:{self.https} ssl",
            "/etc/nginx/certificates": str(folder),
            "/var/log/nginx": str(folder),
            "app1:8000": f"127.0.0.1:{instances[0]}",
            "app2:8000": f"127.0.0.1:{instances[1]}",
            "app1:8001": f"127.0.0.1:{[*streams, *instances][0]}",  # without a listener, a thread serves a stream
            "app2:8001": f"127.0.0.1:{[*streams, *instances][1]}",
        }.items():
            assert original in site
            site = site.replace(original, replacement)
        (folder / "site.conf").write_text(site)
        paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in SCRATCH)
        user = "user root;" if os.geteuid() == 0 else ""
        main = f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}"
        (folder / "nginx.conf").write_text(f"{main} http {{ {paths} access_log off; include {folder}/site.conf; }}")
        self.command = [program("nginx", "/usr/sbin/nginx"), "-p", str(folder), "-e", str(folder / "error.log")]
        self.command += ["-c", str(folder / "nginx.conf")]

    def __enter__(self):
        done = subprocess.run([*self.command, "-t"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        wait_until(lambda: connects(self.https))
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def connection(self, scheme="https", source="127.0.0.1"):
        if scheme == "http":
            return http.client.HTTPConnection("127.0.0.1", self.http, timeout=20, source_address=(source, 0))
        context = ssl.create_default_context(cafile=self.certificate)
        options = {"timeout": 20, "context": context, "source_address": (source, 0)}
        return http.client.HTTPSConnection("127.0.0.1", self.https, **options)

    def ask(self, method, path, body=None, scheme="https", source="127.0.0.1", **headers):
        """Send a request; return the status, the headers and the body."""
        connection = self.connection(scheme, source)
        try:
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, headers | ({"Content-Type": "application/json"} if body else {}))
            response = connection.getresponse()
            content = response.read()
            is_json = "json" in response.headers["Content-Type"]
            return response.status, response.headers, json.loads(content) if is_json else content
        finally:
            connection.close()

    def curl(self, version, path, *options, stdin=""):
        """Send a request by curl over one version of HTTP, `1.1` or `2`; return the status, headers and body."""
        command = [program("curl"), "--silent", "--include", f"--http{version}", "--cacert", str(self.certificate)]
        command += ["--header", "Expect:", *options, f"https://127.0.0.1:{self.https}{path}"]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        head, _, body = done.stdout.partition("\n\n")
        line, _, fields = head.partition("\n")
        protocol, status = line.split()[:2]
        assert protocol == f"HTTP/{version}"
        return int(status), Parser().parsestr(fields), json.loads(body)

    def raw(self, data):
        """Send bytes; return the status and the body."""
        with socket.create_connection(("127.0.0.1", self.http), timeout=20) as connection:
            connection.sendall(data)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return response.status, json.loads(response.read())

    def refused(self):
        """Return the request ids and statuses in the log of nginx, which has only the requests that it refused."""
        lines = map(json.loads, (self.folder / "access.log").read_text().splitlines())
        return [(line["request_id"], line["status"]) for line in lines]


def write_certificate(folder):
    """Write a self-signed certificate for 127.0.0.1 to a folder; returns its path."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
    (folder / "fullchain.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "privkey.pem").write_bytes(pem)
    return folder / "fullchain.pem"
