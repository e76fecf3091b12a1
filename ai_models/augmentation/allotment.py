"""How many copies each class and each photograph gets: arithmetic on the manifest, no pixels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ai_models.core.errors import DataError
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.rng import derive_seed
from ai_models.core.settings import AugmentationConfig

__all__ = ["ClassShare", "allot", "training_photographs"]

_EXTRA_STRENGTH = 0.5


@dataclass(frozen=True, slots=True)
class ClassShare:
    """What one class gets.

    Attributes
    ----------
    photographs
        Readable training photographs.
    copies
        Copies to make.
    strength
        What the transforms' strengths are multiplied by: 1 for the largest class, towards 1.5 for the smallest.
    parents
        (photograph, number of its copies), in the manifest's order, without those that get none.
    """

    photographs: int
    copies: int
    strength: float
    parents: tuple[tuple[ImageRecord, int], ...]


def training_photographs(manifest: Manifest) -> tuple[ImageRecord, ...]:
    """Return the labelled training rows that can be decoded, or have not been looked at yet.

    Raises
    ------
    DataError
        When there are none, or when the manifest holds copies already.
    """
    if manifest.copies():
        raise DataError("the manifest already holds augmented copies: give the manifest of the photographs")
    rows = tuple(r for r in manifest if r.split is Split.TRAIN and r.label and (r.width > 0 or not r.sha256))
    if not rows:
        raise DataError(
            f"none of the {len(manifest)} rows is a readable, labelled training row, and only those are augmented: "
            "split the manifest first"
        )
    return rows


def allot(manifest: Manifest, config: AugmentationConfig) -> dict[str, ClassShare]:
    """Divide the copies among classes and photographs.

    A class of n training photographs gets ``min(target - n, round(augmentation_factor * n))`` copies, never fewer
    than none, where target is ``target_samples`` or the size of the largest class. They are spread evenly over its
    photographs, byte-identical ones counting as one parent; what is left over goes to photographs in the order of
    a hash, so that it does not depend on the order of rows.

    Parameters
    ----------
    manifest
        Rows with their split.
    config
        ``target_samples``, ``augmentation_factor`` and ``seed`` are used.

    Returns
    -------
    dict
        Class name -> share, in sorted order.

    Raises
    ------
    DataError
        See `training_photographs`.
    """
    rows = training_photographs(manifest)
    sizes = Counter(r.label for r in rows)
    largest = max(sizes.values())
    target = config.target_samples or largest
    shares = {}
    for label, n in sorted(sizes.items()):
        copies = max(0, min(target - n, round(config.augmentation_factor * n)))
        shares[label] = ClassShare(
            photographs=n,
            copies=copies,
            strength=1.0 + _EXTRA_STRENGTH * (1.0 - n / largest),
            parents=_spread([r for r in rows if r.label == label], copies, config.seed),
        )
    return shares


def _spread(rows: list[ImageRecord], copies: int, seed: int) -> tuple[tuple[ImageRecord, int], ...]:
    by_content: dict[str, ImageRecord] = {}
    for row in rows:
        by_content.setdefault(row.sha256 or row.path, row)
    parents = list(by_content.items())
    each, left = divmod(copies, len(parents))
    lucky = set(sorted(by_content, key=lambda content: (derive_seed(seed, "allot", content), content))[:left])
    counts = [(row, each + (content in lucky)) for content, row in parents]
    return tuple((row, n) for row, n in counts if n)
