"""No request to an address that is not public: directly, by name, by redirect, by a name that changes its mind."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ai_models.downloading import Network, download, is_public
from ai_models.downloading.wire import TimeLimit, connected, system_resolver

from .conftest import FAST, LOCAL, picture


def _only(done):
    (record,) = done.records
    return record


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[::1]", "[::ffff:127.0.0.1]",
     "169.254.169.254", "10.0.0.1", "192.168.0.1", "[fd00:ec2::254]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"],
)  # fmt: skip
def test_special_hosts_are_refused_by_default(host, site, listed, tmp_path, connects):
    done = download(listed((f"http://{host}:{site.port}/image/1", "a")), tmp_path / "out", FAST)
    assert (_only(done).verdict, _only(done).attempts) == ("address_refused", 1)
    assert connects == []
    assert not site.asked


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "answers", [["10.1.2.3"], ["8.8.8.8", "10.1.2.3"], ["fe80::1%2"], ["64:ff9b::a01:203"], ["::ffff:8.8.8.8"]]
)
def test_a_name_with_one_special_address_is_refused(scheme, answers, listed, tmp_path, connects):
    network = Network(resolve=lambda host, port: answers)
    done = download(listed((f"{scheme}://example.org/1.jpg", "a")), tmp_path / "out", FAST, network=network)
    assert _only(done).verdict == "address_refused"
    assert connects == []


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.2:{port}/image/1", "http://169.254.169.254/latest/meta-data", "http://[::1]:{port}/image/1",
     "http://10.0.0.1/x", "//192.168.0.1/x", "http://inner.example/x"],
)  # fmt: skip
def test_a_redirect_to_a_special_address_is_refused(location, site, listed, tmp_path, connects):
    def resolve(host, port):
        return ["172.16.5.5"] if host == "inner.example" else system_resolver(host, port)

    url = site.url("/to/" + location.format(port=site.port))
    network = Network(resolve=resolve, allowed=lambda address: address == "127.0.0.1" or is_public(address))
    record = _only(download(listed((url, "a")), tmp_path / "out", FAST, network=network))
    assert record.verdict == "address_refused"
    assert set(connects) == {("127.0.0.1", site.port)}
    assert sum(site.asked.values()) == 1


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked(site, listed, tmp_path, connects):
    answers = iter([["127.0.0.1"], ["10.9.9.9"], ["127.0.0.1"]])
    network = Network(resolve=lambda host, port: next(answers), allowed=LOCAL.allowed)
    url = f"http://rebinding.example:{site.port}"
    done = download(listed((f"{url}/image/1", "a")), tmp_path / "out", FAST, network=network)
    assert _only(done).ok  # one look-up a connection; nobody else resolves the name
    assert site.heads["/image/1"]["Host"] == f"rebinding.example:{site.port}"
    done = download(listed((f"{url}/image/2", "a")), tmp_path / "two", FAST, network=network)
    assert _only(done).verdict == "address_refused"
    assert connects == [("127.0.0.1", site.port)]


def test_a_redirect_is_resolved_anew(site, listed, tmp_path, connects):
    answers = iter([["127.0.0.1"], ["10.9.9.9"]])
    network = Network(resolve=lambda host, port: next(answers), allowed=LOCAL.allowed)
    url = f"http://rebinding.example:{site.port}/to//image/1"
    assert _only(download(listed((url, "a")), tmp_path / "out", FAST, network=network)).verdict == "address_refused"
    assert connects == [("127.0.0.1", site.port)]


def test_the_next_address_is_tried_when_one_does_not_answer(site, listed, tmp_path):
    network = Network(resolve=lambda h, p: ["127.0.0.3", "127.0.0.1"], allowed=lambda a: a.startswith("127."))
    done = download(listed((f"http://two.example:{site.port}/image/1", "a")), tmp_path / "out", FAST, network=network)
    assert _only(done).ok


def test_proxies_of_the_environment_are_not_asked(site, listed, tmp_path, monkeypatch, connects):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, site.url("/"))
    done = download(listed(("http://10.0.0.1/1.jpg", "a")), tmp_path / "out", FAST)
    assert _only(done).verdict == "address_refused"
    assert connects == []


@pytest.mark.parametrize("fault", [socket.gaierror(-2, "not known"), UnicodeError("label too long")])
def test_an_unknown_name_is_unreachable(fault, listed, tmp_path):
    def resolve(host, port):
        raise fault

    config = FAST.replace(retries=0)
    done = download(listed(("http://no.example/1", "a")), tmp_path / "o", config, network=Network(resolve=resolve))
    assert (_only(done).verdict, _only(done).detail) == ("unreachable", "the name no.example is not known")


def test_a_resolver_that_does_not_answer_is_given_up(listed, tmp_path):
    wait = threading.Event()
    network = Network(resolve=lambda host, port: [str(wait.wait(20))])
    config = FAST.replace(retries=0, timeout=0.3)
    began = time.monotonic()
    done = download(listed(("http://slow.example/1", "a")), tmp_path / "o", config, network=network)
    wait.set()
    assert _only(done).verdict == "timeout"
    assert time.monotonic() - began < 3


def test_a_port_where_nobody_listens(listed, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/1"
    record = _only(download(listed((url, "a")), tmp_path / "o", FAST.replace(retries=1), network=LOCAL))
    assert (record.verdict, record.attempts) == ("unreachable", 2)
    assert "connection refused" in record.detail


class _Picture(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(picture(1))

    def log_message(self, *arguments):
        pass


@pytest.fixture
def encrypted(tmp_path):
    """An HTTPS server with a certificate of its own making for ``safe.example``."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=safe.example",
         "-addext", "subjectAltName=DNS:safe.example", "-keyout", key, "-out", certificate],
        check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    server = HTTPServer(("127.0.0.1", 0), _Picture)
    server.handle_error = lambda *arguments: None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_address[1], certificate
    server.shutdown()
    server.server_close()
    thread.join()


def test_certificates_are_checked_by_name(encrypted, listed, tmp_path):
    port, certificate = encrypted

    def record(host, place, tls):
        network = Network(resolve=lambda h, p: ["127.0.0.1"], allowed=LOCAL.allowed, tls=tls)
        url = f"https://{host}:{port}/1.jpg"
        return _only(download(listed((url, "a")), tmp_path / place, FAST, network=network))

    stranger = record("safe.example", "one", ssl.create_default_context())
    assert (stranger.verdict, stranger.attempts) == ("tls", 1)
    assert "the certificate of safe.example is not trusted: self" in stranger.detail
    trusted = ssl.create_default_context(cafile=certificate)
    assert record("safe.example", "two", trusted).ok
    other = record("other.example", "three", trusted)
    assert other.verdict == "tls"
    assert "mismatch" in other.detail


def test_https_where_none_is_spoken(site, listed, tmp_path):
    network = Network(resolve=lambda h, p: ["127.0.0.1"], allowed=LOCAL.allowed)
    done = download(listed((f"https://safe.example:{site.port}/1", "a")), tmp_path / "o", FAST, network=network)
    assert _only(done).verdict == "tls"


def test_a_connection_is_closed_whatever_happens(site):
    limit = TimeLimit(5, 5, threading.Event())
    with (
        pytest.raises(ZeroDivisionError),
        connected("127.0.0.1", site.port, encrypted=False, network=LOCAL, limit=limit) as wire,
    ):
        raise ZeroDivisionError
    assert wire.connection.fileno() == -1
