"""What a fitted member is, and the two steps that end every member's logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.ensemble.members import MemberSpec

__all__ = ["Fitted", "centred", "log_softmax"]

Fitted = tuple[MemberSpec, NDArray[np.intp], Any]
"""A spec, the columns of the scaled matrix that it sees, the classifier that was fitted on them."""


def centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values less their mean over the last axis."""
    return np.asarray(values - values.mean(axis=-1, keepdims=True))


def log_softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of the softmax over the last axis."""
    shifted = values - values.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
