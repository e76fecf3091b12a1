"""The service under requests that mean harm: schemathesis on its OpenAPI document, and raw bytes on its socket.

    python benchmarks/service_attacks.py [--cases 20000] [--raw 5000]

A model of drawn textures is trained, and served twice: with keys and without. What must not happen: a status of 500
and above other than the documented 501, 503 and 504, an answer that the document does not describe, silence, or memory
that stays. Writes benchmarks/results/service_attacks.json.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from machine import machine_facts
from raw_requests import answer_of, attack

from ai_models.serving.admission.keys import Scope, create_key, write_keys

RESULTS = Path(__file__).parent / "results" / "service_attacks.json"
CONFORMANCE = (
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
DOCUMENTED = {"501", "503", "504"}  # of the statuses from 500 on
SETTINGS = {
    "MAX_BYTES": 200_000,
    "MAX_BATCH_BYTES": 400_000,
    "RATE_LIMIT": 10_000_000,
    "BODY_SECONDS": 2,
    "HEAD_SECONDS": 2,
    "ALLOW_UNSIGNED": 1,  # whose model it is, is not what is tried
}


@dataclass
class Target:
    """A service that is attacked."""

    process: psutil.Process
    address: str
    key: str

    @property
    def memory_mb(self) -> float:
        """Resident memory that is its own, of all its processes, in MiB."""
        return sum(p.memory_full_info().uss for p in (self.process, *self.process.children(recursive=True))) / 2**20


@contextmanager
def served(model: Path, *, keys: bool, log: Path) -> Iterator[Target]:
    """Start a service, with keys or without, and end it."""
    with tempfile.TemporaryDirectory() as place:
        variables = {f"AMULET_AI_{name}": str(value) for name, value in SETTINGS.items()}
        text = ""
        if keys:
            text, key = create_key((), "attacker", (Scope.PREDICT, Scope.EXPLAIN, Scope.METRICS))
            write_keys(Path(place) / "keys.json", (key,))
            variables |= {"AMULET_AI_KEYS_FILE": f"{place}/keys.json", "AMULET_AI_STATE_DIR": place}
        plain = {k: v for k, v in os.environ.items() if not k.startswith("AMULET_AI_")}
        command = [sys.executable, "-m", "ai_models", "serve", "--port", "0", "--model-dir", str(model)]
        root = str(Path(__file__).parents[1])
        with log.open("ab") as told:
            process = subprocess.Popen(
                command, env=plain | variables | {"PYTHONPATH": root}, stdout=subprocess.PIPE, stderr=told, text=True
            )
        assert process.stdout is not None
        try:
            yield Target(psutil.Process(process.pid), process.stdout.readline().split()[1], text)
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


def described_requests(target: Target, count: int, picture: bytes, *, with_key: bool) -> dict[str, Any]:
    """Send requests that the OpenAPI document allows, and such that it does not; judge what comes back by it.

    Every third body that may hold an image is given a real one, for chance makes none.
    """
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis.errors import Unsatisfiable
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    checks = CHECKS.get_by_names(list(CONFORMANCE))
    schema = schemathesis.openapi.from_url(f"{target.address}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    statuses: Counter[str] = Counter()
    faults: list[str] = []

    def sent(case: Any) -> None:
        for name in ("Authorization", "X-API-Key") if with_key else ():
            case.headers.pop(name, None)
        if sum(statuses.values()) % 3 == 0:
            _give_picture(case.body, picture)
        answer = case.call(headers={"X-API-Key": target.key} if with_key else {}, timeout=60)
        statuses[str(answer.status_code)] += 1
        try:
            case.validate_response(answer, checks=checks)
        except Exception as error:
            faults.append(f"{case.method} {case.path} {answer.status_code}: {type(error).__name__}: {error}"[:400])

    def tried(operation: Any, mode: Any, cases: int, number: int) -> int:
        """Return how many cases were sent: fewer than asked for where no more can be told apart."""
        quiet = settings(
            max_examples=cases, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        before = sum(statuses.values())
        with suppress(Unsatisfiable):  # nothing can be wrong with a request that has no parts
            seed(number)(quiet(given(operation.as_strategy(generation_mode=mode))(sent)))()
        return sum(statuses.values()) - before

    open_ones = [(operation, mode) for operation in operations for mode in modes]
    number = 0
    while open_ones and sum(statuses.values()) < count:
        each = min(200, max(1, (count - sum(statuses.values())) // len(open_ones)))
        number += 1
        open_ones = [(o, m) for i, (o, m) in enumerate(open_ones) if tried(o, m, each, 1000 * number + i) >= each]
    return {"cases": sum(statuses.values()), "statuses": dict(sorted(statuses.items())), "faults": faults}


def _give_picture(body: Any, picture: bytes) -> None:
    if not isinstance(body, dict):
        return
    text = base64.b64encode(picture).decode("ascii")
    if isinstance(body.get("image_data"), str):
        body["image_data"] = text
    for name, value in (("images", text), ("files", picture)):
        if isinstance(body.get(name), list) and body[name]:
            body[name][0] = value
    if isinstance(body.get("file"), bytes):
        body["file"] = picture


def raw_requests(target: Target, count: int, picture: bytes, *, together: int = 16) -> dict[str, Any]:
    """Send bytes that are no proper requests; several connections at once."""
    host, _, port = target.address.removeprefix("http://").rpartition(":")

    def one(number: int) -> tuple[str, str]:
        what = attack(number, target.key, picture)
        return what.kind, answer_of(host, int(port), what)

    with ThreadPoolExecutor(together) as threads:
        found = list(threads.map(one, range(count)))
    kinds: dict[str, Counter[str]] = {}
    for kind, status in found:
        kinds.setdefault(kind, Counter())[status] += 1
    return {
        "requests": count,
        "by_kind": {kind: dict(sorted(counts.items())) for kind, counts in sorted(kinds.items())},
        "statuses": dict(sorted(Counter(status for _, status in found).items())),
    }


def warmed(target: Target, picture: bytes, requests: int = 150) -> None:
    """Ask for everything until memory is what it is in use."""
    headers = {"X-API-Key": target.key} if target.key else {}
    with httpx.Client(base_url=target.address, headers=headers, timeout=60) as client:
        client.post("/explain", files={"file": picture})
        client.post("/predict/file", files={"file": bytes(190_000)})
        for _ in range(requests):
            client.post("/predict/file", files={"file": picture})
            client.post("/predict/batch", files=[("files", picture)] * 4)
            client.get("/openapi.json")


def undocumented(statuses: dict[str, int]) -> dict[str, int]:
    """Return the statuses that must not have come."""
    return {s: n for s, n in statuses.items() if s == "silent" or (s[:1] == "5" and s not in DOCUMENTED)}


def attacked(model: Path, picture: bytes, cases: int, raw: int, log: Path) -> dict[str, Any]:
    """Attack services with and without keys; a quarter of the cases bring no key where one is asked for."""
    told: dict[str, Any] = {}
    for name, keys in (("keys", True), ("no keys", False)):
        with served(model, keys=keys, log=log) as target:
            warmed(target, picture)
            before, started = target.memory_mb, time.monotonic()
            said = {
                "described": described_requests(target, cases // 4 if keys else cases // 2, picture, with_key=keys),
                "raw": raw_requests(target, raw // 2, picture),
            }
            if keys:
                said["described without key"] = described_requests(target, cases // 4, picture, with_key=False)
            time.sleep(3)  # what is slow is cut off by then
            warmed(target, picture, 20)
            alive = httpx.get(f"{target.address}/livez", timeout=10).status_code
            told[name] = {
                **said, "alive": alive == 200, "memory_mb_before": round(before, 1),
                "memory_mb_growth": round(target.memory_mb - before, 1), "seconds": round(time.monotonic() - started),
                "undocumented": {part: undocumented(found["statuses"]) for part, found in said.items()},
            }  # fmt: skip
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-dir", type=Path, required=True, help="a model directory")
    parser.add_argument("--picture", type=Path, required=True, help="an image file below 190 kB")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--raw", type=int, default=5_000)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--log", type=Path, default=Path("service_attacks.log"))
    given = parser.parse_args()
    told = attacked(given.model_dir, given.picture.read_bytes(), given.cases, given.raw, given.log)
    given.output.write_text(json.dumps({"machine": machine_facts(), **told}, indent=1) + "\n", encoding="utf-8")
    for name, found in told.items():
        print(name, json.dumps({k: found[k] for k in ("alive", "memory_mb_growth", "undocumented", "seconds")}))
        for part in ("described", "described without key"):
            print(" ", part, found.get(part, {}).get("statuses"), "faults:", len(found.get(part, {}).get("faults", ())))


if __name__ == "__main__":
    main()
