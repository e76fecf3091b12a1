"""How well an unknown class would be noticed that is as near as the known ones are: each is left out in turn.

Detectors are fitted anew, fold by fold, on the training photographs of the other classes; the class left out is then
foreign. Nothing but the model's own training photographs is used, and nothing of the model is changed by it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ai_models.core.paths import to_text
from ai_models.core.records import Manifest
from ai_models.core.rng import generator
from ai_models.core.settings import EvaluationConfig
from ai_models.crossfit.held_out_detection import COMBINED, Compared, compare_held_out
from ai_models.ensemble.outliers import DETECTORS
from ai_models.evaluation.figures import LEVEL, as_json, draws_of
from ai_models.evaluation.plain_features import PlainFeatures, plain_features
from ai_models.evaluation.scoring import Model
from ai_models.execution import map_ordered
from ai_models.metrics import Interval, clopper_pearson

__all__ = ["near_class_figures", "pairwise_wins"]

MOST_CLASSES = 20
"""Classes that are left out; of more, as many are drawn, so that the cost is bounded."""
_FEWEST = 4  # known photographs that detectors are fitted on

Floats = NDArray[np.float64]


def near_class_figures(model: Model, training: Manifest, config: EvaluationConfig) -> dict[str, Any]:
    """Return the AUROC of each detector and of the combined score against each class left out, and the mean.

    Parameters
    ----------
    model
        Its feature extractor is used, with the cache where it has one.
    training
        Its training photographs, with label, group and fold.
    config
        Draws, seed, workers.

    Returns
    -------
    dict
        Plain values, ready for JSON; ``{"not_measured": why}`` where it cannot be done. A known photograph is compared
        with foreign ones only by detectors that were fitted on neither. Intervals are 95 %, from redraws of whole
        objects of both sides; the fits are not repeated. That of the mean takes the classes as given.
    """
    if len(set(training.labels.tolist())) < 2:
        return {"not_measured": "there is a single class"}
    features = plain_features(model, training.files, label="unknown classes")
    rows = training.records
    kept = Manifest(training.root, tuple(rows[i] for i in features.readable.tolist()))
    if len(kept) < len(training) or len(set(kept.folds.tolist()) - {-1}) < 2:
        return {"not_measured": "some training photographs are no longer where they were, or have no folds"}
    names = _chosen(sorted(set(kept.labels.tolist())), config.seed)
    detectors = (*DETECTORS, COMBINED)
    found: dict[str, Any] = {}
    drawn: list[Floats] = []
    tasks = [_Task(features, kept, name, config.seed) for name in names]
    for name, result in zip(
        names,
        map_ordered(_left_out, tasks, workers=config.workers, label="unknown classes", unit="class", total=len(tasks)),
        strict=True,
    ):
        if result is None:
            continue
        compared, known_groups, foreign_groups = result
        values, draws = _auroc(compared, known_groups, foreign_groups, config)
        drawn.append(draws)
        fewest = min(len(set(known_groups.tolist())), len(set(foreign_groups.tolist())))
        found[to_text(name)] = {
            "images": compared.foreign.shape[1],
            "groups": len(set(foreign_groups.tolist())),
            "auroc": {d: as_json(_interval(values[i], draws[:, i], fewest)) for i, d in enumerate(detectors)},
        }
    if not found:
        return {"not_measured": "without a class too few photographs are left"}
    mean = np.mean(drawn, axis=0)
    estimates = np.mean([[c["auroc"][d]["estimate"] for d in detectors] for c in found.values()], axis=0)
    fewest = min(c["groups"] for c in found.values())
    return {
        "classes": found,
        "classes_of": len(set(kept.labels.tolist())),
        "mean": {d: as_json(_interval(estimates[i], mean[:, i], fewest)) for i, d in enumerate(detectors)},
    }


def pairwise_wins(compared: Compared, column: int) -> Floats:
    """Return float64 (n, m): 1 where a foreign photograph scores above a known one, .5 where alike, else 0.

    Both by the detectors that were fitted without the known one's fold.
    """
    known, foreign = compared.known[:, column], compared.foreign[compared.fold, :, column]
    return np.asarray((foreign > known[:, None]) + 0.5 * (foreign == known[:, None]), dtype=np.float64)


class _Task(NamedTuple):
    features: PlainFeatures
    rows: Manifest
    name: str
    seed: int


def _left_out(task: _Task) -> tuple[Compared, NDArray[np.str_], NDArray[np.str_]] | None:
    labels, groups, folds = task.rows.labels, task.rows.groups, task.rows.folds
    foreign = labels == task.name
    known = ~foreign & ~np.isin(groups, groups[foreign])  # an object of both is no witness
    codes = np.unique(labels[known], return_inverse=True)[1].astype(np.int64)
    sizes = [int((folds[known] != fold).sum()) for fold in set(folds[known].tolist())]
    if len(sizes) < 2 or min(sizes) < _FEWEST:
        return None
    X = task.features.X
    seed = task.seed
    return compare_held_out(X[known], codes, folds[known], X[foreign], seed=seed), groups[known], groups[foreign]


def _chosen(names: list[str], seed: int) -> list[str]:
    if len(names) <= MOST_CLASSES:
        return names
    drawn = generator(seed, "classes left out", len(names)).permutation(len(names))[:MOST_CLASSES]
    return [names[i] for i in sorted(drawn.tolist())]


def _auroc(
    compared: Compared, known: NDArray[np.str_], foreign: NDArray[np.str_], config: EvaluationConfig
) -> tuple[Floats, Floats]:
    """Return the AUROC of each column, and those of draws of whole objects, float64 (draws, columns)."""
    left, right = (_weights(groups, config, side) for side, groups in enumerate((known, foreign)))
    values, drawn = [], []
    for column in range(compared.known.shape[1]):
        wins = pairwise_wins(compared, column)
        values.append(wins.mean())
        drawn.append(((left @ wins) * right).sum(axis=1) / (left.sum(axis=1) * right.sum(axis=1)))
    return np.array(values), np.stack(drawn, axis=1)


def _weights(groups: NDArray[np.str_], config: EvaluationConfig, side: int) -> Floats:
    """Return how often each photograph is drawn when as many objects as there are are drawn, float64 (draws, n)."""
    member = np.unique(groups, return_inverse=True)[1]
    count = int(member.max()) + 1
    rng = generator(config.seed, "classes left out, draws", side, count)
    times = rng.multinomial(count, np.full(count, 1.0 / count), size=draws_of(config))
    return np.asarray(times[:, member], dtype=np.float64)


def _interval(estimate: float, drawn: Floats, fewest: int) -> Interval:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    found = Interval(float(estimate), float(low), float(high), LEVEL)
    return found.hull(clopper_pearson(estimate * fewest, fewest, LEVEL)) if low == high else found
