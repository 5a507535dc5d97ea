"""TASKAPI_MAIL_URL and TASKAPI_MAIL_FROM: what is refused, and how a connection is protected."""

import datetime as dt
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from taskapi.config import SettingsError
from tests.extensions.mail.mail_server import PASSWORD
from tests.extensions.mail.sending import outbox_of, run_mail_server

__all__ = ["outbox_of", "run_mail_server"]  # fixtures

SENDER = "Tasks <tasks@example.org>"
PRODUCTION = {
    "ENV": "production",
    "JWT_SECRET_KEY": "f3a1c07b9d2e4858a6cbd10e7f394b25",
    "TRUSTED_HOSTS": "localhost",
    "RATELIMIT_ENABLED": False,
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 and 127.0.0.2, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail server of the tests")])
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "127.0.0.2")]
    moment = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - dt.timedelta(days=1))
        .not_valid_after(moment + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("certificate") / "mail.pem"
    path.write_bytes(key.private_bytes(*form) + built.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mail.example.org", "Must be smtps://"),
        ("http://mail.example.org", "Must be smtps://"),
        ("smtp://mail.example.org/path", "Must be smtps://"),
        ("smtp://mail.example.org:port", "Port could not be cast"),
        ("smtp://user@mail.example.org", "Must have both a user and a password"),
        ("smtp+plain://user:my-secret@mail.example.org", "without TLS"),
    ],
)
def test_unusable_mail_server_is_refused_without_its_password(make_app, url, message):
    with pytest.raises(SettingsError) as error:
        make_app(MAIL_URL=url, MAIL_FROM=SENDER)
    assert "TASKAPI_MAIL_URL" in error.value.message
    assert message in error.value.message
    assert "my-secret" not in error.value.message


@pytest.mark.parametrize("sender", ["Tasks", "tasks@localhost", "Tasks\r\nBcc: <eve@example.org>", "a@b.org, c@d.org"])
def test_unusable_sender_is_refused(make_app, sender):
    with pytest.raises(SettingsError, match="TASKAPI_MAIL_FROM"):
        make_app(MAIL_URL="smtp://mail.example.org", MAIL_FROM=sender)


def test_mail_server_needs_a_sender(make_app):
    with pytest.raises(SettingsError, match="TASKAPI_MAIL_FROM: Must be set"):
        make_app(MAIL_URL="smtp://mail.example.org")


def test_console_is_refused_in_production(make_app):
    with pytest.raises(SettingsError, match="It is refused in production"):
        make_app(MAIL_URL="console:", **PRODUCTION)


def test_command_without_mail_server_says_so(app):
    result = app.test_cli_runner().invoke(args=["mail", "send"])
    assert (result.exit_code, result.stderr) == (1, "Error: TASKAPI_MAIL_URL is not set, so there is no mail server.\n")


@pytest.mark.parametrize("url", ["smtp://{}@127.0.0.1:{}", "smtp://{}@127.0.0.2:{}", "smtps://{}@127.0.0.1:{}"])
def test_password_and_mail_are_sent_over_tls(run_mail_server, outbox_of, certificate, monkeypatch, url):
    has_starttls = not url.startswith("smtps")
    box = run_mail_server("auth" if has_starttls else "tls", certificate)
    outbox = outbox_of(url.format(f"user:{PASSWORD}", box.port))
    outbox.ask()
    assert outbox.send() == "1 retried"
    assert outbox.status()["last_error"] == "SSLCertVerificationError"  # nobody we trust has signed the certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    outbox.clear()
    outbox.ask()
    assert outbox.send() == "1 sent"
    [envelope] = box.envelopes()
    assert envelope["authenticated"]
    assert envelope["tls"] == has_starttls  # aiosmtpd reports only this kind of TLS


@pytest.mark.parametrize("scheme", ["smtp", "smtp+plain"])
def test_server_elsewhere_without_tls_is_used_only_if_the_url_says_so(run_mail_server, outbox_of, scheme):
    box = run_mail_server()
    outbox = outbox_of(f"{scheme}://127.0.0.2:{box.port}")
    outbox.ask()
    assert outbox.send() == ("1 sent" if scheme == "smtp+plain" else "1 retried")
    assert len(box.all()) == (1 if scheme == "smtp+plain" else 0)


def test_wrong_password_of_the_mail_server_is_retried(run_mail_server, outbox_of):
    """The operator corrects the password, and the mail is sent."""
    box = run_mail_server("auth")
    outbox = outbox_of(f"smtp://user:wrong@127.0.0.1:{box.port}")
    outbox.ask()
    assert outbox.send() == "1 retried"
    assert outbox.status()["last_error"] == "SMTPAuthenticationError 535"
