"""scikit-learn CV splitters on `assign_folds`, once and repeated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ai_models.core.errors import ConfigError, DataError
from ai_models.core.rng import derive_seed
from ai_models.folds.assignment import assign_folds

__all__ = ["GroupedStratifiedKFold", "RepeatedGroupedStratifiedKFold"]


class GroupedStratifiedKFold:
    """scikit-learn CV splitter on `assign_folds`.

    Unlike ``sklearn.model_selection.StratifiedGroupKFold`` no fold is ever empty or without a class, and the folds
    do not depend on the order of the rows.

    Parameters
    ----------
    n_splits
        Number of folds, at least 2.
    seed
        Seed of the tie-breaks.
    """

    def __init__(self, n_splits: int = 5, seed: int = 0) -> None:
        self.n_splits = n_splits
        self.seed = seed

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_splits={self.n_splits}, seed={self.seed})"

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds; the arguments are ignored."""
        return self.n_splits

    def split(
        self, X: Any, y: ArrayLike, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield the row indices to fit on and to score, fold by fold; X is ignored.

        Raises
        ------
        DataError
            When `groups` is missing: splitting rows of one object apart is the leak that this class exists against.
        SplitRefusedError
            See `assign_folds`.
        """
        if groups is None:
            raise DataError(
                f"{type(self).__name__} needs groups: pass groups=, one name a row for each physical object"
            )
        folds = assign_folds(y, groups, self.n_splits, seed=self.seed)
        for fold in range(self.n_splits):
            yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


class RepeatedGroupedStratifiedKFold:
    """scikit-learn CV splitter: `GroupedStratifiedKFold` several times, each time with a seed of its own.

    Parameters
    ----------
    n_splits
        Number of folds of one repeat, at least 2.
    n_repeats
        How often all rows are divided, at least 1.
    seed
        Seed that those of the repeats derive from. Repeats differ where the groups leave a choice: which of several
        alike groups stands in which fold, and which of several equally even divisions is taken.
    """

    def __init__(self, n_splits: int = 5, n_repeats: int = 10, seed: int = 0) -> None:
        self.n_splits = n_splits
        self.n_repeats = n_repeats
        self.seed = seed

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}(n_splits={self.n_splits}, n_repeats={self.n_repeats}, seed={self.seed})"

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds of all repeats; the arguments are ignored."""
        return self.n_splits * self.n_repeats

    def split(
        self, X: Any, y: ArrayLike, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield the row indices to fit on and to score, repeat by repeat; see `GroupedStratifiedKFold.split`."""
        if self.n_repeats < 1:
            raise ConfigError([f"the number of repeats must be at least 1, got {self.n_repeats}"])
        for repeat in range(self.n_repeats):
            seed = derive_seed(self.seed, "repeat", repeat)
            yield from GroupedStratifiedKFold(self.n_splits, seed).split(X, y, groups)
