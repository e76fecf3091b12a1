"""How the service holds: what an image costs, overload, an end under load, and the time of one answer.

    python benchmarks/service_load.py cost     --model DIR --images DIR [--requests 600]
    python benchmarks/service_load.py idle     --model DIR --images DIR [--requests 300]
    python benchmarks/service_load.py overload --model DIR --images DIR [--seconds 120] [--slow 300]
    python benchmarks/service_load.py stop     --model DIR --images DIR [--times 100] [--by-name] [--more]

Each part writes its figures into ``benchmarks/results/service_load.json`` beside those of the others. ``--model`` is a
model directory, ``--images`` a folder of photographs. The service is a process of its own, started with its defaults
but for the rate limit; its processor time is that of all its processes as /proc has it, so what the load costs is not
in it. In-process is `Predictor.predict` on the same bytes, one after another, on one thread. ``--more`` adds to the
ends that were measured before.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import machine_facts
from service_client import Load, Outcome
from service_process import ROOT, service

RESULTS = Path(__file__).parent / "results" / "service_load.json"
BARS = {"cost ratio": 1.25, "idle p95 ms": 60, "goodput share": 0.9, "refusal s": 1.0, "livez p99 ms": 100,
        "memory ratio": 1.1, "exit s": 10, "lost": 0}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--slow", type=int, default=300)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--by-name", action="store_true")
    parser.add_argument("--more", action="store_true")
    parser.add_argument("--no-write", action="store_true")
    given = parser.parse_args()
    files = sorted(path for path in given.images.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    found = PARTS[given.part](given, [path.read_bytes() for path in files[:100]])
    name = f"{given.part}, by name" if given.by_name else given.part
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    if given.more:
        found = _together(kept[name], found)
    print(json.dumps({name: found}, indent=1))
    if not given.no_write:
        kept |= {"bars": BARS, "machine": machine_facts(), name: found}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def cost(given: argparse.Namespace, images: Sequence[bytes]) -> dict[str, Any]:
    """Processor time of an image, by how many are asked for at once, against the same without a service."""
    alone = _in_process(given)
    found: dict[str, Any] = {"in process, ms": alone, "requests": given.requests}
    with service(given.model) as running:
        Load(running.port, images).closed(4, 3.0)
        for connections in (1, 2, 4, 8, 16):
            before, start = running.cpu_seconds(), time.perf_counter()
            load = Load(running.port, images)
            done = load.closed(connections, 60.0, lambda load=load: len(load.outcomes) >= given.requests)
            answered = _answered(done)
            ms = 1000 * (running.cpu_seconds() - before) / answered
            found[f"{connections} at once"] = {
                "ms": round(ms, 2), "ratio": round(ms / alone, 3),
                "answers a second": round(answered / (max(o.sent + o.seconds for o in done) - start), 1),
                "p50 ms": _quantile(done, 0.5), "p95 ms": _quantile(done, 0.95),
            }  # fmt: skip
    return found


def _in_process(given: argparse.Namespace) -> float:
    code = (
        "import sys, time, json, pathlib\n"
        "from ai_models.predictor import Predictor\n"
        "there = sorted(pathlib.Path(sys.argv[2]).rglob('*'))\n"
        "files = [p for p in there if p.suffix.lower() in ('.jpg', '.jpeg', '.png')]\n"
        "images = [p.read_bytes() for p in files[:100]]\n"
        "predictor = Predictor.load(sys.argv[1])\n"
        "[predictor.predict(data) for data in images[:20]]\n"
        "start = time.process_time()\n"
        "[predictor.predict(images[i % len(images)]) for i in range(int(sys.argv[3]))]\n"
        "print(1000 * (time.process_time() - start) / int(sys.argv[3]))\n"
    )
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-c", code, str(given.model), str(given.images), str(given.requests)],
        env=os.environ | one | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return round(float(done.stdout), 2)


def idle(given: argparse.Namespace, images: Sequence[bytes]) -> dict[str, Any]:
    """Time of one answer where nothing else is asked for: a new connection each, 20 ms apart."""
    with service(given.model) as running:
        done: list[Outcome] = []
        for i in range(given.requests):
            load = Load(running.port, images[i % len(images) :])
            done += load.closed(1, 10.0, lambda load=load: bool(load.outcomes))
            time.sleep(0.02)
    assert all(outcome.status == 200 for outcome in done)
    kept = done[10:]
    return {"requests": len(kept), **{f"p{q} ms": _quantile(kept, q / 100) for q in (50, 95, 99)}}


def overload(given: argparse.Namespace, images: Sequence[bytes]) -> dict[str, Any]:
    """Three times what the service can do, with slow clients beside it."""
    with service(given.model) as running:
        Load(running.port, images).closed(8, 3.0)
        quiet = min(20.0, given.seconds / 3)
        first = _peak(running.port, images, quiet)
        memory, with_files = running.memory_mb(), running.memory_mb("Pss")
        script = str(Path(__file__).parent / "service_slow.py")
        slow, probe = (
            subprocess.Popen([sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True)
            for arguments in (("slow", str(running.port), str(given.slow)), ("probe", str(running.port)))
        )
        try:
            assert slow.stdout is not None
            slow.stdout.readline()
            sampled = _Sampled(lambda: (running.memory_mb(), running.memory_mb("Pss")))
            start, before = time.perf_counter(), running.cpu_seconds()
            done = _open_with_samples(Load(running.port, images), 3 * first, given.seconds, sampled)
            cpu = running.cpu_seconds() - before
        finally:
            slow.kill()
            probe.kill()
            times = [float(line) for line in probe.communicate()[0].split()]
            slow.communicate()
        peak = max(first, _peak(running.port, images, quiet))  # other programs of the machine come and go
    largest, largest_with_files = (max(values) for values in zip(*sampled.values, strict=True))
    late = [o for o in done if o.sent >= start]
    good = [o for o in late if o.status == 200]
    refused = [o for o in late if o.status == 503]
    return {
        "seconds": given.seconds, "slow clients": given.slow,
        "peak answers a second": round(peak, 1), "asked a second": round(3 * first, 1),
        "answers a second": round(len(good) / given.seconds, 1),
        "goodput share": round(len(good) / given.seconds / peak, 3),
        "answers p95 ms": _quantile(good, 0.95), "refused": len(refused),
        "refusal p50 ms": _quantile(refused, 0.5), "refusal p99 ms": _quantile(refused, 0.99),
        "refusal largest s": round(max(o.seconds for o in refused), 3),
        "other statuses": sorted({o.status for o in late} - {200, 503}),
        "without answer": sum(o.status == 0 for o in late),
        "livez asked": len(times), "livez failed": sum(t < 0 for t in times),
        "livez p99 ms": round(sorted(times)[min(len(times) - 1, math.ceil(0.99 * len(times)) - 1)], 1),
        "memory before MB": round(memory, 1), "memory largest MB": round(largest, 1),
        "memory ratio": round(largest / memory, 3),
        "memory ratio with libraries": round(largest_with_files / with_files, 3), "cpu s": round(cpu, 1),
    }  # fmt: skip


def _peak(port: int, images: Sequence[bytes], seconds: float) -> float:
    return sum(outcome.status == 200 for outcome in Load(port, images).closed(16, seconds)) / seconds


class _Sampled:
    """The memory, looked at every five seconds between requests."""

    def __init__(self, look: Any) -> None:
        self.look = look
        self.values = [look()]
        self.at = time.perf_counter()

    def __call__(self) -> None:
        if time.perf_counter() - self.at > 5.0:
            self.values.append(self.look())
            self.at = time.perf_counter()


def _open_with_samples(load: Load, rate: float, seconds: float, sampled: _Sampled) -> list[Outcome]:
    poll = load._poll

    def sampling(wait: float) -> None:
        sampled()
        poll(wait)

    load._poll = sampling  # type: ignore[method-assign]
    return load.open(rate, seconds)


def stop(given: argparse.Namespace, images: Sequence[bytes]) -> dict[str, Any]:
    """SIGTERM under load, again and again: whatever the application had read the head of is answered."""
    lost, taken, statuses, heads, answered = [], [], set(), 0, 0
    for turn in range(given.times):
        with service(given.model, by_name=given.by_name, heads=True) as running:
            load = Load(running.port, images)
            after = 0.5 + (turn % 10) * 0.07
            start = time.perf_counter()
            told = [0.0]

            def ended(running: Any = running, told: list[float] = told, at: float = start + after) -> bool:
                if not told[0] and time.perf_counter() >= at:
                    told[0] = time.perf_counter()
                    running.process.send_signal(signal.SIGTERM)
                return running.process.poll() is not None

            done = load.closed(24, 30.0, ended)
            running.process.wait(20)
            taken.append(time.perf_counter() - told[0])
            statuses.add(running.process.returncode)
            accepted = running.accepted()
        known = {o.name for o in done if o.status}
        heads, answered = heads + len(accepted), answered + len(accepted & known)
        lost += [(turn, name) for name in sorted(accepted - known)]
    return {
        "times": given.times, "heads read": heads, "answered": answered, "lost": len(lost), "lost ones": lost[:20],
        "exit status": sorted(statuses), "exit s": sorted(round(seconds, 2) for seconds in taken),
    }  # fmt: skip


def _together(before: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    summed = {key: before[key] + found[key] for key in ("times", "heads read", "answered", "lost", "lost ones")}
    status = sorted({*before["exit status"], *found["exit status"]})
    seconds = sorted(before["exit s"] + found["exit s"])
    return {**summed, "exit status": status, "exit s": seconds}


def _answered(done: Sequence[Outcome]) -> int:
    assert all(outcome.status in (0, 200) for outcome in done), {outcome.status for outcome in done}
    return sum(outcome.status == 200 for outcome in done)


def _quantile(done: Sequence[Outcome], share: float) -> float:
    times = sorted(outcome.seconds for outcome in done if outcome.status)
    return round(1000 * times[min(len(times) - 1, math.ceil(share * len(times)) - 1)], 1) if times else math.nan


PARTS = {"cost": cost, "idle": idle, "overload": overload, "stop": stop}

if __name__ == "__main__":
    main()
