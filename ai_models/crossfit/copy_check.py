"""Which augmented copies a fold must not fit on: the label check, repeated on that fold's own fitting rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ai_models.core.records import Manifest
from ai_models.crossfit.label_probes import LabelProbes
from ai_models.crossfit.label_safety import judge
from ai_models.metrics.paired import PairedDifference

__all__ = ["CopyCheck", "worth_keeping"]


def worth_keeping(gain: PairedDifference, *, elsewhere: bool) -> bool:
    """Say whether copies are fitted on.

    Parameters
    ----------
    gain
        Log loss of the photographs without minus with copies.
    elsewhere
        Whether copies show objects on other backgrounds. Then they are there for photographs that look unlike these,
        which these cannot show: they stay unless they cost more than one standard error here. All others must help by
        more than one.
    """
    return gain.mean > (-gain.se if elsewhere else gain.se)


@dataclass(frozen=True)
class CopyCheck:
    """What was done to each copy, and the embeddings that say whether it is safe.

    Attributes
    ----------
    probes
        Photographs and their changed versions.
    probe_of
        int64 (n,), place in the probes of each row that is a probed photograph, else -1.
    used
        bool (n, transforms of the probes), what was done to each copy.
    classes
        Class names.
    """

    probes: LabelProbes
    probe_of: NDArray[np.int64]
    used: NDArray[np.bool_]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, manifest: Manifest, probes: LabelProbes) -> CopyCheck:
        """Return the check of a manifest's rows; of an object that was probed twice, the first photograph counts."""
        place = {path: i for i, path in enumerate(probes.paths)}
        probe_of = np.full(len(manifest), -1, dtype=np.int64)
        used = np.zeros((len(manifest), len(probes.transforms)), dtype=np.bool_)
        objects: set[str] = set()
        for i, (row, group) in enumerate(zip(manifest, manifest.groups.tolist(), strict=True)):
            done = row.extra.get("transforms", "").split("+") if row.is_copy else []
            used[i] = [name in done for name in probes.transforms]
            if row.path in place and group not in objects:
                objects.add(group)
                probe_of[i] = place[row.path]
        return cls(probes, probe_of, used, tuple(manifest.classes))

    def take(self, rows: NDArray[np.int64]) -> CopyCheck:
        """Return the check of some of the rows."""
        return replace(self, probe_of=self.probe_of[rows], used=self.used[rows])

    def refused(
        self, photographs: NDArray[np.int64], copies: NDArray[np.int64], y: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Say which copies were made by a transform that is not safe for their class.

        Parameters
        ----------
        photographs
            Rows that are fitted on; nothing else is looked at.
        copies
            Rows of copies that might be fitted on.
        y
            Labels of all rows.

        Returns
        -------
        numpy.ndarray
            bool (len(copies),).
        """
        own = photographs[self.probe_of[photographs] >= 0]
        names = self.probes.transforms
        columns = [t for t in range(len(names)) if self.used[copies, t].any()]
        if not len(own) or not columns:
            return np.zeros(len(copies), dtype=np.bool_)
        places = self.probe_of[own]
        changed = {names[t]: self.probes.changed[t, places] for t in columns}
        findings = judge(self.probes.plain[places], changed, y[own], self.classes)
        off = np.zeros((len(self.classes), len(names)), dtype=np.bool_)
        for (label, name), finding in findings.items():
            off[self.classes.index(label), names.index(name)] = not finding.allows(name)
        return np.asarray((self.used[copies] & off[y[copies]]).any(axis=1), dtype=np.bool_)
