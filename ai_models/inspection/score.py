"""One score of 100 for a data set, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ai_models.inspection.scanning import Scan

__all__ = ["DatasetScore", "score"]

WEIGHTS = {"readable": 25, "distinct": 15, "consistent": 20, "balanced": 15, "sufficient": 15, "quality": 10}
ENOUGH_OBJECTS = 40
"""Objects of the smallest class from which the size counts in full."""


@dataclass(frozen=True)
class DatasetScore:
    """How fit a folder is for training.

    Attributes
    ----------
    overall
        In [0, 100]: the weighted mean of the parts that were looked at, 1 = nothing to find fault with.
    parts
        Name -> share in [0, 1]. ``readable`` files that decode; ``distinct`` objects per photograph;
        ``consistent`` photographs whose object has one label and stands on one side; ``balanced`` entropy of the
        class sizes over its maximum; ``sufficient`` objects of the smallest class, full from 40; ``quality`` mean
        image quality.
    weights
        Name -> points of 100.
    """

    overall: float
    parts: dict[str, float]
    weights: dict[str, int]


def score(scan: Scan) -> DatasetScore:
    """Rate a scan."""
    rows = scan.manifest.originals()
    files = [f for f in scan.files if not f.source_id]
    groups = rows.groups.tolist()
    parts = {
        "readable": sum(f.probe.readable for f in files) / len(files),
        "distinct": len(set(groups)) / len(rows) if len(rows) else 0.0,
        "consistent": _consistent(scan),
    }
    counts = np.array([g for _, g in rows.counts().values()], dtype=np.float64)
    if len(counts) > 1:
        share = counts / counts.sum()
        parts["balanced"] = float(-(share * np.log(share)).sum() / np.log(len(share)))
        parts["sufficient"] = min(1.0, float(counts.min()) / ENOUGH_OBJECTS)
    judged = [f.scores.overall for f in files if f.scores is not None]
    if judged:
        parts["quality"] = float(np.mean(judged)) / 100
    weights = {name: WEIGHTS[name] for name in parts}
    overall = 100 * sum(parts[name] * weight for name, weight in weights.items()) / sum(weights.values())
    return DatasetScore(round(overall, 1), {name: round(value, 4) for name, value in parts.items()}, weights)


def _consistent(scan: Scan) -> float:
    rows = scan.manifest.originals().records
    seen: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        seen.setdefault(row.group, set()).add((row.label, str(row.split)))
    return sum(len(seen[row.group]) == 1 for row in rows) / len(rows) if rows else 0.0
