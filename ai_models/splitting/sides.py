"""Train, validation and test sides by group, and cross-validation folds among the training rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import SplitRefusedError
from ai_models.core.logs import get_logger
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import SplitConfig
from ai_models.folds import assign_folds, assign_holdout, largest_k

__all__ = ["crossing_groups", "split_for_training", "split_manifest"]

_SIDES = (Split.TRAIN, Split.VAL, Split.TEST)  # a group that stands on several belongs to the last of them
_log = get_logger(__name__)


def split_manifest(manifest: Manifest, config: SplitConfig) -> Manifest:
    """Fill the columns ``split`` and ``fold``.

    Parameters
    ----------
    manifest
        Rows with their groups. Rows that have a side keep it, whether it comes from train/val/test folders or from
        an earlier split; rows without one are placed around them. Folds are kept as well where their number is
        the one asked for.
    config
        Shares of groups, number of folds, seed.

    Returns
    -------
    Manifest
        Every labelled row on a side, training rows with a fold from 0, others -1; rows without a class are
        ``excluded``; copies stand where their photograph stands. Of a group that was found on several sides only the
        rows on the last of train, val, test stay, the others become ``excluded`` (see `crossing_groups`).

    Raises
    ------
    SplitRefusedError
        When there are fewer than two classes, or a class has too few groups for the sides and folds asked for;
        names the class, its groups and what to do.
    """
    rows = [r for r in manifest if not r.is_copy]
    sides = _existing_sides(rows, crossing_groups(manifest))
    placed = [i for i, side in enumerate(sides) if side is not Split.EXCLUDED]
    _refuse_few_classes(manifest, {rows[i].label for i in placed})
    labels = np.array([rows[i].label for i in placed])
    groups = np.array([_group(rows[i]) for i in placed])
    known = np.array([sides[i] for i in placed], dtype=object)
    chosen = _hold_out(labels, groups, known, config)
    for i, side in zip(placed, chosen, strict=True):
        sides[i] = side
    training = [i for i, side in enumerate(sides) if side is Split.TRAIN]
    folds = dict(zip(training, _folds([rows[i] for i in training], labels, config), strict=True))
    return _with_columns(manifest, {r.path: (sides[i], folds.get(i, -1)) for i, r in enumerate(rows)})


def split_for_training(manifest: Manifest, *, test_size: float, folds: int, seed: int) -> Manifest:
    """Split as training needs it: a test side, folds among the rest, no validation side of its own.

    Parameters
    ----------
    manifest
        Rows with their groups; sides that exist are kept.
    test_size
        Share of each class's groups to hold out; 0 holds out nothing.
    folds
        Folds of cross-validation among the training rows.
    seed
        Seed of every random choice.

    Raises
    ------
    SplitRefusedError
        See `split_manifest`.
    """
    return split_manifest(manifest, SplitConfig(test_size=test_size, val_size=0.0, folds=folds, seed=seed))


def crossing_groups(manifest: Manifest) -> dict[str, tuple[Split, ...]]:
    """Return the groups whose photographs stand on several sides: copies of one object that a score would count.

    Returns
    -------
    dict
        Group -> its sides in the order train, val, test; empty when nothing leaks.
    """
    found: dict[str, set[Split]] = defaultdict(set)
    for row in manifest:
        if row.group and row.split in _SIDES:
            found[row.group].add(row.split)
    return {g: tuple(s for s in _SIDES if s in on) for g, on in sorted(found.items()) if len(on) > 1}


def _group(row: ImageRecord) -> str:
    return row.group or f"\x00{row.path}"


def _existing_sides(rows: Iterable[ImageRecord], crossing: dict[str, tuple[Split, ...]]) -> list[Split]:
    """Return each row's side before anything is drawn; a row of a known group joins it."""
    rows = list(rows)
    of_group = {r.group: r.split for r in rows if r.group and r.split in _SIDES}
    sides: list[Split] = []
    for row in rows:
        side = row.split
        if not row.label or side is Split.EXCLUDED:
            side = Split.EXCLUDED
        elif row.group in crossing:
            side = side if side is crossing[row.group][-1] else Split.EXCLUDED
        elif side is Split.UNASSIGNED and row.group in of_group:
            side = of_group[row.group]
        sides.append(side)
    if crossing:
        name, found = next(iter(crossing.items()))
        _log.warning(
            "%d group(s) stand on several sides (such as '%s' on %s): rows outside the last side are excluded",
            len(crossing), name, " and ".join(found),
        )  # fmt: skip
    return sides


def _hold_out(
    labels: NDArray[np.str_], groups: NDArray[np.str_], known: NDArray[np.object_], config: SplitConfig
) -> list[Split]:
    """Place the rows without a side: the test side first, then validation among the rest."""
    chosen = known.copy()
    if (chosen == Split.UNASSIGNED).any():
        _refuse_few_groups(labels, groups, chosen == Split.UNASSIGNED, config)
    remaining = 1.0
    for side, share in ((Split.TEST, config.test_size), (Split.VAL, config.val_size)):
        free = chosen == Split.UNASSIGNED
        if share > 0 and free.any():
            within = np.flatnonzero(chosen != Split.TEST) if side is Split.VAL else np.arange(len(chosen))
            fixed = np.where(free, -1, chosen == side)[within]
            out = assign_holdout(labels[within], groups[within], share / remaining, seed=config.seed, fixed=fixed)
            chosen[within[out]] = side
        remaining -= share
    chosen[chosen == Split.UNASSIGNED] = Split.TRAIN
    return list(chosen)


def _folds(training: list[ImageRecord], classes: NDArray[np.str_], config: SplitConfig) -> list[int]:
    labels = np.array([r.label for r in training], dtype=np.str_)
    groups = np.array([_group(r) for r in training], dtype=np.str_)
    absent = sorted(set(classes.tolist()) - set(labels.tolist()))
    if absent:
        raise SplitRefusedError(
            f"class '{absent[0]}' has no images on the train side: put some into train/{absent[0]}, "
            "or take the class out of the other sides"
        )
    scarce = _scarcest(labels, groups)
    if scarce[1] < config.folds:
        raise SplitRefusedError(
            f"class '{scarce[0]}' has {_count(scarce[1])} left to train on (copies of one object count once), "
            f"too few for {config.folds} folds: {_advice(largest_k(labels, groups))}"
        )
    kept = _kept_folds(training, config.folds)
    return [int(f) for f in assign_folds(labels, groups, config.folds, seed=config.seed, fixed=kept)]


def _kept_folds(training: list[ImageRecord], k: int) -> NDArray[np.int64]:
    """Return the folds of an earlier split into k folds; a group joined from several takes its commonest."""
    if max((r.fold for r in training), default=-1) != k - 1:
        return np.full(len(training), -1, dtype=np.int64)
    votes: dict[str, Counter[int]] = defaultdict(Counter)
    for row in training:
        if row.fold >= 0:
            votes[_group(row)][row.fold] += 1
    of_group = {g: min(count, key=lambda fold: (-count[fold], fold)) for g, count in votes.items()}
    return np.array([of_group.get(_group(r), -1) for r in training], dtype=np.int64)


def _with_columns(manifest: Manifest, columns: dict[str, tuple[Split, int]]) -> Manifest:
    def place(row: ImageRecord) -> ImageRecord:
        split, fold = columns[row.source_id or row.path]
        return replace(row, split=split, fold=fold)

    return manifest.map(place)


# -- refusals ------------------------------------------------------------------------------------------
def _refuse_few_classes(manifest: Manifest, classes: set[str]) -> None:
    if len(classes) >= 2:
        return
    found = f"only '{next(iter(classes))}'" if classes else "none"
    raise SplitRefusedError(
        f"at least two classes are needed, but '{manifest.root}' has {found}: "
        "put the images of each class into a folder of its own"
    )


def _refuse_few_groups(
    labels: NDArray[np.str_], groups: NDArray[np.str_], free: NDArray[np.bool_], config: SplitConfig
) -> None:
    if not free.all():
        return  # beside rows that are placed already, only the search itself can tell
    name, n = _scarcest(labels, groups)
    held_out = [option for option, share in (("test", config.test_size), ("val", config.val_size)) if share > 0]
    needed = config.folds + len(held_out)
    if n >= needed:
        return
    sides = "".join(f" and a {option} side" for option in held_out)
    raise SplitRefusedError(
        f"class '{name}' has {_count(n)} of images (copies of one object count once), but {config.folds} folds{sides} "
        f"need {needed}: {_advice(min(n - len(held_out), largest_k(labels, groups)), held_out)}"
    )


def _scarcest(labels: NDArray[np.str_], groups: NDArray[np.str_]) -> tuple[str, int]:
    pairs = set(zip(labels.tolist(), groups.tolist(), strict=True))
    counts = Counter(label for label, _ in pairs)
    name = min(counts, key=lambda label: (counts[label], label))
    return name, counts[name]


def _count(n: int) -> str:
    return f"{n} group" if n == 1 else f"{n} groups"


def _advice(best: int, held_out: Iterable[str] = ("test",)) -> str:
    ways = [f"lower the folds to {best}"] if best >= 2 else []
    ways += [f"set --{option}-size to 0" for option in held_out]
    return ", ".join([*ways, "or add photographs of other objects of that class"])
