"""Writes the figures of ``throughput.py``, ``parity.py``, ``sift_cost.py`` and ``memory.py`` into docs/speed.md."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ai_models.reporting.svg import INK, MUTED, SERIES, chart, tidy

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parent.parent / "docs"
START, END = "<!-- figures: benchmarks/throughput.py --table -->", "<!-- end of figures -->"
NAMES = {"onnxruntime": "ONNX Runtime, fp32", "openvino": "OpenVINO"}
_LIGHT = "--ink: #1f2328; --muted: #5f6871; --grid: #e2e5e9; --series-1: #c2540a; --series-2: #0072b2; background: #fff"
_DARK = (
    "--ink: #e7e9ec; --muted: #a2abb5; --grid: #343a42; --series-1: #ec8036; --series-2: #5cb3ec; background: #1c1f24"
)
_NONE = "No run of it is told here yet: it records nothing while other programs compute."
_FONT = "font-family: system-ui, sans-serif"


def write_page(history: Path) -> None:
    """Put the last runs of the history, and what the other scripts left, between the markers; draw the chart."""
    record: dict[str, Any] = {"sorts": {}}
    lines = history.read_text(encoding="utf-8").splitlines() if history.is_file() else []
    for line in lines:  # of each sort of images its last run
        last = json.loads(line)
        record = {**last, "sorts": {**record["sorts"], **last["sorts"]}}
    page = DOCS / "speed.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    body = "\n".join([*(_throughput(record) if record["sorts"] else (_NONE,)), *_others()])
    page.write_text(f"{before}{START}\n\n{body}\n{END}{after}", encoding="utf-8")
    if record["sorts"]:
        _draw(record)


def _draw(record: dict[str, Any]) -> None:
    styled = f"<style>svg {{ {_LIGHT}; {_FONT} }} @media (prefers-color-scheme: dark) {{ svg {{ {_DARK} }} }}</style>"
    drawn = str(rates(record))
    at = drawn.index(">") + 1
    (DOCS / "images" / "speed.svg").write_text(drawn[:at] + styled + drawn[at:] + "\n", encoding="utf-8")


def _throughput(record: dict[str, Any]) -> Iterator[str]:
    machine = record["machine"]
    yield "![Images a second, beside the naive pipeline](images/speed.svg)\n"
    yield f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, {record['when']};"
    yield f"of its instructions {', '.join(machine['flags']) or 'none told'}."
    yield "In brackets the least and the most of the rounds.\n"
    yield "| images | networks by | images/s | naive, images/s | times the naive | of the bound | of two processes |"
    yield "|---|---|---|---|---|---|---|"
    cores = machine["cores"]
    for sort, found in record["sorts"].items():
        rounds = found["rounds"]
        for name, told in NAMES.items():
            if name not in rounds[0]:
                continue
            rate = _spread(rounds, lambda r, n=name: 1 / r[n]["ours"], ".0f")
            naive = _spread(rounds, lambda r: 1 / r["naive"], ".1f")
            times = _spread(rounds, lambda r, n=name: r["naive"] / r[n]["ours"], ".2f")
            bound = _spread(rounds, lambda r, n=name: sum(r[n]["stages"].values()) / cores / r[n]["ours"], ".3f")
            pair = _spread(rounds, lambda r, n=name: r[n]["pair"] / r[n]["ours"], ".3f")
            yield f"| {sort} | {told} | {rate} | {naive} | {times} | {bound} | {pair} |"
    yield "\nMilliseconds of each stage for one image, alone on one thread:\n"
    stages = list(next(iter(record["sorts"].values()))["rounds"][0]["onnxruntime"]["stages"])
    yield "| images | networks by | " + " | ".join(stages) + " | sum |"
    yield "|---" * (len(stages) + 3) + "|"
    for sort, found in record["sorts"].items():
        for name, told in NAMES.items():
            if name in found["rounds"][0]:
                costs = [statistics.median(1000 * r[name]["stages"][s] for r in found["rounds"]) for s in stages]
                yield f"| {sort} | {told} | " + " | ".join(f"{c:.2f}" for c in (*costs, sum(costs))) + " |"


def _others() -> Iterator[str]:
    for name, title in (("parity", "The same features by every backend"), ("sift_cost", "What SIFT may cost"),
                        ("memory", "Memory")):  # fmt: skip
        file = RESULTS / f"{name}.json"
        if file.is_file():
            yield f"\n### {title}\n"
            yield from json.loads(file.read_text(encoding="utf-8"))["table"]


def _spread(rounds: list[dict[str, Any]], value: Callable[[dict[str, Any]], float], form: str) -> str:
    values = [value(taken) for taken in rounds]
    return f"**{statistics.median(values):{form}}** ({min(values):{form}}-{max(values):{form}})"


@chart
def rates(figure: Figure, record: dict[str, Any]) -> str:
    """Draw images a second, one panel a sort of images."""
    sorts = record["sorts"]
    figure.set_size_inches(4.8, 1.5 * len(sorts) + 0.3)
    said = []
    for axes, (sort, found) in zip(figure.subplots(len(sorts), squeeze=False)[:, 0], sorts.items(), strict=True):
        rounds = found["rounds"]
        naive = statistics.median(1 / r["naive"] for r in rounds)
        rows = [("naive", naive, "")]
        for name, told in NAMES.items():
            if name in rounds[0]:
                rate = statistics.median(1 / r[name]["ours"] for r in rounds)
                rows.append((told, rate, f" · {statistics.median(r['naive'] / r[name]['ours'] for r in rounds):.1f}x"))
        for place, (told, rate, times) in enumerate(reversed(rows)):
            axes.barh(place, rate, height=0.62, color=MUTED if told == "naive" else SERIES[0])
            axes.annotate(
                f"{rate:.0f}{times}", (rate, place), (4, 0), textcoords="offset points", va="center", fontsize=9.5,
                color=INK,
            )  # fmt: skip
            said.append(f"{sort}, {told}: {rate:.0f}")
        axes.set_yticks(range(len(rows)), [told for told, *_ in reversed(rows)])
        axes.set_xlim(0, 1.32 * max(rate for _, rate, _ in rows))
        axes.set_title(f"{sort}, images a second", loc="left", fontsize=10, color=MUTED)
        tidy(axes, grid="x")
    return "Images a second: " + "; ".join(said)
