"""From images to edges: equal bytes, equal pixels, near-equal pictures, pictures that lie over one another."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import DataError, ImageError
from ai_models.core.images import decode, read_bytes, read_image
from ai_models.core.paths import to_text
from ai_models.core.records import Manifest
from ai_models.core.settings import FeatureConfig
from ai_models.duplicates.candidates import candidate_rounds
from ai_models.duplicates.empirical_null import EmpiricalNull
from ai_models.duplicates.fingerprint import Fingerprint
from ai_models.duplicates.graph import DuplicateEdge, EdgeKind
from ai_models.duplicates.keypoints import LONGEST, working_grey
from ai_models.duplicates.known_pairs import KnownPairs, Laid
from ai_models.duplicates.looks import Look, Looks, look_at
from ai_models.duplicates.matching import near_matches
from ai_models.duplicates.registration import evidence, register
from ai_models.duplicates.symmetry import SYMMETRIES
from ai_models.execution import map_ordered
from ai_models.features.cache import FeatureCache

__all__ = ["SURE", "Evidence", "duplicate_evidence", "find_duplicates"]

SURE = 0.6
"""Evidence that no level reaches: what it joins is not compared again, so some edges of a group may be left out."""


@dataclass(frozen=True)
class Evidence:
    """What says that images show one object.

    Attributes
    ----------
    edges
        Sorted.
    null
        What the evidence of different objects looks like in this folder; None where no pictures were laid over one
        another.
    registrable
        Evidence in [0, 1] of every pair of pictures that could be laid over one another, joined or not.
    """

    edges: tuple[DuplicateEdge, ...] = ()
    null: EmpiricalNull | None = None
    registrable: tuple[float, ...] = ()


def duplicate_evidence(
    looks: Looks,
    file_of: Callable[[str], Path],
    *,
    near: bool = True,
    registered: bool = True,
    features: FeatureConfig | None = None,
    workers: int = 0,
) -> Evidence:
    """Return the evidence among images that have been looked at.

    Of images that are equal one stands for all: each of the others has an edge to it, and it alone is compared further.

    Parameters
    ----------
    looks
        The images.
    file_of
        Path -> file, for those that are read once more.
    near
        Whether to look beyond equal bytes and pixels.
    registered
        Whether to lay pictures over one another as well; needs `near` and the keypoints of the images.
    features
        Where the embeddings of a large folder are cached; defaults where None.
    workers
        Threads; 0 for one a core.

    Raises
    ------
    DataError
        When a file cannot be read any more.
    """
    edges: list[DuplicateEdge] = []
    standing = sorted(range(len(looks)), key=looks.paths.__getitem__)
    kinds: tuple[tuple[EdgeKind, Sequence[Hashable]], ...] = (("bytes", looks.hashes), ("pixels", looks.pixels))
    for kind, content in kinds:
        classes: dict[Hashable, list[int]] = defaultdict(list)
        for i in standing:
            classes[content[i]].append(i)
        edges += [
            DuplicateEdge(looks.paths[alike[0]], looks.paths[other], kind)
            for alike in classes.values()
            for other in alike[1:]
        ]
        standing = [alike[0] for alike in classes.values()]
    if not near:
        return Evidence(tuple(sorted(edges)))
    matches = near_matches(_Chosen(looks, standing))
    for m in matches:
        a, b = looks.paths[standing[m.a]], looks.paths[standing[m.b]]
        edges.append(DuplicateEdge(a, b, "near", m.symmetry.name, round(1 - m.agreement, 4)))
    if not registered:
        return Evidence(tuple(sorted(edges)))
    files = [file_of(looks.paths[i]) for i in standing]
    together = _Components(len(standing))
    for m in matches:
        together.join(m.a, m.b)
    place = {looks.paths[i]: at for at, i in enumerate(standing)}
    found: list[tuple[str, str, str, int, float]] = []
    settings = features or FeatureConfig()
    known = KnownPairs(FeatureCache.of(settings))
    for pairs in candidate_rounds(files, features=settings, workers=workers):
        apart = [pair for pair in pairs.tolist() if not together.joined(*pair)]
        laid = list(_registered(looks, file_of, [(standing[a], standing[b]) for a, b in apart], known, workers))
        found += laid
        for a, b, *_, weight in laid:
            if weight >= SURE:
                together.join(place[a], place[b])
    weights = tuple(weight for *_, weight in found)
    null = EmpiricalNull.fit(weights)
    for a, b, transform, inliers, weight in found:
        if weight >= null.threshold:
            rate = round(float(null.false_discovery(weight)), 6)
            edges.append(DuplicateEdge(a, b, "registered", transform, round(1 - weight, 4), inliers, rate))
    return Evidence(tuple(sorted(edges)), null, weights)


def find_duplicates(
    manifest: Manifest, *, near: bool = True, features: FeatureConfig | None = None, workers: int = 0
) -> Evidence:
    """Read the photographs of a manifest and return the evidence among them (copies are not looked at).

    Raises
    ------
    DataError
        When a row cannot be read or decoded.
    """
    rows = manifest.originals()
    looks = Looks()
    answers = map_ordered(partial(_read, local=near), rows.files, workers=workers, label="duplicates", total=len(rows))
    for row, (digest, look) in zip(rows, answers, strict=True):
        looks.add(row.path, digest, look)
    return duplicate_evidence(
        looks, manifest.root.joinpath, near=near, registered=near, features=features, workers=workers
    )


class _Components:
    """Which of n things are joined, directly or through others."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def join(self, a: int, b: int) -> None:
        first, second = sorted((self._root(a), self._root(b)))
        self._parent[second] = first

    def joined(self, a: int, b: int) -> bool:
        return self._root(a) == self._root(b)

    def _root(self, i: int) -> int:
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i


class _Chosen:
    """Some of the fingerprints, read when they are asked for."""

    def __init__(self, looks: Looks, rows: Sequence[int]) -> None:
        self.looks = looks
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Fingerprint:
        return self.looks[self.rows[index]]


def _registered(
    looks: Looks, file_of: Callable[[str], Path], pairs: list[tuple[int, int]], known: KnownPairs, workers: int
) -> Iterator[tuple[str, str, str, int, float]]:
    """Yield (a, b, transform, inliers, evidence) of the pairs that can be laid over one another, a < b by path."""
    tasks = [(a, [b for _, b in run]) for a, run in groupby(pairs, key=lambda pair: pair[0])]

    def compare(task: tuple[int, list[int]]) -> tuple[dict[int, Laid | None], dict[str, Laid | None]]:
        a, others = task
        earlier = known.recall(looks.hashes[a], [looks.hashes[b] for b in others])
        fresh: dict[str, Laid | None] = {}
        one = looks.keypoints(a) if len(earlier) < len(others) else None
        grey: NDArray[np.uint8] | None = None
        for b in others:
            if one is None or looks.hashes[b] in earlier:
                continue
            two, fresh[looks.hashes[b]] = looks.keypoints(b), None
            found = register(one, two)
            if found is not None:
                grey = _grey(file_of(looks.paths[a]), one.size) if grey is None else grey
                weight = evidence(found, grey, _grey(file_of(looks.paths[b]), two.size))
                fresh[looks.hashes[b]] = Laid(_turn(found.homography, found.mirrored), found.inliers, weight)
        return {b: {**earlier, **fresh}[looks.hashes[b]] for b in others}, fresh

    answers = map_ordered(compare, tasks, workers=workers, label="compare", unit="photo")
    for (a, _), (found, fresh) in zip(tasks, answers, strict=True):
        known.keep(looks.hashes[a], fresh)
        yield from ((looks.paths[a], looks.paths[b], *laid) for b, laid in found.items() if laid is not None)
    known.flush()


def _turn(H: NDArray[np.float64], mirrored: bool) -> str:
    """Return the name of the flip or quarter turn that a homography is nearest to."""
    linear = H[:2, :2] @ np.diag([-1.0 if mirrored else 1.0, 1.0])

    def fit(number: int) -> float:
        s = SYMMETRIES[number]
        axes = np.eye(2)[::-1] if s.transposed else np.eye(2)
        return float((np.diag([-1.0 if s.columns else 1.0, -1.0 if s.rows else 1.0]) @ axes * linear).sum())

    return SYMMETRIES[max(range(len(SYMMETRIES)), key=fit)].name


def _grey(file: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    try:
        grey = working_grey(read_image(file, size=LONGEST))
    except ImageError as error:
        raise _unreadable(file, error) from error
    # decoded at a smaller scale, a side may be a pixel off what the keypoints were found in
    return grey if grey.shape[::-1] == size else np.asarray(cv2.resize(grey, size), dtype=np.uint8)


def _read(file: Path, *, local: bool) -> tuple[str, Look]:
    try:
        data = read_bytes(file)
        return hashlib.sha256(data).hexdigest(), look_at(decode(data), local=local)
    except ImageError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: ImageError) -> DataError:
    return DataError(f"'{to_text(str(file))}' cannot be read ({error}): take its row out of the manifest")
