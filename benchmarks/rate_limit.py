"""How exactly a key is held to its limit where two server processes answer.

    python benchmarks/rate_limit.py --model-dir MODEL [--seconds 200]

Starts ``uvicorn --workers 2``, asks with one key from several connections as fast as half a core allows, and counts
what was let in within any 60 seconds of the client's clock. Writes benchmarks/results/rate_limit.json.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np

from ai_models.serving.admission.keys import Scope, create_key, write_keys

RESULTS = Path(__file__).parent / "results" / "rate_limit.json"
LIMIT, WINDOW = 100, 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=200.0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        text, key = create_key((), "one", (Scope.PREDICT,))
        write_keys(Path(place) / "keys.json", (key,))
        variables = {
            "AMULET_AI_KEYS_FILE": f"{place}/keys.json", "AMULET_AI_STATE_DIR": place, "AMULET_AI_ALLOW_UNSIGNED": "1",
            "AMULET_AI_MODEL_DIR": str(given.model_dir), "PYTHONPATH": str(Path(__file__).parents[1]),
        }  # fmt: skip
        command = ["uvicorn", "ai_models.production_deployment:app", "--workers", "2", "--port", str(port)]
        process = subprocess.Popen([sys.executable, "-m", *command], env=os.environ | variables)
        try:
            told = measured(f"http://127.0.0.1:{port}", text, given.seconds)
        finally:
            process.terminate()
            process.wait(60)
    given.output.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told))


def measured(address: str, key: str, seconds: float) -> dict[str, float]:
    """Ask for so long and return what was let in."""
    while True:
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.5)
    granted: list[float] = []
    statuses: Counter[int] = Counter()
    starts: list[float] = []
    end = time.monotonic() + seconds

    def ask() -> None:
        while time.monotonic() < end:
            with httpx.Client(base_url=address, headers={"X-API-Key": key}, timeout=30) as client:  # a new connection
                starts.append(time.monotonic() - client.get("/health").json()["uptime_seconds"])
                for _ in range(20):
                    answer = client.get("/v2/models/amulet")
                    statuses[answer.status_code] += 1
                    if answer.status_code == 200:
                        granted.append(time.monotonic())
                    time.sleep(0.05)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = np.sort(np.array(granted))
    most = max(int(np.searchsorted(times, t + WINDOW, "right") - i) for i, t in enumerate(times))
    return {
        "limit_a_minute": LIMIT, "seconds": seconds, "asked": sum(statuses.values()), "let_in": len(granted),
        "refused": statuses[429], "others": sum(n for s, n in statuses.items() if s not in (200, 429)),
        "most_in_60_s": most, "over_the_limit_percent": round(100 * (most / LIMIT - 1), 2),
        "processes_that_answered": 1 + int((np.diff(np.sort(starts)) > 0.05).sum()),
    }  # fmt: skip


if __name__ == "__main__":
    main()
