"""``amulet-ai download`` as a user types it: what it says, and that it asks nobody on the local network."""

from __future__ import annotations

import csv
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ai_models.downloading import Network


@pytest.fixture
def web(photographs):
    """Serve the photographs on 127.0.0.1; the server counts what was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked += 1
            path = photographs / self.path[1:]
            self.send_response(200 if path.is_file() else 404)
            self.end_headers()
            if path.is_file():
                self.wfile.write(path.read_bytes())

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked = 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def loopback_allowed(monkeypatch):
    """Let the command ask 127.0.0.1, which no option of it does."""
    made = Network(allowed=lambda address: address == "127.0.0.1")
    monkeypatch.setattr("ai_models.downloading.stage.Network", lambda: made)


def _list(web, *rows):
    lines = [f"http://127.0.0.1:{web.server_address[1]}/{path},{label},museum" for path, label in rows]
    Path("list.csv").write_text("\n".join(["url,class,licence", *lines]) + "\n", encoding="utf-8")
    return ("download", "--csv", "list.csv", "--output-dir", "out", "--delay", "0")


def test_a_list_becomes_a_folder_that_the_next_command_reads(call, web, loopback_allowed):
    rows = [(f"{c}/{i:02d}.png", t) for c, t in (("ash", "พระ"), ("birch", "birch")) for i in range(3)]
    arguments = _list(web, *rows, ("ash/none.png", "พระ"), ("ash/00.png", "birch"))
    done = call(*arguments, "--source", "a museum", "--consolidate-dir", "all")
    assert done.exit_code == 0, done.output
    assert "7 of 8 addresses gave an image (8 asked now), 7 files:" in done.stdout
    assert "  พระ: 3" in done.stdout
    assert "failed, http_error: 1, such as http://127.0.0.1" in done.stdout
    assert "conflict: 1 images stand under more than one class" in done.stdout
    assert "together  all: 7 files put there, 0 were there" in done.stdout
    table = list(csv.DictReader(Path("out/provenance.csv").read_text(encoding="utf-8").splitlines()))
    assert {(r["source"], r["licence"]) for r in table} == {("a museum", "museum")}
    assert [r["conflict"] for r in table] == ["birch", "", "", "", "", "", "", "พระ"]
    assert all(Path("out", r["file"]).stat().st_ino == Path("all", r["file"]).stat().st_ino for r in table if r["file"])
    assert "7 photographs of 6 objects in 2 classes" in call("inspect", "--data-dir", "out", "--quick-mode").stdout

    before = web.asked
    again = call(*arguments)
    assert "(0 asked now)" in again.stdout
    assert web.asked == before
    assert "(1 asked now)" in call(*arguments, "--retry-failed").stdout


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433"])
def test_the_local_network_is_not_asked(call, web, host):
    _list(web)
    url = f"http://{host}:{web.server_address[1]}/ash/00.png"
    Path("list.csv").write_text(f"url,class\n{url},ash\n", encoding="utf-8")
    done = call("download", "--csv", "list.csv", "--output-dir", "out")
    assert done.exit_code == 2
    assert "not a public address" in done.stdout
    assert "gave an image: the reasons are above and in 'out/provenance.csv'" in " ".join(done.stderr.split())
    assert web.asked == 0


def test_a_dry_run_asks_and_writes_nothing(call, web, monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *a, **k: pytest.fail("a socket was made"))
    arguments = _list(web, ("ash/00.png", "ash"), ("ash/01.png", "birch"))
    with Path("list.csv").open("a", encoding="utf-8") as stream:
        stream.write("ftp://example.org/1.jpg,ash,x\n")
    done = call(*arguments, "--dry-run")
    assert done.exit_code == 0
    assert done.stdout == (
        "- ftp://example.org/1.jpg: must begin with http:// or https://, got 'ftp://example.org/1.'\n"
        "3 addresses of 2 classes, 1 of them cannot be asked\n"
    )
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n", "must begin with the header 'url,class'"),
        ("link,class\nhttp://e.org/1,a\n", "lacks url"),
        ("url,class\n", "has no row"),
        ("url,class\nhttp://e.org/1,../a\nhttp://e.org/2,con\n", "(line 2: class '../a' is no safe name of a folder; "),
        ("url,class\nhttp://e.org/1,a,b\n", "line 2 has 3 cells"),
    ],
    ids=["empty", "header", "no row", "class", "cells"],
)  # fmt: skip
def test_a_list_that_cannot_be_used(call, text, words):
    Path("list.csv").write_text(text, encoding="utf-8")
    done = call("download", "--csv", "list.csv", "--output-dir", "out")
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())
    assert not Path("out").exists()


def test_a_place_that_holds_other_files(call, web):
    arguments = _list(web, ("ash/00.png", "ash"))
    Path("out").mkdir()
    Path("out/mine.txt").write_text("mine", encoding="utf-8")
    done = call(*arguments)
    assert done.exit_code == 2
    assert "already holds other files" in done.stderr
    assert [p.name for p in Path("out").iterdir()] == ["mine.txt"]
    refused = call(*arguments[:-3], "elsewhere", "--consolidate-dir", "elsewhere/within")
    assert refused.exit_code == 2
    assert "must lie apart" in refused.stderr
