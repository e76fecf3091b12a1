"""All that is promised, measured: runs the parts and writes their figures into docs/trust.md.

    python benchmarks/trust.py --data DIR [--part folders ...] [--cache-dir feature_cache]
    python benchmarks/trust.py --table

``--data`` is a folder that holds the folders of ``benchmarks/protocol.json``, a CSV of groups beside a folder where
there is one (``amulets.csv`` for ``amulets``), and ``ood_*`` folders of other things. Each part writes
``benchmarks/results/PART-FOLDER.json``; the table is made of what lies there, so that it can be made without the
photographs. Parts: ``folders`` (accuracy beside the peers), ``sets`` (MAPIE's beside), ``detection``, ``learning``,
``shift`` and ``simulation``.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS, DOCS = HERE / "results", HERE.parent / "docs" / "trust.md"
PROTOCOL = json.loads((HERE / "protocol.json").read_text(encoding="utf-8"))
PARTS = ("folders", "sets", "detection", "learning", "shift", "simulation")
START, END = "<!-- figures: benchmarks/trust.py --table -->", "<!-- end of figures -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds the folders of the protocol")
    parser.add_argument("--part", action="append", choices=PARTS, help="only these; may be repeated")
    parser.add_argument("--cache-dir", default="feature_cache")
    parser.add_argument("--table", action="store_true", help="only write the table")
    arguments = parser.parse_args()
    if arguments.data is None and not arguments.table:
        parser.error("give --data DIR to measure, or --table to write what was measured")
    if arguments.data is not None:
        RESULTS.mkdir(exist_ok=True)
        for part in arguments.part or PARTS:
            for command in _commands(part, arguments.data, arguments.cache_dir):
                print("$", " ".join(command[1:]), flush=True)
                subprocess.run(command, check=part != "simulation")  # the simulation tells broken promises by status 1
    _write(list(_tables()))


def _commands(part: str, data: Path, cache: str) -> Iterator[list[str]]:
    script = [sys.executable, str(HERE / f"trust_{part}.py")]
    if part == "simulation":
        yield [*script, "--folders", "1000", "--planted-every", "25", "--json", str(RESULTS / "simulation.json")]
        return
    for name in PROTOCOL["folders"] if part != "shift" else ["amulets"]:
        command = [*script, str(data / name), "--cache-dir", cache, "--json", str(RESULTS / f"{part}-{name}.json")]
        if (data / f"{name}.csv").is_file():
            command += ["--groups", str(data / f"{name}.csv")]
        if name == "amulets" and part in ("detection", "shift"):
            for folder in sorted(data.glob("ood_*")):
                command += ["--ood", str(folder)]
        yield command


def _tables() -> Iterator[str]:
    found = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in sorted(RESULTS.glob("*.json"))}
    folders = [name for name in PROTOCOL["folders"] if f"folders-{name}" in found]
    if folders:
        peers = {name: found[f"sets-{name}"] for name in folders if f"sets-{name}" in found}
        yield "\n".join(_folder_lines({name: found[f"folders-{name}"] for name in folders}, peers))
    detected = [name for name in PROTOCOL["folders"] if f"detection-{name}" in found]
    if detected:
        yield "\n".join(_detection_lines({name: found[f"detection-{name}"] for name in detected}))
    learned = [name for name in PROTOCOL["folders"] if f"learning-{name}" in found]
    if learned:
        yield "\n".join(_learning_lines({name: found[f"learning-{name}"]["mean"] for name in learned}))
    if "simulation" in found:
        yield "\n".join(_simulation_lines(found["simulation"]))


def _folder_lines(found: dict[str, dict[str, Any]], peers: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "### Accuracy and calibration beside the peers",
        "",
        "Grouped 5-fold, everything fitted inside the folds; mean over the fold seeds. In brackets: the difference of "
        "amulet-ai to the peer and its standard error, paired by object.",
        "",
        "| folder | images / objects | classifier | fold seeds | balanced accuracy | NLL | Brier | ECE |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, result in found.items():
        for model, f in result["models"].items():
            against = result["difference"].get(model)
            cells = [
                f"{f[key]:.3f}" + (f" ({against[key]['mean']:+.3f}, {against[key]['se']:.3f})" if against else "")
                for key in ("balanced_accuracy", "nll", "brier")
            ]
            n = f"{result['images']} / {result['objects']}"
            lines.append(f"| {name} | {n} | {model} | {f['seeds']} | {' | '.join(cells)} | {f['ece']:.3f} |")
    lines += [
        "",
        "Beside: MAPIE's cross-conformal sets of a logistic regression on the embedding, calibrated by rows.",
        "",
        "| folder | sets hold the true class (.9 asked) | mean size | MAPIE | its size | called foreign (.05 stated) |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in found.items():
        p = result["promises"]
        beside = peers.get(name, {}).get("mean")
        theirs = f"{beside['coverage']:.3f} | {beside['set_size']:.2f}" if beside else "- | -"
        lines.append(f"| {name} | {p['coverage']:.3f} | {p['set_size']:.2f} | {theirs} | {p['false_alarms']:.3f} |")
    return lines


def _detection_lines(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "### The unusual",
        "",
        "AUROC of held-out known photographs against others, by the embedding alone; mean over fold draws.",
        "",
        "| against | combined | best single detector | IsolationForest |",
        "|---|---|---|---|",
    ]
    for name, result in found.items():
        for against, by in result["mean"].items():
            if against.startswith("without"):
                continue
            single = {d: v for d, v in by.items() if d != "combined"}
            best = max(single, key=lambda d: single[d])
            told = "a class left out, mean" if against == "mean of classes" else against
            figures = f"{by['combined']:.3f} | {single[best]:.3f} ({best}) | {by['isolation_forest']:.3f}"
            lines.append(f"| {name}: {told} | {figures} |")
    lines += ["", "| known objects called unusual, 5 % stated | combined | IsolationForest(contamination=.05) |"]
    lines.append("|---|---|---|")
    for name, result in found.items():
        draws = result["false_alarms"]
        ours, forest = (
            ", ".join(f"{100 * draw[key]:.1f} %" for draw in draws) for key in ("false_alarms", "isolation_forest")
        )
        lines.append(f"| {name}, each draw | {ours} | {forest} |")
    return lines


def _learning_lines(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "### The learning curve, from half of the objects to all",
        "",
        "Balanced accuracy in points: predicted minus reached, its standard error over draws, and the share of draws "
        "within 3 points. Left: subsets of up to half. Right: half is set aside beforehand and never seen.",
        "",
        "| folder | subsets up to half | half set aside |",
        "|---|---|---|",
    ]
    for name, mean in found.items():
        cells = [
            f"{mean[key]['error']:+.1f} ({mean[key]['error_se']:.1f}), {mean[key]['within_3_points']:.0%}"
            for key in ("subsets", "half")
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _simulation_lines(found: dict[str, Any]) -> list[str]:
    lines = ["### Worlds whose truth is known", ""]
    for title, result in found.items():
        if title == "complaints":
            continue
        lines += [f"**{title}**: {result['folders']} folders.", ""]
        lines += ["| check | value | Monte-Carlo error | bound | |", "|---|---|---|---|---|"]
        lines += [
            f"| {c['name']} | {c['value']:.4f} | {c['error']:.4f} | {c['bound']:.4f} "
            f"| {'kept' if c['kept'] else 'broken'} |"
            for c in result["checks"]
        ]
        lines.append("")
    return [*lines, *(f"* {text}" for text in found.get("complaints", []))]


def _ledger_lines() -> list[str]:
    with open(HERE / "ledger.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    lines = ["### What was tuned on these photographs", ""]
    lines += ["| date | part | folders | seeds | tried | chosen | figure |", "|---|---|---|---|---|---|---|"]
    return [*lines, *(f"| {' | '.join(row.values())} |" for row in rows)]


def _write(tables: list[str]) -> None:
    text = DOCS.read_text(encoding="utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    body = "\n\n".join([*(t.rstrip() for t in tables), "\n".join(_ledger_lines())])
    DOCS.write_text(f"{before}{START}\n\n{body}\n\n{END}{after}", encoding="utf-8")
    print(f"wrote {DOCS}")


if __name__ == "__main__":
    main()
