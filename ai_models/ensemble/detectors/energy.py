"""How little a linear classifier is reminded of any class, alone and beside what it does not see."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from ai_models.ensemble.detectors.base import Detector, Scores
from ai_models.ensemble.detectors.view import View

__all__ = ["Energy", "VirtualLogit"]


class Energy(Detector):
    """E(x) = -log sum over classes of exp(logit) (Liu et al., NeurIPS 2020). Constant where there is a single class."""

    name = "energy"

    def fit(self, known: View, y: NDArray[np.int64]) -> Self:
        return self

    def scores(self, rows: View) -> Scores:
        top = rows.logits.max(axis=1)
        return np.asarray(-top - np.log(np.exp(rows.logits - top[:, None]).sum(axis=1)))


class VirtualLogit(Energy):
    """ViM: a |residual| + E(x), the residual being what the principal components leave of x.

    Wang et al. (CVPR 2022), *ViM: out-of-distribution with virtual-logit matching*: a = sum of the largest logits over
    sum of the residuals of the known rows, so that the residual speaks as loud as a logit. Components about the mean
    of the rows (the paper: about the point without bias).
    """

    name = "vim"

    def fit(self, known: View, y: NDArray[np.int64]) -> Self:
        residuals = float(known.across.sum())
        confident = float(known.logits.max(axis=1).sum())
        self.scale_ = confident / residuals if confident > 0 and residuals > 0 else 1.0
        return self

    def scores(self, rows: View) -> Scores:
        return np.asarray(self.scale_ * rows.across + super().scores(rows))
