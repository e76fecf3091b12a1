"""Files a second of the downloader from a local server that takes its time to answer, by number of workers.

    python benchmarks/download.py [--files 200] [--latency 0.02] [--workers 1 8]

The server is a thread of this program on 127.0.0.1; the pause between two requests to one host is set to nothing.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

from ai_models.core.settings import DownloadConfig
from ai_models.downloading import Network, download


def _picture(number: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 255, (224, 224, 3), np.uint8)).save(out, "JPEG")
    return out.getvalue()


def rate(pictures: list[bytes], latency: float, workers: int) -> float:
    """Return files a second, from the first request to the finished ledger."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(latency)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(pictures[int(self.path[1:])])

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = DownloadConfig(workers=workers, per_host=workers, delay=0.0)
    with tempfile.TemporaryDirectory() as folder:
        rows = [f"http://127.0.0.1:{server.server_address[1]}/{i},a" for i in range(len(pictures))]
        listed = Path(folder, "list.csv")
        listed.write_text("\n".join(["url,class", *rows]) + "\n", encoding="utf-8")
        network = Network(allowed=lambda address: address == "127.0.0.1")
        began = time.perf_counter()
        done = download(listed, Path(folder, "out"), config, network=network)
        seconds = time.perf_counter() - began
    server.shutdown()
    server.server_close()
    if not all(record.ok for record in done.records):
        raise SystemExit("not every file came: nothing was measured")
    return len(pictures) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds before each answer")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8])
    given = parser.parse_args()
    pictures = [_picture(i) for i in range(given.files)]
    for workers in given.workers:
        print(f"{workers} workers: {rate(pictures, given.latency, workers):.0f} files a second")


if __name__ == "__main__":
    main()
