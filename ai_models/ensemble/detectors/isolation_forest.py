"""How few random cuts isolate a row."""

from __future__ import annotations

from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from ai_models.ensemble.compiled import IsolationForests
from ai_models.ensemble.detectors.base import Detector, Scores
from ai_models.ensemble.detectors.view import View

__all__ = ["Isolation"]

TREES = 40
"""In each fold's forest: a new row meets those of every fold."""


class Isolation(Detector):
    """Isolation forest (Liu, Ting & Zhou, ICDM 2008) on the rows; the score is ``-score_samples``, in (0, 1]."""

    name = "isolation_forest"

    def fit(self, known: View, y: NDArray[np.int64]) -> Self:
        self._forget()
        self.forest_ = IsolationForest(n_estimators=TREES, random_state=self.seed, n_jobs=1).fit(known.rows)
        return self

    def scores(self, rows: View) -> Scores:
        return np.asarray(self._flat.scores(rows.rows)[0])

    @cached_property
    def _flat(self) -> IsolationForests:
        return IsolationForests([self.forest_])
