"""The fitted members of a vote as plain arrays: the same logits, a row in microseconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ai_models.ensemble.compiled import kernel, linear, trees
from ai_models.ensemble.compiled.fitted import Fitted
from ai_models.ensemble.compiled.kernel import KernelMembers
from ai_models.ensemble.compiled.linear import LinearMembers
from ai_models.ensemble.compiled.trees import TreeMembers
from ai_models.ensemble.members import logits

__all__ = ["AsTheyAre", "CompiledVote", "Members"]


class Members(Protocol):
    """Members of one kind."""

    def logits(self, Z: NDArray[np.float64]) -> NDArray[np.float64]: ...


class AsTheyAre:
    """Members of a user's own, asked one after another.

    Parameters
    ----------
    members
        Fitted.
    n_classes
        k.

    Attributes
    ----------
    names
        Of the members.
    """

    def __init__(self, members: Sequence[Fitted], n_classes: int) -> None:
        self.names = [spec.name for spec, _, _ in members]
        self._members = members
        self._n_classes = n_classes

    def logits(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(
            [logits(model, Z[:, columns], spec.kind, self._n_classes) for spec, columns, model in self._members], axis=1
        )


class CompiledVote:
    """Members by kind, each kind in as few NumPy calls as it takes.

    Asked one by one, scikit-learn's estimators spend nearly all of their time on one row in checking it.

    Parameters
    ----------
    members
        Fitted on the same matrix.
    width
        Its columns.
    n_classes
        k.

    Attributes
    ----------
    linear
        The linear members; None where there is none.
    others
        The other kinds.
    order
        intp (members,), from members by kind, the linear ones first, to their own order.
    """

    def __init__(self, members: Sequence[Fitted], width: int, n_classes: int) -> None:
        known = (linear.KINDS, kernel.KINDS, trees.KINDS)
        places = [[i for i, (spec, _, _) in enumerate(members) if spec.kind in kinds] for kinds in known]
        places.append(sorted({*range(len(members))} - {i for place in places for i in place}))
        plain, kernels, grown, own = ([members[i] for i in place] for place in places)
        self.linear = LinearMembers(plain, width, n_classes) if plain else None
        self.others: list[Members] = []
        if kernels:
            self.others.append(KernelMembers(kernels, n_classes))
        if grown:
            self.others.append(TreeMembers(grown, width, n_classes))
        if own:
            self.others.append(AsTheyAre(own, n_classes))
        self.order = np.argsort(np.concatenate([np.array(place, dtype=np.intp) for place in places]))
        self._columns = [_union(plain), _union([*kernels, *grown, *own])]

    @property
    def columns_of_all(self) -> NDArray[np.intp]:
        """Columns of the matrix that any member sees."""
        return np.union1d(*self._columns)

    @property
    def columns_of_others(self) -> NDArray[np.intp]:
        """Columns of the matrix that members see which are not linear in it."""
        return self._columns[1]

    @property
    def linear_weights(self) -> NDArray[np.float64] | None:
        """Weights of the linear members, float64 (m, k, width); None where there is none."""
        return None if self.linear is None else self.linear.weights

    def blank_margins(self, n: int) -> NDArray[np.float64]:
        """Return what the linear members say of nothing, float64 (n, m, k), to add to."""
        assert self.linear is not None
        return np.tile(self.linear.intercepts, (n, 1, 1))

    def logits(self, Z: NDArray[np.float64], margins: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return each member's centred logits, float64 (members, n, k), in the order of the members.

        Parameters
        ----------
        Z
            float64 (n, width), finite.
        margins
            float64 (n, m, k), decision values of the linear members where they are known; else taken from Z.
        """
        found = [group.logits(Z) for group in self.others]
        if self.linear is not None:
            found.insert(0, self.linear.logits(self.linear.margins(Z) if margins is None else margins))
        return np.asarray(np.concatenate(found, axis=1).take(self.order, axis=1).swapaxes(0, 1))


def _union(members: Sequence[Fitted]) -> NDArray[np.intp]:
    return np.unique(np.concatenate([np.zeros(0, dtype=np.intp), *(columns for _, columns, _ in members)]))
