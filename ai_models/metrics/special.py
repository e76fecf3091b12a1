"""Quantiles of the normal, beta, binomial and Student distributions without SciPy, so that metrics need NumPy alone."""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = ["beta_cdf", "beta_quantile", "binomial_quantile", "normal_quantile", "student_quantile"]

_TINY = 1e-300


def normal_quantile(q: float) -> float:
    """Return the standard normal's quantile, q in (0, 1)."""
    return NormalDist().inv_cdf(q)


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), for x in [0, 1] and a, b > 0.

    By its continued fraction on the side where that converges fast (DLMF 8.17.22), evaluated with Lentz's method.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x <= (a + 1) / (a + b + 2):
        return front * _continued_fraction(x, a, b) / a
    return 1.0 - front * _continued_fraction(1 - x, b, a) / b


def beta_quantile(q: float, a: float, b: float) -> float:
    """Return x with I_x(a, b) = q, q in [0, 1], by bisection to the last bit."""
    low, high = 0.0, 1.0
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if beta_cdf(middle, a, b) < q:
            low = middle
        else:
            high = middle
        if high < _TINY:
            return 0.0


def binomial_quantile(q: float, n: int, p: float) -> int:
    """Return the smallest count x with P(X <= x) >= q for X of n draws of probability p, q in (0, 1)."""
    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        if 1.0 - beta_cdf(p, middle + 1, n - middle) >= q:
            high = middle
        else:
            low = middle
    return high


def student_quantile(q: float, df: float) -> float:
    """Return Student's t quantile, q in [.5, 1), df >= 1."""
    if q == 0.5:
        return 0.0
    x = beta_quantile(2 * (1 - q), df / 2, 0.5)
    return math.sqrt(df * (1 - x) / x)


def _continued_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _away_from_zero(1.0 + even * d)
        c = _away_from_zero(1.0 + even / c)
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / _away_from_zero(1.0 + odd * d)
        c = _away_from_zero(1.0 + odd / c)
        value *= d * c
        if abs(d * c - 1.0) < 1e-15:
            return value
    raise ArithmeticError(f"the incomplete beta function did not converge at x={x}, a={a}, b={b}")


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
