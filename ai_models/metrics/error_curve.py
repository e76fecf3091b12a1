"""How an error falls with the number of objects: an inverse power law, averaged over what the points leave open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import generator
from ai_models.metrics.intervals import Interval

__all__ = ["FARTHEST", "ErrorCurve", "Shapes", "fit_error_curve"]

Floats = NDArray[np.float64]

FARTHEST = 4.0
"""Factor beyond the largest size at which a curve is no longer answered for."""
_LASTING = np.linspace(0.0, 1.0, 21)
_RATES = np.geomspace(0.2, 1.6, 10)
_LATE = np.array([0.0, 0.1, 0.25, 0.5, 1.0])
_DRAWS = 4000
_MISFIT = 0.005
"""Standard deviation of a point about any power law, beside the noise that is measured."""
_WANDER = 0.01
"""Standard deviation that a doubling beyond the largest size adds, for no curve need go on as it began."""


@dataclass(frozen=True)
class Shapes:
    """Weights of the shapes that an error curve may have.

    Attributes
    ----------
    lasting
        float64 (s,), in [0, 1]: the share of the error at the largest size that no number of objects removes.
    rates
        float64 (s,), the exponent at which the rest falls.
    late
        float64 (s,), in units of the largest size: how late the fall begins, for no error exceeds that of guessing.
    weights
        float64 (s,), their sum is 1.
    """

    lasting: Floats
    rates: Floats
    late: Floats
    weights: Floats

    @classmethod
    def even(cls) -> Shapes:
        """Return what is taken to be possible before any point is seen: no share and no rate above another."""
        lasting, rates, late = (grid.ravel() for grid in np.meshgrid(_LASTING, _RATES, _LATE, indexing="ij"))
        return cls(lasting, rates, late, np.full(len(rates), 1 / len(rates)))

    def picked(self, number: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Return places of so many shapes, each picked as often as its weight says."""
        places = (rng.permutation(number) + 0.5) / number
        return np.minimum(np.searchsorted(np.cumsum(self.weights), places), len(self.weights) - 1)

    def only(self, chosen: NDArray[np.intp]) -> Shapes:
        """Return some shapes, each as likely as the others."""
        even = np.full(len(chosen), 1 / len(chosen))
        return Shapes(self.lasting[chosen], self.rates[chosen], self.late[chosen], even)

    def at(self, factor: float) -> Floats:
        """Return the error at `factor` times the largest size over that at it, float64 (s,)."""
        falling = ((factor + self.late) / (1 + self.late)) ** -self.rates
        return np.asarray(self.lasting + (1 - self.lasting) * falling, dtype=np.float64)

    def halfway(self, factor: float) -> Floats:
        """Return the factor that brings half of the fall that `factor` brings, float64 (s,)."""
        falling = ((factor + self.late) / (1 + self.late)) ** -self.rates
        return np.asarray((1 + self.late) * ((1 + falling) / 2) ** (-1 / self.rates) - self.late, dtype=np.float64)


@dataclass(frozen=True)
class ErrorCurve:
    """Error rate against number of objects, as equally likely curves.

    Attributes
    ----------
    largest
        Largest number of objects that was measured.
    shapes
        What the points leave of the shapes.
    drawn, errors
        The d curves: their shapes, and float64 (d,), the error at `largest`.
    wander
        float64 (d,), standard normal: how each leaves its law beyond `largest`.
    """

    largest: float
    shapes: Shapes
    drawn: Shapes
    errors: Floats
    wander: Floats

    def draws(self, size: float) -> Floats:
        """Return the error of each curve at a number of objects, float64 (d,), in [0, 1].

        Raises
        ------
        ValueError
            Beyond `FARTHEST` times the largest size.
        """
        factor = size / self.largest
        if not 0 < factor <= FARTHEST * (1 + 1e-9):
            raise ValueError(
                f"a curve measured with up to {self.largest:g} objects was asked for {size:g}: it is answered for up "
                f"to {FARTHEST:g} times as many"
            )
        law = self.errors * self.drawn.at(factor)
        beyond = max(0.0, float(np.log2(factor)))
        return np.asarray(np.clip(law + _WANDER * beyond * self.wander, 0.0, 1.0), dtype=np.float64)

    def at(self, size: float, level: float = 0.95) -> Interval:
        """Return the error at a number of objects, with its interval."""
        return _interval(self.draws(size), level)

    def fall(self, size: float, level: float = 0.95) -> Interval:
        """Return by how much the error at `size` lies below that at the largest size."""
        return _interval(self.errors - self.draws(size), level)


def fit_error_curve(
    sizes: Floats, errors: Floats, covariance: Floats, *, seed: int, shapes: Shapes | None = None
) -> ErrorCurve:
    """Fit ``error(n) = e (a + (1 - a) ((f + d) / (1 + d))^-c)``, f = n / largest, with every a, c, d that points allow.

    Parameters
    ----------
    sizes
        float64 (m,), objects fitted on; above 0, rising.
    errors
        float64 (m,), error rates measured with them.
    covariance
        float64 (m, m), of their noise. The same photographs are scored at each size, so points move together and
        the shape is known better than the height.
    seed
        Of the draws.
    shapes
        What is taken to be possible beforehand; even where None.

    Notes
    -----
    a in [0, 1], c in [0.2, 1.6] and d in [0, 1] are averaged over on a grid, e is integrated out in closed form
    (Gaussian noise, flat prior), so that the bounds hold what another exponent would say. For the inverse power law
    and what goes wrong with curves see Viering and Loog, arXiv:2103.10948 (2021); for d, without which curves that
    begin near guessing are continued too flat, Mohr et al., LCDB (ECML 2022). An error that rises with n fits no
    shape; the flattest does best then.
    """
    before = shapes or Shapes.even()
    largest = float(sizes[-1])
    noise = np.asarray(covariance, dtype=np.float64) + _MISFIT**2 * np.eye(len(sizes))
    F = np.stack([before.at(float(n) / largest) for n in sizes], axis=1)
    weighted = np.linalg.solve(noise, F.T).T
    precision = (weighted * F).sum(axis=1)
    centre = weighted @ errors / precision
    left = errors[None] - centre[:, None] * F
    misfit = (left * np.linalg.solve(noise, left.T).T).sum(axis=1)
    with np.errstate(divide="ignore"):
        score = np.log(before.weights) - 0.5 * misfit - 0.5 * np.log(precision)
    weights = np.exp(score - score.max())
    after = Shapes(before.lasting, before.rates, before.late, weights / weights.sum())
    rng = generator(seed, "error curve")
    chosen = after.picked(_DRAWS, rng)
    heights = centre[chosen] + rng.standard_normal(_DRAWS) / np.sqrt(precision[chosen])
    return ErrorCurve(largest, after, after.only(chosen), np.clip(heights, 0.0, 1.0), rng.standard_normal(_DRAWS))


def _interval(draws: Floats, level: float) -> Interval:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(draws.mean()), float(low), float(high), level)
