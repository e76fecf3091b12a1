"""nginx with the files that `deploy` writes, before two services of which one refuses."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from ai_models.serving.deployment import write_deployment
from ai_models.serving.settings import ServiceSettings

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(not (NGINX and OPENSSL), reason="nginx or openssl is not installed here")


class _Instance(BaseHTTPRequestHandler):
    """Answers with what it was asked, or refuses."""

    refuses = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = f"{len(body)} {self.headers['X-Forwarded-For']} {self.headers['X-Forwarded-Proto']}".encode()
        self.server.asked += 1  # type: ignore[attr-defined]
        self.send_response(503 if self.refuses else 200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class _Full(_Instance):
    refuses = True


@pytest.fixture
def instances() -> Iterator[list[ThreadingHTTPServer]]:
    made = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in (_Full, _Instance)]
    for server in made:
        server.asked = 0  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    for server in made:
        server.shutdown()
        server.server_close()


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [int(s.getsockname()[1]) for s in held]
    for s in held:
        s.close()
    return ports


def _configured(folder: Path, name: str, place: Path, ports: tuple[int, int], servers: list[int]) -> Path:
    """Write the file as it is, but for ports, addresses and the place of the certificate; return the whole."""
    tls = place / "tls"
    tls.mkdir(exist_ok=True)
    make = [
        OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost", "-keyout", tls / "privkey.pem", "-out", tls / "fullchain.pem",
    ]  # fmt: skip
    subprocess.run(make, check=True, capture_output=True)
    text = (folder / name).read_text().replace("/etc/nginx/tls", str(tls))
    http, https = ("80;", "443 ssl;") if name == "nginx.conf" else ("8080;", "8443 ssl;")
    text = text.replace(f"listen {http}", f"listen 127.0.0.1:{ports[0]};")
    text = text.replace(f"listen {https}", f"listen 127.0.0.1:{ports[1]} ssl;")
    text = text.replace("server amulet-ai:8000", f"server 127.0.0.1:{servers[0]}")
    for written, real in zip((8000, 8001), servers, strict=False):
        text = text.replace(f"server 127.0.0.1:{written} ", f"server 127.0.0.1:{real} ")
    (place / "site.conf").write_text(text)
    folders = "".join(f"{kind}_temp_path {place}/{kind}; " for kind in ("client_body", "proxy", "fastcgi"))
    folders += f"uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;"
    whole = place / "whole.conf"
    whole.write_text(
        f"daemon off; pid {place}/pid; error_log {place}/log; events {{}}\n"
        f"http {{ access_log off; {folders} include {place}/site.conf; }}\n"
    )
    return whole


@pytest.mark.parametrize("name", ["nginx.conf", "nginx-compose.conf"])
def test_nginx_reads_its_files(tmp_path: Path, name: str) -> None:
    write_deployment(tmp_path / "server", instances=2)
    place = tmp_path / "nginx"
    place.mkdir()
    whole = _configured(tmp_path / "server", name, place, (8080, 8443), [8000, 8001])
    done = subprocess.run(
        [NGINX, "-t", "-c", whole, "-e", place / "log"], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_requests_go_by_tls_to_an_instance_that_answers(tmp_path: Path, instances: list[ThreadingHTTPServer]) -> None:
    settings = ServiceSettings(max_bytes=100_000, max_batch_bytes=100_000)
    write_deployment(tmp_path / "server", settings=settings, instances=2)
    place = tmp_path / "nginx"
    place.mkdir()
    http, https = _free_ports(2)
    servers = [int(server.server_address[1]) for server in instances]
    whole = _configured(tmp_path / "server", "nginx.conf", place, (http, https), servers)
    nginx = subprocess.Popen([NGINX, "-c", whole, "-e", place / "log"])
    try:
        trusted = ssl.create_default_context(cafile=str(place / "tls" / "fullchain.pem"))
        address = f"https://localhost:{https}"
        for _ in range(100):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", https)) == 0:
                    break
            time.sleep(0.05)
        with httpx.Client(verify=trusted, trust_env=False) as client:
            spoofed = {"X-Forwarded-For": "192.0.2.7"}
            for _ in range(6):
                answer = client.post(f"{address}/predict", content=b"x" * 5000, headers=spoofed)
                assert (answer.status_code, answer.text) == (200, "5000 127.0.0.1 https")
            assert instances[0].asked >= 1, "it was asked, and another one answered in its place"  # type: ignore[attr-defined]
            assert client.post(f"{address}/predict", content=b"x" * 400_000).status_code == 413
            assert client.get(f"{address}/metrics").status_code == 404
            moved = client.get(f"http://localhost:{http}/docs")
            assert (moved.status_code, moved.headers["location"]) == (308, "https://localhost/docs")
            assert "nginx/" not in moved.headers["server"]
    finally:
        nginx.terminate()
        assert nginx.wait(10) == 0
