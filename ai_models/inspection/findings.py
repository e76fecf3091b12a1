"""What a look at a folder found, the gravest first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that the owner of the photographs should know.

    Attributes
    ----------
    rank
        1 = figures would be wrong, 2 = mend before training, 3 = worth knowing.
    kind
        Stable name, such as ``"leak"``.
    message
        One sentence.
    paths
        The files that it is about, or some of them.
    """

    rank: int
    kind: str
    message: str
    paths: tuple[str, ...] = ()
