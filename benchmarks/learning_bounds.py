"""Folders of known truth: how often the bounds of a learning curve hold what more objects bring.

    python benchmarks/learning_bounds.py [--worlds 60]

Six classes of four kinds each in 64 dimensions, 10 to 30 objects a class; the truth is the mean balanced accuracy of
the same classifier on 300 fresh objects a class, over six fresh training sets of the size in question.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ai_models.crossfit.learning_curve import joint_points, score_subsets
from ai_models.metrics.error_curve import fit_error_curve

_CLASSES, _KINDS, _COLUMNS, _FRESH, _SETS = 6, 4, 64, 300, 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=60)
    table = np.array([_world(number) for number in range(parser.parse_args().worlds)])
    for column, name in enumerate(("all objects", "twice as many", "gain between")):
        held, error = table[:, column, 0], table[:, column, 1]
        rms = np.sqrt((error**2).mean())
        print(f"{name:>14}: held {held.mean():.2f}, mean error {error.mean():+.3f}, RMS {rms:.3f}")


def _world(number: int) -> list[tuple[bool, float]]:
    rng = np.random.default_rng(number)
    each = int(rng.integers(10, 30))
    signal, spread = rng.uniform(1, 3.5), rng.uniform(0.3, 0.8)
    kinds = rng.standard_normal((_CLASSES, _KINDS, _COLUMNS)) * spread + signal * np.eye(_CLASSES, _COLUMNS)[:, None]
    X, y = _objects(rng, kinds, each)
    fresh, labels = _objects(rng, kinds, _FRESH)
    groups = np.arange(len(y)).astype(np.str_)
    points = score_subsets(X, y, groups, joint_points(y, groups), repeats=3, seed=0, workers=1)
    curve = fit_error_curve(points.objects, *points.errors(), seed=0)
    truth = []
    for factor in (1, 2):
        sets = [_objects(rng, kinds, round(factor * each * 0.8)) for _ in range(_SETS)]
        models = [LogisticRegression(C=100, max_iter=1000, tol=1e-3).fit(A, b) for A, b in sets]
        truth.append(1 - float(np.mean([(m.predict(fresh) == labels).mean() for m in models])))
    told = [curve.at(curve.largest), curve.at(2 * curve.largest), curve.fall(2 * curve.largest)]
    reached = [*truth, truth[0] - truth[1]]
    return [(t.low <= r <= t.high, t.estimate - r) for t, r in zip(told, reached, strict=True)]


def _objects(
    rng: np.random.Generator, kinds: NDArray[np.float64], each: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    y = np.repeat(np.arange(_CLASSES), each)
    X = kinds[y, rng.integers(0, _KINDS, len(y))] + rng.standard_normal((len(y), _COLUMNS))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), y


if __name__ == "__main__":
    main()
