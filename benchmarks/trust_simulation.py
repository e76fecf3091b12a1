"""Are stated false-alarm rates, coverages and intervals what happens? Asked in worlds whose truth is known.

    python benchmarks/trust_simulation.py [--folders 1000] [--json FILE] [--lines FILE [--resume]]

Draws folders of 10 to 40 objects in each of 6 classes with 1 to 4 photographs an object (`simulated_world`), runs the
shipped procedure on each (`simulated_procedure`), and compares its promises with thousands of fresh photographs. Every
N-th folder (--planted-every) is run again with each planted error; the checks must find it. Since a missing + 1 matters
most where few objects stand behind a promise, folders of 20 objects (--small) are there to find it.
Exit status 1 where a check of the shipped procedure fails, or a planted error is not found.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from simulated_procedure import IN_SAMPLE, NO_ONE, PLANTED, ROWS, trial
from simulated_world import Folder

from ai_models.core.settings import TrainingConfig
from ai_models.execution import single_threaded_libraries

Record = dict[str, Any]
ALPHA, COVERAGE, HOLDS, WIDER = 0.05, 0.9, 0.94, 1.25
SMALL = "small folders"
FOUND_BY = {
    (SMALL, NO_ONE): ("false alarms", "lac by class: does not rule out"),
    ("folders", ROWS): ("false alarms", "lac pooled: does not rule out", "held out: holds", "out of fold: holds"),
    ("folders", IN_SAMPLE): ("false alarms", "lac pooled: does not rule out", "out of fold: holds"),
}
"""Set of folders and planted error -> the checks that must find it."""


class Check(NamedTuple):
    """One promise against what happened.

    Attributes
    ----------
    name
        What is checked.
    value, error
        Mean over the folders and its Monte-Carlo standard error.
    bound
        What the value may at most (false alarms, widths) or must at least (coverages) be.
    kept
        Whether it is.
    """

    name: str
    value: float
    error: float
    bound: float
    kept: bool


def checks(records: Sequence[Record]) -> list[Check]:
    """Return every check of records of one procedure."""
    found = [_mean("false alarms", [r["false_alarms"] for r in records], ALPHA, most=True)]
    for kind in records[0]["sets"]:
        for figure, told in (("coverage", "holds the true class"), ("conforming", "does not rule out the true class")):
            values = [r["sets"][kind][figure] for r in records]
            found.append(_mean(f"sets {kind}: {told}", values, COVERAGE, most=False))
    for where in sorted({w for r in records for w in r["intervals"]}):
        mine = [r["intervals"][where] for r in records]
        share, error = _mean_and_error([i["holds"] for i in mine])
        found.append(Check(f"interval {where}: holds the accuracy", share, error, HOLDS, share >= HOLDS))
        for oracle in ("oracle", "oracle_exact"):
            ratio, error = _ratio([i["width"] for i in mine], [i[oracle] for i in mine])
            name = f"interval {where}: width by that of the {oracle.replace('_', ', ')}"
            found.append(Check(name, ratio, error, WIDER, ratio <= WIDER))
    return found


def _mean(name: str, values: Sequence[float], nominal: float, *, most: bool) -> Check:
    mean, error = _mean_and_error(values)
    bound = nominal + 2 * error if most else nominal - 2 * error
    return Check(name, mean, error, bound, mean <= bound if most else mean >= bound)


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    table = np.asarray(values, dtype=np.float64)
    return float(table.mean()), float(table.std(ddof=1) / np.sqrt(len(table)))


def _ratio(above: Sequence[float], below: Sequence[float]) -> tuple[float, float]:
    a, b = np.asarray(above), np.asarray(below)
    ratio = a.mean() / b.mean()
    return float(ratio), float((a - ratio * b).std(ddof=1) / np.sqrt(len(a)) / b.mean())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folders", type=int, default=1000)
    parser.add_argument("--small", type=int, default=200, help="folders of 20 objects in 2 classes")
    parser.add_argument("--planted-every", type=int, default=20, help="every how many folders errors are planted")
    parser.add_argument(
        "--quick-mode", action="store_true", help="train as --quick-mode does: 3 folds, half the search"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="where to write the checks")
    parser.add_argument("--lines", type=Path, help="where to keep a line a record, so that a run can be resumed")
    parser.add_argument("--resume", action="store_true", help="go on where --lines ends")
    arguments = parser.parse_args()
    records = list(_kept(arguments.lines)) if arguments.resume and arguments.lines else []
    if arguments.lines and not arguments.resume:
        arguments.lines.write_text("")
    done = {(r["set"], r["folder"]) for r in records}
    with single_threaded_libraries():
        for name, number in _agenda(arguments.folders, arguments.small):
            if (name, number) in done:
                continue
            fresh = [{"set": name, **r} for r in _trial(name, number, arguments)]
            records += fresh
            if arguments.lines:
                with arguments.lines.open("a") as stream:
                    stream.write("".join(json.dumps(r) + "\n" for r in fresh))
    return _report(records, arguments.json)


def _agenda(folders: int, small: int) -> list[tuple[str, int]]:
    """Return both sets of folders, mixed evenly, so that a run that was cut short has some of each."""
    sets = (("folders", folders), (SMALL, small))
    return sorted(((name, i) for name, n in sets for i in range(n)), key=lambda x: x[1] / dict(sets)[x[0]])


def _kept(lines: Path) -> Iterator[Record]:
    text = lines.read_text() if lines.exists() else ""
    for line in text.splitlines():
        record: Record = json.loads(line)
        yield record


def _trial(name: str, number: int, arguments: argparse.Namespace) -> list[Record]:
    config = TrainingConfig(workers=1, quick_mode=arguments.quick_mode)
    if name == SMALL:
        folder = Folder.drawn(arguments.seed + 1, number, classes=2, objects=(10, 10))
        return trial(number, folder, config.replace(cv_folds=10), test_size=0.0, planted=(NO_ONE,))
    folder = Folder.drawn(arguments.seed, number)
    planted = PLANTED if number % arguments.planted_every == 0 else (NO_ONE,)
    return trial(number, folder, config, test_size=config.test_size, planted=planted)


def _report(records: Sequence[Record], place: Path | None) -> int:
    """Print every check, write them where asked; return 1 where one is broken or a planted error not found."""
    whole: dict[str, Any] = {}
    complaints = []
    for name in ("folders", SMALL):
        for error in ("", *PLANTED):
            mine = [r for r in records if r["set"] == name and r["planted"] == error]
            if len(mine) < 2:
                continue
            found = checks(mine)
            title = f"{name}, {error or 'as shipped'}"
            accuracies = np.quantile([r["accuracy"] for r in mine], [0.0, 0.5, 1.0]).round(3).tolist()
            stray = _stray(mine)
            whole[title] = {
                "folders": len(mine), "accuracies": accuracies, "stray": stray, "checks": [c._asdict() for c in found]
            }  # fmt: skip
            print(f"\n{title}: {len(mine)} folders, accuracies {accuracies}, estimates stray {stray}")
            for c in found:
                told = "kept  " if c.kept else "BROKEN"
                print(f"  {told} {c.value:.4f} +- {c.error:.4f} (bound {c.bound:.4f})  {c.name}")
            complaints += _complaints(name, error, title, found)
    print("\n" + ("\n".join(complaints) or "every promise kept, every planted error found"))
    if place:
        place.write_text(json.dumps({**whole, "complaints": complaints}, indent=2) + "\n")
    return 1 if complaints else 0


def _stray(records: Sequence[Record]) -> dict[str, float]:
    """Return how far estimates lie from the accuracy, root mean square, in units of the oracle's sd."""
    every: dict[str, list[float]] = {}
    for record in records:
        for where, one in record["intervals"].items():
            every.setdefault(where, []).append(one["off"])
    return {where: round(float(np.sqrt(np.mean(np.square(values)))), 3) for where, values in sorted(every.items())}


def _complaints(name: str, error: str, title: str, found: Sequence[Check]) -> list[str]:
    if not error:
        return [f"{title}: {c.name} is broken" for c in found if not c.kept and name == "folders"]
    wanted = FOUND_BY.get((name, error), ())
    missed = [w for w in wanted if all(c.kept for c in found if w in c.name)]
    return [f"{title}: not found by '{w}'" for w in missed]


if __name__ == "__main__":
    sys.exit(main())
