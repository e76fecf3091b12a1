"""How far an exported file is from the model, and whether that is near enough to be handed out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXACT", "INT8", "Agreement", "Gate"]


@dataclass(frozen=True)
class Gate:
    """What an export must show.

    Attributes
    ----------
    labels
        Least share of rows with the same label, in [0, 1].
    largest, median
        Most that a probability may be off: of all, and the median over rows of the row's largest.
    """

    labels: float
    largest: float
    median: float

    def describe(self) -> str:
        """Return the gate in a clause."""
        most = f"no probability off by more than {self.largest:g}" if self.largest < 1 else ""
        usual = f"the median row off by at most {self.median:g}" if self.median < self.largest else ""
        return f"{self.labels:.0%} equal labels and {' and '.join(filter(None, (most, usual)))}"


EXACT = Gate(labels=1.0, largest=1e-4, median=1e-4)
"""Of a graph that computes the same in the same precision."""
INT8 = Gate(labels=0.98, largest=1.0, median=0.02)
"""Of a network in INT8: other numbers, hardly other answers."""


@dataclass(frozen=True)
class Agreement:
    """Answers of an exported file beside those of the model.

    Attributes
    ----------
    rows
        Rows of features or pictures that were compared.
    labels
        Share of them with the same label.
    largest, median
        Of the rows' largest differences of a probability, the largest and the median.
    """

    rows: int
    labels: float
    largest: float
    median: float

    @classmethod
    def of(cls, expected: NDArray[np.float64], got: NDArray[Any]) -> Self:
        """Compare probabilities, (n, k) each."""
        if expected.shape != got.shape or not np.isfinite(got).all():
            return cls(len(expected), 0.0, 1.0, 1.0)
        off = np.abs(expected - got).max(axis=1)
        same = expected.argmax(axis=1) == got.argmax(axis=1)
        return cls(len(expected), float(same.mean()), float(off.max()), float(np.median(off)))

    def passes(self, gate: Gate) -> bool:
        """Return whether it is near enough."""
        return self.labels >= gate.labels and self.largest <= gate.largest and self.median <= gate.median

    def to_dict(self) -> dict[str, float]:
        """Return the figures for JSON."""
        return asdict(self)

    def describe(self) -> str:
        """Return the figures in a clause."""
        return (
            f"{self.labels:.2%} equal labels on {self.rows:,} rows, probabilities off by at most {self.largest:.2g} "
            f"(median {self.median:.2g})"
        )
