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

__all__ = ["CompiledVote"]


class _Members(Protocol):
    def logits(self, Z: NDArray[np.float64]) -> NDArray[np.float64]: ...


class _AsTheyAre:
    """Members of a user's own, asked one after another."""

    def __init__(self, members: Sequence[Fitted], n_classes: int) -> None:
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
    """

    def __init__(self, members: Sequence[Fitted], width: int, n_classes: int) -> None:
        def of(kinds: Sequence[str]) -> list[int]:
            return [i for i, (spec, _, _) in enumerate(members) if spec.kind in kinds]

        known = (*linear.KINDS, *kernel.KINDS, *trees.KINDS)
        places = [of(kinds) for kinds in (linear.KINDS, kernel.KINDS, trees.KINDS)]
        places.append([i for i, (spec, _, _) in enumerate(members) if spec.kind not in known])
        chosen = [[members[i] for i in place] for place in places]
        self._groups: list[_Members] = []
        if chosen[0]:
            self._groups.append(LinearMembers(chosen[0], width, n_classes))
        if chosen[1]:
            self._groups.append(KernelMembers(chosen[1], n_classes))
        if chosen[2]:
            self._groups.append(TreeMembers(chosen[2], width, n_classes))
        if chosen[3]:
            self._groups.append(_AsTheyAre(chosen[3], n_classes))
        self._order = np.argsort(np.concatenate([np.array(place, dtype=np.intp) for place in places]))

    def logits(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each member's centred logits, float64 (members, n, k), in the order of the members.

        Parameters
        ----------
        Z
            float64 (n, width), finite.
        """
        found = np.concatenate([group.logits(Z) for group in self._groups], axis=1)
        return np.asarray(found.take(self._order, axis=1).swapaxes(0, 1))
