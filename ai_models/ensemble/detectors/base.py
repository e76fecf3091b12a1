"""What a detector is: fitted on known rows, it says how unusual another row is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ai_models.ensemble.derived import Derived
from ai_models.ensemble.detectors.view import View

__all__ = ["Detector", "Scores"]

Scores = NDArray[np.float64]
"""float64 (n,), higher = more unusual."""


class Detector(Derived, ABC):
    """One way to tell how unusual a row is. Higher = more unusual; equal scores for all say that it cannot tell.

    Parameters
    ----------
    seed
        Of what is drawn, where something is.

    Attributes
    ----------
    name
        As reports call it.
    """

    name: ClassVar[str]

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    @abstractmethod
    def fit(self, known: View, y: NDArray[np.int64]) -> Self:
        """Learn what is usual.

        Parameters
        ----------
        known
            n training rows.
        y
            int64 (n,), their classes; any integers.
        """

    @abstractmethod
    def scores(self, rows: View) -> Scores:
        """Return how unusual each row is, float64 (n,)."""
